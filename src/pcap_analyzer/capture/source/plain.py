"""A plain local file: the native scanner reads it by itself (native/window.pxd), given its descriptor.

From Python only its beginning is looked at. It can be read in windows like any other source, too, one after the other.
"""

import os
from contextlib import suppress
from io import FileIO

from pcap_analyzer.capture.source.window import MAX_WINDOW_BYTES, MIB, NOTHING, Cursor, Window, too_large, unreadable
from pcap_analyzer.errors import CaptureError

WINDOW_BYTES = MIB


class PlainSource:
    """A file, read up to the size that it had when it was opened; where it shrinks meanwhile, it ends, as damage."""

    compression: str | None = None

    def __init__(self, file: FileIO, name: str, *, window_bytes: int = WINDOW_BYTES) -> None:
        """Takes over `file`, open for reading, and closes it."""
        self.name = name
        self.size_bytes: int | None = os.fstat(file.fileno()).st_size
        self.bytes_read = 0
        self.damage: str | None = None
        self._file = file
        self._window_bytes = window_bytes
        self._end = self.size_bytes or 0
        self._cursor = Cursor()

    @property
    def descriptor(self) -> int:
        """Of the open file, for pread(2)."""
        return self._file.fileno()

    @property
    def end(self) -> int:
        """Where the file ends: its size when it was opened, less where it was found to be shorter."""
        return self._end

    def window(self, consumed: int) -> Window:
        cursor = self._cursor
        cursor.advance(consumed)
        stuck = 0 if consumed else len(cursor.data)
        length = min(max(2 * stuck, self._window_bytes), MAX_WINDOW_BYTES)
        if stuck >= MAX_WINDOW_BYTES and cursor.offset + stuck < self._end:
            self.damage = too_large(cursor.offset)
            self._end = cursor.offset + stuck
        cursor.forget()
        data = self._read(cursor.offset, min(length, self._end - cursor.offset))
        self.note_read(cursor.offset + len(data), end=self._end)
        return cursor.show(data, final=cursor.offset + len(data) >= self._end)

    def note_read(self, upto: int, *, end: int) -> None:
        """Somebody read the file up to byte `upto` and found that it ends at byte `end`."""
        self.bytes_read = max(self.bytes_read, upto)
        if end < self._end:
            self._end = end
            self.damage = f"the file shrank from {self.size_bytes} to {end} bytes while it was read"

    def unreadable(self, error: OSError, offset: int) -> CaptureError:
        """What to raise where reading failed at byte `offset`."""
        return unreadable(self.name, error, offset=offset)

    def close(self) -> None:
        self._cursor.forget()
        with suppress(OSError):
            self._file.close()

    def _read(self, offset: int, length: int) -> memoryview:
        if length <= 0:
            return NOTHING
        data, got = bytearray(length), 0
        try:
            while got < length and (count := os.preadv(self.descriptor, [memoryview(data)[got:]], offset + got)):
                got += count
        except (OSError, ValueError) as error:  # ValueError: closed
            raise unreadable(self.name, error, offset=offset) from error
        if got < length:
            self.note_read(offset + got, end=offset + got)
        return memoryview(data)[:got].toreadonly()


# Another machine, or another program, may keep whoever reads there waiting: a thread reads ahead (StreamSource).
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "lustre", "virtiofs", "fuse", "fuseblk"})
MOUNTS = "/proc/self/mountinfo"


def is_remote(device: int) -> bool:
    """Whether `device` (st_dev) is a network or user-space file system; False where the system does not say."""
    try:
        with FileIO(MOUNTS) as file:
            mounts = file.readall().decode(errors="replace").splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    for mount in mounts:
        place, _, kind = mount.partition(" - ")  # proc(5): the kind stands first behind the dash
        if place.split(" ", 3)[2] == number:
            kind = kind.split(" ", 1)[0]
            return kind in REMOTE or kind.startswith("fuse.")
    return False
