"""A plain file that is still being written, which the native scanner reads by itself as far as it has come.

It is read as any plain file is, so its packets can be found again at the end, and nothing of the result differs.
"""

import os
import time
from collections.abc import Callable
from io import FileIO

from pcap_analyzer.capture.magic import LOOK_BYTES, detect
from pcap_analyzer.capture.source.plain import PlainSource
from pcap_analyzer.capture.source.readers import POLL_S
from pcap_analyzer.capture.source.window import Window
from pcap_analyzer.errors import Cancelled

# What detect() needs of a plain capture.
ENOUGH_BYTES = 12


class GrowingFile(PlainSource):
    """`end` is where the file ends so far, `final` whether it stays there.

    size_bytes: what is expected, None for unknown; in the end, what came.
    """

    def __init__(
        self,
        file: FileIO,
        name: str,
        *,
        finished: Callable[[], bool],
        committed: Callable[[], int | None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        size_bytes: int | None = None,
    ) -> None:
        """Takes over `file`. See open_growing_source for the functions."""
        super().__init__(file, name)
        self.size_bytes = size_bytes
        self.final = False
        self._end = 0
        self._finished = finished
        self._committed = committed or (lambda: None)
        self._cancelled = cancelled or (lambda: False)

    def grow(self) -> None:
        """Look how far the file has come."""
        if self.final:
            return
        # Asked before the length: what was committed just before the end is still seen.
        finished = self._finished()
        committed = self._committed()
        self._end = max(self._end, os.fstat(self.descriptor).st_size if committed is None else committed)
        if finished:
            self.size_bytes = self._end
            self.final = True

    def first_bytes(self) -> bytes:
        """As many as tell what this is, or all there are. Raises Cancelled."""
        first = b""
        while len(first) < LOOK_BYTES and not (len(first) >= ENOUGH_BYTES and detect(first)):
            self.wait(len(first) + 1)
            if len(first) == min(LOOK_BYTES, self._end):
                break
            first = os.pread(self.descriptor, min(LOOK_BYTES, self._end), 0)
        return first

    def wait(self, end: int) -> None:
        """Until the file reaches byte `end`, or is final. Raises Cancelled."""
        self.grow()
        while self._end < end and not self.final:
            if self._cancelled():
                raise Cancelled("cancelled while waiting for more of the capture")
            time.sleep(POLL_S)
            self.grow()

    def window(self, consumed: int) -> Window:
        """See Source.window: there is more in it than was left of the one before, unless it is final."""
        self.wait(self._cursor.offset + len(self._cursor.data) + 1)
        window = super().window(consumed)
        return window if self.final else window._replace(final=False)
