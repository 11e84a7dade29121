"""Where the lines go: a file that is continued in a new one before it grows beyond a bound, or a stream."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

KEPT = 9
"""Earlier files beside the current one."""


class Lines(Protocol):
    """Takes whole lines. Raises OSError, and then nothing of the line is kept where that can be helped."""

    def write(self, line: bytes) -> None: ...

    def close(self) -> None: ...


class Stream:
    """A descriptor of others, as standard error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, line: bytes) -> None:
        """See Lines."""
        while line:
            line = line[os.write(self._descriptor, line) :]

    def close(self) -> None:
        """Leave it open."""


class RotatingFile:
    """`path`, and path.1 (the youngest) to path.9 beside it; `max_bytes` for each. For its owner's eyes only.

    max_bytes: None where another process rotates, which is followed.  on_rotation: called after each.
    """

    def __init__(self, path: Path, max_bytes: int | None, on_rotation: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._on_rotation = on_rotation
        self._descriptor = self._open()

    def write(self, line: bytes) -> None:
        """See Lines."""
        if self._max_bytes is None:
            self._follow()
        size = os.fstat(self._descriptor).st_size
        if self._max_bytes is not None and size and size + len(line) > self._max_bytes:
            self._rotate()
            self._on_rotation()
            size = os.fstat(self._descriptor).st_size
        written = os.write(self._descriptor, line)
        if written < len(line):
            # The disk became full within the line: half a line would spoil the next one, too.
            os.ftruncate(self._descriptor, size)
            raise OSError("only a part of the line could be written")

    def close(self) -> None:
        """Of no effect the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _follow(self) -> None:
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                return
        fresh = self._open()
        os.close(self._descriptor)
        self._descriptor = fresh

    def _rotate(self) -> None:
        for number in range(KEPT, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        fresh = self._open()
        os.close(self._descriptor)
        self._descriptor = fresh

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
