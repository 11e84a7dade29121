"""`pcap-analyzer restore`: what `pcap-analyzer backup` made, put back."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pcap_analyzer.adapters.backup import restore
from pcap_analyzer.config import load
from pcap_analyzer.wiring import lock, sqlite_file

STANDARD = "-"
TEXT = """Put a backup into DATA_DIR. No service may be running there.

DIR is a folder that `backup DIR` made; - reads the archive of `backup -` from standard input. The backup is read and
checked as a whole before anything is replaced.

example:
  zstdcat monday.tar.zst | DATA_DIR=./data pcap-analyzer restore -"""


def options(parser: ArgumentParser) -> None:
    parser.description = TEXT
    parser.add_argument("source", metavar="DIR|-")
    parser.add_argument("--replace", action="store_true", help="remove the data that DATA_DIR holds already")


def run(given: Namespace) -> int:
    os.umask(0o077)
    settings = load()
    source = sys.stdin.buffer if given.source == STANDARD else Path(given.source)
    claimed = lock(settings.data_dir)
    try:
        files = restore(source, settings.data_dir, sqlite_file(settings), replace=given.replace).files
    finally:
        os.close(claimed)
    print(f"restored {len(files)} files, {sum(files.values()) / 1e6:.1f} MB", file=sys.stderr)
    return 0
