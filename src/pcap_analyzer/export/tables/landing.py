"""Where files are put: under a name of their own until they are whole, then renamed in one step.

Whatever ends the writing (a full disk, a closed pipe, Ctrl-C), nothing half-written stands under the name that was
asked for, and what stood there before is still there.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from pcap_analyzer.errors import ExportError

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD = "-"


@contextmanager
def landing_file(path: str) -> Iterator[pa.NativeFile]:
    """A sink that becomes the file `path` when the block ends well. Raises ExportError where it cannot be written.

    "-" is standard output; what is no regular file (a pipe, /dev/null) is written as it is.
    """
    import pyarrow as pa  # noqa: PLC0415 - late on purpose, see the package

    with _landing(path) as (aside, file), pa.PythonFile(file, "w") if file else pa.OSFile(aside, "wb") as sink:
        yield sink


@contextmanager
def landing_bytes(path: str) -> Iterator[Callable[[Any], object]]:
    """The same without pyarrow: what writes bytes into the file."""
    with _landing(path) as (aside, file):
        if file is not None:
            yield file.write
            return
        with open(aside, "wb", buffering=0) as whole:
            yield _Stream(whole).write


@contextmanager
def _landing(path: str) -> Iterator[tuple[str, _Stream | None]]:
    """The name under which a file is written until it is whole, or the stream that is written as it is."""
    if not path:
        raise ExportError("the output has no name: give it one, or - for standard output")
    if path == STANDARD and sys.stdout is None:  # closed by who started us
        raise ExportError("standard output is closed: give the output a name")
    direct = path == STANDARD or (os.path.exists(path) and not os.path.isfile(path))
    asked = path
    if not direct:
        path = os.path.realpath(path)  # a symbolic link stays one: what it leads to is written
    aside = path if direct else _aside(path)
    try:
        if direct:
            with nullcontext(sys.stdout.buffer) if path == STANDARD else open(path, "wb") as file:
                yield path, _Stream(file)
                file.flush()
            return
        os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
        yield aside, None
        os.replace(aside, path)
    except OSError as error:
        name = "standard output" if path == STANDARD else asked
        raise ExportError(f"{name} cannot be written: {reason(error)}") from None
    finally:
        if not direct:
            with suppress(OSError):
                os.unlink(aside)


@contextmanager
def landing_folder(path: str) -> Iterator[str]:
    """A folder that becomes `path` when the block ends well. Raises ExportError where `path` holds something."""
    path = path.rstrip(os.sep) or path
    aside = _aside(path)
    try:
        if os.path.exists(path) and (not os.path.isdir(path) or os.listdir(path)):
            raise ExportError(f"{path} is not an empty folder: give the dataset another name")
        os.makedirs(aside)
        yield aside
        os.replace(aside, path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {reason(error)}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def reason(error: OSError) -> str:
    """Why, without the names that Arrow puts around it."""
    return os.strerror(error.errno) if error.errno else str(error)


def _aside(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.urandom(4).hex()}")


class _Stream:
    """A stream that is ours to write to and not ours to close."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        sent = 0
        while sent < len(view):
            sent += self._file.write(view[sent:])
        return sent

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True
