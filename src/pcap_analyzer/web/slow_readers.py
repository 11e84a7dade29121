"""Clients that ask for much and read little: what nobody reads would hold its place among the downloads for ever."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 60.0
# As of a modem. What the system holds for them on top is counted as read.
LEAST_BYTES = 64 << 10


class Reading:
    """Whether the client of one connection reads what is written to it.

    too_slow: called where fewer than LEAST_BYTES of what waits were read in PATIENCE_S.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, too_slow: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._too_slow = too_slow
        self._timer: asyncio.TimerHandle | None = None
        self._left_bytes = 0
        self._went_on = False

    def watch(self) -> None:
        """Something waits to be read, or may."""
        if self._timer is None and (left_bytes := self._transport.get_write_buffer_size()):
            self._left_bytes = left_bytes
            self._went_on = False
            self._timer = self._loop.call_later(PATIENCE_S, self._look)

    def goes_on(self) -> None:
        """Nearly all that waited was read."""
        self._went_on = True

    def end(self) -> None:
        """The connection has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        read_bytes = self._left_bytes - self._transport.get_write_buffer_size()
        if self._went_on or read_bytes >= min(LEAST_BYTES, self._left_bytes):
            self.watch()
        else:
            self._too_slow()
