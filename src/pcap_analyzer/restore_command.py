"""`pcap-analyzer restore`: what `pcap-analyzer backup` made, put back."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pcap_analyzer.adapters.backup import restore
from pcap_analyzer.audit import OPERATOR, note, noting
from pcap_analyzer.config import Settings, load
from pcap_analyzer.wiring import audit_log, lock, require_no_workers, sqlite_file

STANDARD = "-"
TEXT = """Put a backup into DATA_DIR. No service and no worker may be running there.

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
    with closing(audit_log(settings, rotates=False)) as audit, noting(audit, OPERATOR):
        try:
            files = _put_back(settings, given)
        except Exception:
            note("backup.refused")
            raise
        note("backup.restored", files=len(files), size_bytes=sum(files.values()))
    print(f"restored {len(files)} files, {sum(files.values()) / 1e6:.1f} MB", file=sys.stderr)
    return 0


def _put_back(settings: Settings, given: Namespace) -> Mapping[str, int]:
    """What was put back: bytes by name."""
    source = sys.stdin.buffer if given.source == STANDARD else Path(given.source)
    claimed = lock(settings.data_dir)
    try:
        require_no_workers(settings.data_dir)
        return restore(source, settings.data_dir, sqlite_file(settings), replace=given.replace).files
    finally:
        os.close(claimed)
