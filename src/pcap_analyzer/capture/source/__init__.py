"""Where the bytes of a capture come from: a local file, a pipe, a compressed stream, an upload that is still arriving.

All of them look alike to the engine (window.Source), but a plain local file it reads by itself (plain.py), also while
it grows (growing.py). Everything else is a reader, read ahead by a thread (stream.py): any binary stream or a growing
file (readers.py), alone or inside a decompressor (compressed.py). What a file is, its first bytes say
(capture/magic.py), never its name.

Nothing here imports numpy or a compression library before it is needed: the scan starts before them.
"""

import os
import stat
import sys
from collections.abc import Callable
from io import FileIO, TextIOBase
from typing import BinaryIO, NamedTuple

from pcap_analyzer.capture.magic import LOOK_BYTES, Format, describe, detect
from pcap_analyzer.capture.source.compressed import Decompressed
from pcap_analyzer.capture.source.growing import GrowingFile
from pcap_analyzer.capture.source.plain import PlainSource, is_remote
from pcap_analyzer.capture.source.readers import GrowingReader, Peeked, Reader, StreamReader
from pcap_analyzer.capture.source.stream import StreamSource
from pcap_analyzer.capture.source.window import MAX_WINDOW_BYTES, Source, Window, unreadable
from pcap_analyzer.errors import CaptureError

__all__ = [
    "MAX_WINDOW_BYTES",
    "GrowingFile",
    "Limits",
    "PlainSource",
    "Source",
    "StreamSource",
    "Window",
    "open_growing_source",
    "open_source",
]

STANDARD_INPUT = "-"


class Limits(NamedTuple):
    """How much a compressed file may hold, in bytes and in times its own size; None for any amount."""

    max_output: int | None = None
    max_ratio: float | None = None


NO_LIMITS = Limits()


def open_source(
    capture: str | os.PathLike[str] | BinaryIO,
    *,
    limits: Limits = NO_LIMITS,
    cancelled: Callable[[], bool] | None = None,
) -> Source:
    """The bytes of a capture: a path, "-" for standard input, or a binary stream, which stays the caller's to close.

    Raises CaptureError where there is nothing to read, and where the first bytes are neither pcap nor pcapng, plain or
    compressed once.  cancelled: asked while a window waits for a slow stream.
    """
    if isinstance(capture, TextIOBase):
        raise TypeError("a capture is bytes: open it in binary mode")
    if not isinstance(capture, str | os.PathLike):
        name = getattr(capture, "name", None)
        name = _last_part(name) if isinstance(name, str) else "stream"
        return _read(StreamReader(capture, owned=False), name, None, limits, cancelled)
    if capture == STANDARD_INPUT:
        file = _standard_input()
        return _read(StreamReader(file, owned=True), "standard input", _size(file), limits, cancelled)
    name, file = _open(capture)
    try:
        size_bytes = _size(file)
        if size_bytes is not None and not is_remote(os.fstat(file.fileno()).st_dev):
            first = os.pread(file.fileno(), LOOK_BYTES, 0)
            if not _known(first, name).is_compression:
                return PlainSource(file, name)
    except OSError as error:
        file.close()
        raise unreadable(name, error) from error
    except BaseException:
        file.close()
        raise
    return _read(StreamReader(file, owned=True), name, size_bytes, limits, cancelled)


def open_growing_source(
    path: str | os.PathLike[str] | FileIO,
    *,
    finished: Callable[[], bool],
    committed: Callable[[], int | None] | None = None,
    name: str | None = None,
    size_bytes: int | None = None,
    limits: Limits = NO_LIMITS,
    cancelled: Callable[[], bool] | None = None,
) -> Source:
    """The bytes of a file that is still being written; windows wait for more of it. A FileIO is taken over.

    finished: nothing will be added any more.  committed: how many bytes are valid so far; without it, or where it says
    None, all that the file has.  cancelled: asked while waiting.  All three are called from another thread, too.
    size_bytes: what is expected in the end, if that is known.
    Waits for the first bytes. Raises CaptureError as open_source() does, and Cancelled.
    """
    basename, file = (str(path.name), path) if isinstance(path, FileIO) else _open(path)
    name = name or _last_part(basename)
    growing = GrowingFile(
        file, name, finished=finished, committed=committed, cancelled=cancelled, size_bytes=size_bytes
    )
    try:
        first = growing.first_bytes()
        if not (_known(first, name).is_compression or is_remote(os.fstat(file.fileno()).st_dev)):
            return growing
    except OSError as error:
        file.close()
        raise unreadable(name, error) from error
    except BaseException:
        file.close()
        raise
    reader = GrowingReader(file, finished=finished, committed=committed, cancelled=cancelled)
    return _read(reader, name, size_bytes, limits, cancelled)


def _open(path: str | os.PathLike[str]) -> tuple[str, FileIO]:
    try:
        return _last_part(os.fspath(path)), FileIO(path)
    except FileNotFoundError as error:
        raise CaptureError(f"there is no file {os.fspath(path)}") from error
    except IsADirectoryError as error:
        raise CaptureError(f"{os.fspath(path)} is a folder: name the captures in it") from error
    except PermissionError as error:
        raise CaptureError(f"no permission to read {os.fspath(path)}") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise unreadable(os.fspath(path), error) from error


def _size(file: FileIO) -> int | None:
    """Of a regular file; a pipe or a device has none."""
    info = os.fstat(file.fileno())
    return info.st_size if stat.S_ISREG(info.st_mode) else None


def _last_part(path: str) -> str:
    return path.rpartition(os.sep)[2] or path


def _standard_input() -> FileIO:
    # Not sys.stdin.buffer: a thread that is blocked in it holds a lock which Python wants at its end.
    try:
        file = FileIO(0, closefd=False)
    except OSError as error:
        raise CaptureError("standard input is closed: name a file, or pipe a capture in") from error
    if sys.stdin is not None and file.isatty():
        raise CaptureError("standard input is a terminal: name a file, or pipe a capture in")
    return file


def _read(
    reader: Reader, name: str, size_bytes: int | None, limits: Limits, cancelled: Callable[[], bool] | None
) -> StreamSource:
    try:
        peeked = Peeked(reader)
        found = _known(peeked.first, name)
        if found.is_compression:
            peeked = Peeked(Decompressed(peeked, found, name, max_output=limits.max_output, max_ratio=limits.max_ratio))
            _require_capture_inside(peeked, found, name)
    except OSError as error:
        reader.close()
        raise unreadable(name, error) from error
    except BaseException:
        reader.close()
        raise
    compression = str(found) if found.is_compression else None
    return StreamSource(peeked, name, size_bytes=size_bytes, compression=compression, cancelled=cancelled)


def _known(first: bytes, name: str) -> Format:
    if not first:
        raise CaptureError(f"{name} is an empty file: no capture")
    found = detect(first)
    if found is None:
        raise CaptureError(f"{name} is no capture: expected pcap or pcapng, found {describe(first)}", offset=0)
    return found


def _require_capture_inside(peeked: Peeked, compression: Format, name: str) -> None:
    if not peeked.first:
        raise CaptureError(f"{name} holds no capture: {peeked.damage or f'the {compression} data is empty'}")
    found = detect(peeked.first)
    if found is None:
        raise CaptureError(f"{name} is {compression} data, but no capture is inside: found {describe(peeked.first)}")
    if found.is_compression:
        raise CaptureError(f"{name} is compressed twice, {found} inside {compression}: decompress it once")
