"""Blobs as files of one folder.

A blob is written under a name of its own beside its place, made durable, then renamed over it: readers see the old
file or the whole new one, whenever a process is killed. That name says which process writes, so that what a dead one
left can be told from what another is at.
"""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

_UNFINISHED = ".part"
_WRITTEN_BY = re.compile(r"\.([0-9a-f]{16})\.[0-9a-f]{16}\.part")
_ARRIVING = ".arriving"


class NewFile:
    """A file that has not got its name yet."""

    def __init__(self, target: Path, writer: str, *, resumed: bool = False) -> None:
        self._target = target
        # A name nobody else has: a worker that outlived its service may still be writing the same artifact.
        ending = _ARRIVING if resumed else f".{writer}.{secrets.token_hex(8)}{_UNFINISHED}"
        self.path = target.with_name(f".{target.name}{ending}")
        self.path.touch(mode=0o600, exist_ok=resumed)

    def commit(self) -> None:
        """See NewBlob.commit."""
        _make_durable(self.path)
        self.path.replace(self._target)
        _make_durable(self._target.parent)

    def discard(self) -> None:
        """See NewBlob.discard."""
        self.path.unlink(missing_ok=True)


class FileBlobs:
    """Blobs below `root`, on one file system. writer, alive: this process and whether one lives, see Peers."""

    def __init__(self, root: Path, writer: str, alive: Callable[[str], bool]) -> None:
        self._root = root
        self._writer = writer
        self._alive = alive
        root.mkdir(parents=True, exist_ok=True)

    def create(self, name: str) -> NewFile:
        """See Blobs.create."""
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return NewFile(target, self._writer)

    def resume(self, name: str) -> NewFile:
        """See Blobs.resume."""
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return NewFile(target, self._writer, resumed=True)

    def places(self, name: str) -> tuple[Path, Path]:
        """See Blobs.places."""
        target = self._root / name
        return target.with_name(f".{target.name}{_ARRIVING}"), target

    def names(self, folder: str) -> list[str]:
        """See Blobs.names."""
        found = (path for path in (self._root / folder).rglob("*") if path.is_file() and not _is_unfinished(path))
        blobs = {path.with_name(path.name.removeprefix(".").removesuffix(_ARRIVING)) for path in found}
        return sorted(blob.relative_to(self._root).as_posix() for blob in blobs)

    def path(self, name: str) -> Path:
        """See Blobs.path."""
        path = self._root / name
        if not path.is_file():
            raise FileNotFoundError(name)
        return path

    def delete(self, name: str) -> None:
        """See Blobs.delete."""
        target = self._root / name
        target.unlink(missing_ok=True)
        target.with_name(f".{target.name}{_ARRIVING}").unlink(missing_ok=True)
        if target.parent.parent != self._root:
            # The folder of an analysis goes with its last file.
            with contextlib.suppress(OSError):
                target.parent.rmdir()

    def free_bytes(self) -> int:
        """See Blobs.free_bytes."""
        return shutil.disk_usage(self._root).free

    def sweep(self) -> None:
        """See Blobs.sweep."""
        # Not in hidden folders: a backup may be at work in its own.
        for unfinished in self._root.glob("[!.]*/**/.*"):
            if _is_unfinished(unfinished) and not self._is_written(unfinished):
                unfinished.unlink(missing_ok=True)

    def _is_written(self, unfinished: Path) -> bool:
        by = _WRITTEN_BY.search(unfinished.name)
        return by is not None and self._alive(by[1])


def _is_unfinished(path: Path) -> bool:
    """Whether a file was begun and has not got its name; one that somebody writes aside of it, too."""
    return path.name.startswith(".") and _UNFINISHED in path.name


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
