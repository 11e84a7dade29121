"""Temporary files without a name: nobody else can open them, and they go with the process."""

from __future__ import annotations

import os
from typing import IO

PLACES = ("TMPDIR", "TEMP", "TMP")  # in the order of tempfile
USUAL = "/tmp"  # noqa: S108 - nothing there gets a name
MODE = 0o600


def unnamed_file() -> IO[bytes]:
    """An empty file to write and read. Raises OSError, FileNotFoundError where no folder for it can be written.

    As tempfile.TemporaryFile makes it; but importing that takes 3 ms, and a scan waits for its files.
    """
    folder = next((os.environ[name] for name in PLACES if os.environ.get(name)), USUAL)
    try:
        descriptor = os.open(folder, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC | os.O_TMPFILE, MODE)
    except (AttributeError, OSError):  # another system or file system, or no such folder
        import tempfile  # noqa: PLC0415

        return tempfile.TemporaryFile(prefix="pcap-analyzer-")
    return os.fdopen(descriptor, "w+b", buffering=0)
