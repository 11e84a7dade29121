"""A plain file, mapped into memory window by window, where that is cheaper than reading it.

The previous window is unmapped before the next is mapped, so resident memory, file pages counted, stays that of one
window whatever the size of the file. Windows start at a multiple of 2 MiB of the file: where the page cache holds large
folios, one page fault then maps 2 MiB.

Where it does not, each 64 KiB costs a fault, and reading into memory that is used again and again costs less.
Measured on the warm file of 2.7 GB, whole scan on one thread, CPU per packet: large folios, mapped 95 to 106 ns, read
102 to 104; small ones (the same file some minutes later, after the kernel had reclaimed and refilled its cache),
mapped 156 to 165, read 129 to 158. So the file itself is asked: maps_cheaply.

No advice is given: MAP_POPULATE and MADV_POPULATE_READ gained a tenth where the cache holds 4 KiB pages and nothing
elsewhere; MADV_SEQUENTIAL and MADV_WILLNEED gained nothing, cold or warm, and POSIX_FADV_WILLNEED for the next window
cost more than the whole scan.
"""

import mmap
import os
from contextlib import suppress
from io import FileIO
from resource import RUSAGE_SELF, getrusage

from pcap_analyzer.capture.source.window import MAX_WINDOW_BYTES, MIB, NOTHING, Cursor, Window, too_large, unreadable

WINDOW_BYTES = 32 * MIB
HUGE_PAGE = 2 * MIB


class MappedSource:
    """The windows of a local file that nobody shortens.

    A file that shrinks between two windows ends there, as damage. One that shrinks under a mapped window kills the
    process with SIGBUS: files that still change, or lie on another machine, are read (StreamSource).
    """

    compression: str | None = None

    def __init__(self, file: FileIO, name: str, *, window_bytes: int = WINDOW_BYTES) -> None:
        """Takes over `file`, open for reading, and closes it."""
        self.name = name
        self.size_bytes = os.fstat(file.fileno()).st_size
        self.bytes_read = 0
        self.damage: str | None = None
        self._file = file
        self._window_bytes = window_bytes
        self._align = HUGE_PAGE if window_bytes >= 4 * HUGE_PAGE else mmap.ALLOCATIONGRANULARITY
        self._end = self.size_bytes
        self._cursor = Cursor()
        self._map: mmap.mmap | None = None

    def window(self, consumed: int) -> Window:
        cursor = self._cursor
        cursor.advance(consumed)
        stuck = 0 if consumed else len(cursor.data)
        length = min(max(2 * stuck, self._window_bytes), MAX_WINDOW_BYTES)
        if stuck >= MAX_WINDOW_BYTES and not self._is_final(stuck):
            self.damage = too_large(cursor.offset)
            self._end = cursor.offset + stuck
        self._unmap()
        self._notice_shrinking()
        try:
            return self._map_from(cursor.offset, length, whole_pages=not stuck)
        except (OSError, ValueError) as error:  # ValueError: shorter than a moment ago
            raise unreadable(self.name, error, offset=cursor.offset) from error

    def close(self) -> None:
        self._unmap()
        self._file.close()

    def _is_final(self, length: int) -> bool:
        return self._cursor.offset + length >= self._end

    def _map_from(self, offset: int, length: int, *, whole_pages: bool) -> Window:
        final = self._is_final(length)
        end = self._end if final else offset + length
        if whole_pages and not final and self._align == HUGE_PAGE:
            end -= end % HUGE_PAGE  # The next window starts there and touches no huge page of this one.
        self.bytes_read = max(self.bytes_read, end)
        if offset >= end:
            return self._cursor.show(NOTHING, final=True)
        start = offset - offset % self._align
        self._map = mmap.mmap(self._file.fileno(), end - start, access=mmap.ACCESS_READ, offset=start)
        return self._cursor.show(memoryview(self._map)[offset - start :], final=final)

    def _unmap(self) -> None:
        self._cursor.forget()
        if self._map is not None:
            with suppress(BufferError):  # The engine still holds the memory; it goes when the engine lets go.
                self._map.close()
        self._map = None

    def _notice_shrinking(self) -> None:
        now = os.fstat(self._file.fileno()).st_size
        if now < self._end:
            self.damage = f"the file shrank from {self.size_bytes} to {now} bytes while it was read"
            self._end = now


PROBES = 3
FEW_FAULTS = 8  # a probe; pages one by one take 32


def maps_cheaply(file: FileIO) -> bool:
    """Whether the page cache holds a file in large pieces: asked of 2 MiB at its start, in its middle and near its end.

    True for small files, where a thread that reads ahead is not worth its start. False for files that are not in
    memory: reading ahead is better there.
    """
    size = os.fstat(file.fileno()).st_size
    if size < 2 * PROBES * HUGE_PAGE:
        return True
    for probe in range(PROBES):
        start = (size - HUGE_PAGE) * probe // (PROBES - 1)
        start -= start % HUGE_PAGE
        with mmap.mmap(file.fileno(), HUGE_PAGE, access=mmap.ACCESS_READ, offset=start) as piece:
            before = getrusage(RUSAGE_SELF)
            _touched = piece[:: mmap.PAGESIZE]
            after = getrusage(RUSAGE_SELF)
        if after.ru_minflt - before.ru_minflt > FEW_FAULTS or after.ru_majflt > before.ru_majflt:
            return False
    return True


# Another machine, or another program, may cut a file short there whenever it likes.
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
