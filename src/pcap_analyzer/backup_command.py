"""`pcap-analyzer backup`: a copy of all that the service keeps, taken while it runs."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pcap_analyzer.adapters.backup import BackupError, staged, write_archive, write_folder
from pcap_analyzer.audit import OPERATOR, note, noting
from pcap_analyzer.config import Settings, load
from pcap_analyzer.wiring import audit_log, sqlite_file

STANDARD = "-"
TEXT = """Copy all that the service keeps, while it runs: database, captures, reports, all of one moment.

DIR is a folder that is empty or new; - writes a tar archive to standard output. DATA_DIR is that of the service.

examples:
  DATA_DIR=./data pcap-analyzer backup /backups/monday
  DATA_DIR=./data pcap-analyzer backup - | zstd > monday.tar.zst"""


def options(parser: ArgumentParser) -> None:
    parser.description = TEXT
    parser.add_argument("target", metavar="DIR|-")


def run(given: Namespace) -> int:
    # Captures are nobody else's to read, in a backup neither.
    os.umask(0o077)
    settings = load()
    if given.target == STANDARD and sys.stdout.isatty():
        raise BackupError("the archive would fill the terminal: add > FILE, or name a folder")
    with closing(audit_log(settings, rotates=False)) as audit, noting(audit, OPERATOR):
        try:
            files = _save(settings, given.target)
        except Exception:
            note("backup.failed")
            raise
        note("backup.made", files=len(files), size_bytes=sum(files.values()))
    print(f"saved {len(files)} files, {sum(files.values()) / 1e6:.1f} MB", file=sys.stderr)
    return 0


def _save(settings: Settings, target: str) -> Mapping[str, int]:
    """What was saved: bytes by name."""
    with staged(settings.data_dir, sqlite_file(settings)) as moment:
        if target == STANDARD:
            write_archive(moment, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            write_folder(moment, Path(target))
    return moment.manifest.files
