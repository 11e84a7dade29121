"""What takes longer to make than a report, kept beside this package where Python keeps its own compiled files.

Nothing here can be stale: a file says from which files it was made, with their sizes and times, and is made again where
one of them changed. A folder that cannot be written costs time, not the report. `python -m pcap_analyzer.export` makes
all of it ready.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

from pcap_analyzer import __version__

FOLDER = os.path.join(os.path.dirname(__file__), "__pycache__")


def kept(name: str, sources: Iterable[str], make: Callable[[], bytes]) -> memoryview:
    """What `make` gives for `sources`, paths of files, as they are now; kept where Python keeps bytecode, too."""
    header = f"{__version__} {sys.implementation.cache_tag} {[_state(source) for source in sources]}\n".encode()
    path = os.path.join(FOLDER, f"{name}.{sys.implementation.cache_tag}.kept")
    with suppress(OSError, ValueError):  # ValueError: an empty file
        found = memoryview(_mapped(path))
        if found[: len(header)] == header:
            return found[len(header) :]
    made = make()
    if not sys.dont_write_bytecode:
        with suppress(OSError):
            _replace(path, header + made)
    return memoryview(made)


def _state(source: str) -> tuple[str, int, int]:
    info = os.stat(source)
    return source, info.st_size, info.st_mtime_ns


def _mapped(path: str) -> mmap.mmap:
    # Mapped, not read: the script of the charts goes from the page cache into the report. All pages at once, where the
    # system can: one by one they cost more than copying them (measured: 3.2 and 1.3 ms with writing them).
    with open(path, "rb") as file:
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        return mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ)


def _replace(path: str, data: bytes) -> None:
    """In one step: who has the old file mapped keeps it."""
    os.makedirs(FOLDER, exist_ok=True)
    aside = f"{path}.{os.getpid()}"
    try:
        with open(aside, "xb") as file:
            file.write(data)
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise
