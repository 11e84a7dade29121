"""What the engine sees of a capture: one window of memory after the other."""

from contextlib import suppress
from typing import NamedTuple, Protocol

from pcap_analyzer.errors import CaptureError

MIB = 1 << 20

# A record larger than this is damage: no writer of captures comes near it, and memory is bounded.
MAX_WINDOW_BYTES = 256 * MIB

NOTHING = memoryview(b"")


class Window(NamedTuple):
    """A stretch of the capture in memory, valid until the next call of Source.window() or Source.close().

    data: read-only and contiguous, starts at the first unconsumed byte.  offset: of data[0] in the decompressed file.
    final: no byte follows behind data.
    """

    data: memoryview
    offset: int
    final: bool


class Source(Protocol):
    """Where bytes come from.

    name: shown in the report.  size_bytes: on disk, None when unknown.  compression: as in magic.Format, None for none.
    bytes_read: of the file on disk so far, with what was read ahead.  damage: why the bytes end early; complete once a
    final window was given.
    """

    @property
    def name(self) -> str: ...
    @property
    def size_bytes(self) -> int | None: ...
    @property
    def compression(self) -> str | None: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def damage(self) -> str | None: ...

    def window(self, consumed: int) -> Window:
        """Forget `consumed` bytes of the previous window and give the next one, larger if nothing was consumed.

        The first call consumes 0. Behind the final window come final windows with what is still unconsumed. A window
        that reached MAX_WINDOW_BYTES without anything consumed is followed by a final one, and `damage` says so.
        Raises CaptureError when the file cannot be read further, Cancelled when the caller asked to stop.
        """

    def close(self) -> None:
        """Let go of memory, threads and the file. Windows given before become invalid. May be called twice."""


class Cursor:
    """The place that the engine has reached, and the view of memory that it holds."""

    def __init__(self) -> None:
        self.offset = 0
        self.data = NOTHING

    def advance(self, consumed: int) -> None:
        if not 0 <= consumed <= len(self.data):
            raise ValueError(f"{consumed} bytes consumed of a window of {len(self.data)}")
        self.offset += consumed

    def show(self, data: memoryview, *, final: bool) -> Window:
        self.data = data
        return Window(data, self.offset, final)

    def forget(self) -> None:
        """Make the view unusable, unless somebody still holds it: then its memory lives as long as they do."""
        if self.data is not NOTHING:
            with suppress(BufferError):
                self.data.release()
        self.data = NOTHING


def too_large(offset: int) -> str:
    return f"the record at byte {offset} would be larger than {MAX_WINDOW_BYTES // MIB} MiB"


def unreadable(name: str, error: Exception, *, offset: int | None = None) -> CaptureError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return CaptureError(f"{name} cannot be read: {reason}", offset=offset)
