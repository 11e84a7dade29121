"""The processes that work in one folder: each holds a lock on a file of its own, which goes with it whatever ends it.

So it is known at once and for certain that one was killed, where a lease would only lapse.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class FilePeers:
    """One process among those of `folder`, until `leave`. workers: how many analyses it runs at a time."""

    def __init__(self, folder: Path, workers: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name = secrets.token_hex(8)
        self._folder = folder
        self._descriptor = _joined(folder / self.name, workers)

    def alive(self, name: str) -> bool:
        """See Peers.alive."""
        with suppress(FileNotFoundError), _opened(self._folder / name) as descriptor:
            return _is_locked(descriptor)
        return False

    def workers(self) -> int:
        """See Peers.workers."""
        return workers_in(self._folder)

    def leave(self) -> None:
        """Of no effect the second time."""
        if self._descriptor >= 0:
            (self._folder / self.name).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def workers_in(folder: Path) -> int:
    """How many analyses the processes of `folder` run at a time; what dead ones left is removed."""
    workers = 0
    for path in folder.glob("[!.]*"):
        with suppress(FileNotFoundError), _opened(path) as descriptor:
            if _is_locked(descriptor):
                workers += int(os.pread(descriptor, 10, 0) or b"0")
            else:
                path.unlink()
    return workers


def _joined(path: Path, workers: int) -> int:
    """A descriptor that holds the lock on `path`."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Before it was locked, another may have removed it as that of a dead one.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                os.pwrite(descriptor, str(workers).encode("ascii"), 0)
                return descriptor
        os.close(descriptor)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
