"""The files of one recording, one open at a time: rotated captures, in order of time."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pcap_analyzer.capture.source.window import NOTHING, Source, Window


class Part(NamedTuple):
    """One file. first_ns: when its first packet was captured; None: it has none.  size_bytes: None: not known."""

    path: str
    name: str
    size_bytes: int | None
    first_ns: int | None


class JoinedSource:
    """A Source to whoever asks how it is called and how far it was read; its bytes are those of its parts."""

    compression: str | None = None
    damage: str | None = None

    def __init__(self, parts: Sequence[Part], open_part: Callable[[str], Source]) -> None:
        self.name = f"{parts[0].name} and {len(parts) - 1} more"
        sizes = [part.size_bytes for part in parts]
        self.size_bytes = None if None in sizes else sum(size or 0 for size in sizes)
        self.began: Part | None = None
        """The part that was opened last."""
        self._open = open_part
        self._waiting = list(parts)
        self._source: Source | None = None
        self._read_before = 0

    @property
    def waiting(self) -> bool:
        """Whether another part follows."""
        return bool(self._waiting)

    def following(self) -> Source | None:
        """Close the part that was read and open the next; None behind the last. Raises CaptureError as open_source."""
        if not self._waiting:
            return None
        self._end_part()
        self.began = self._waiting.pop(0)
        self._source = self._open(self.began.path)
        self.compression = self.compression or self._source.compression
        return self._source

    def _end_part(self) -> None:
        if self._source is not None:
            self._read_before += self._source.bytes_read
            self._source.close()
            self._source = None

    @property
    def bytes_read(self) -> int:
        return self._read_before + (self._source.bytes_read if self._source is not None else 0)

    def window(self, consumed: int) -> Window:
        """Nothing: it is the parts that are read."""
        return Window(NOTHING, consumed, final=True)

    def close(self) -> None:
        self._end_part()
        self._waiting.clear()
