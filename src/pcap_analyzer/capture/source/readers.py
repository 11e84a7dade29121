"""Streams of bytes below the windows: whatever can be read once, from front to back."""

import os
import time
from collections.abc import Callable
from io import FileIO
from threading import Event
from typing import BinaryIO, Protocol

from pcap_analyzer.capture.magic import LOOK_BYTES, detect
from pcap_analyzer.errors import Cancelled

POLL_S = 0.02


class Reader(Protocol):
    """What the thread that reads ahead asks for.

    bytes_read: of the file on disk so far.  damage: why the bytes ended early, None while nothing is wrong.
    """

    @property
    def bytes_read(self) -> int: ...
    @property
    def damage(self) -> str | None: ...

    def readinto(self, into: memoryview) -> int:
        """Fill the front of `into` with at least one byte and say how many; 0 at the end of the file only."""

    def interrupt(self) -> None:
        """Make a readinto() that waits in another thread return, where that is possible."""

    def close(self) -> None:
        """Close what this reader opened."""


class StreamReader:
    """Any binary stream: a file, a pipe, BytesIO, or an object that has only read()."""

    damage: str | None = None

    def __init__(self, stream: BinaryIO | FileIO, *, owned: bool) -> None:
        """owned: close the stream at the end."""
        self.bytes_read = 0
        self._stream = stream
        self._owned = owned
        # readinto1 gives what a pipe has; readinto of a buffered stream waits until all of a block is filled.
        self._fill: Callable[[memoryview], int | None] = (
            getattr(stream, "readinto1", None) or getattr(stream, "readinto", None) or self._fill_by_read
        )

    def readinto(self, into: memoryview) -> int:
        while (length := self._fill(into)) is None:
            time.sleep(POLL_S)  # A pipe in non-blocking mode has nothing yet.
        self.bytes_read += length
        return length

    def interrupt(self) -> None:
        """Nothing wakes a thread out of read(2) on a pipe; it ends with the next byte, or with the process."""

    def close(self) -> None:
        if self._owned:
            self._stream.close()

    def _fill_by_read(self, into: memoryview) -> int | None:
        data = self._stream.read(len(into))
        if data:
            into[: len(data)] = data
        return None if data is None else len(data)


class GrowingReader:
    """A file that is still being written: never read beyond what is committed."""

    damage: str | None = None

    def __init__(
        self,
        file: FileIO,
        *,
        finished: Callable[[], bool],
        committed: Callable[[], int | None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Takes over `file`. The functions are called from the thread that reads.

        finished: nothing will be added any more.  committed: how many bytes are valid; None means all that are there.
        """
        self.bytes_read = 0
        self._file = file
        self._finished = finished
        self._committed = committed or (lambda: None)
        self._cancelled = cancelled or (lambda: False)
        self._stop = Event()

    def readinto(self, into: memoryview) -> int:
        while not self._stop.is_set():
            # Asked before the length: what was committed just before the end is still seen.
            finished = self._finished()
            if length := self._read_committed(into):
                return length
            if finished:
                break
            if self._cancelled():
                raise Cancelled("cancelled while waiting for more of the capture")
            self._stop.wait(POLL_S)
        return 0

    def interrupt(self) -> None:
        self._stop.set()

    def close(self) -> None:
        self._file.close()

    def _read_committed(self, into: memoryview) -> int:
        committed = self._committed()
        valid = len(into) if committed is None else min(len(into), committed - self.bytes_read)
        if valid <= 0:
            return 0
        length = os.preadv(self._file.fileno(), [into[:valid]], self.bytes_read)
        self.bytes_read += length
        return length


class Peeked:
    """A reader whose first bytes were looked at, and are given again."""

    def __init__(self, reader: Reader) -> None:
        """Reads LOOK_BYTES; less at the end of the file, or as soon as the format is known."""
        first = bytearray(LOOK_BYTES)
        length = 0
        while length < LOOK_BYTES and not (length >= 12 and detect(bytes(first[:length]))):
            count = reader.readinto(memoryview(first)[length:])
            if not count:
                break
            length += count
        self.first = bytes(first[:length])
        self._again = memoryview(self.first)
        self._reader = reader

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    @property
    def damage(self) -> str | None:
        return self._reader.damage

    def readinto(self, into: memoryview) -> int:
        if not self._again:
            return self._reader.readinto(into)
        length = min(len(self._again), len(into))
        into[:length] = self._again[:length]
        self._again = self._again[length:]
        return length

    def interrupt(self) -> None:
        self._reader.interrupt()

    def close(self) -> None:
        self._reader.close()
