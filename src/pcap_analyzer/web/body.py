"""The body of a request as it comes, which nobody may let wait for ever."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from anyio import fail_after
from litestar.types import Receive

from pcap_analyzer.web.problems import BadForm, Interrupted, Stalled

# Small writes cost a thread switch each, large ones memory for every upload under way.
WRITE_BYTES = 1 << 20
# Whoever sends nothing for so long has gone, and would hold a connection and a file for ever.
IDLE_S = 60.0
# Or so little: less than the slowest of modems.
LEAST_BYTES = 1024


class Patience:
    """With one body. Begins where that begins."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._came = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait within this for the next bytes. Raises Stalled."""
        try:
            with fail_after(IDLE_S):
                yield
        except TimeoutError:
            raise Stalled(f"nothing came for {IDLE_S:g} seconds; send it again") from None

    def came(self, size_bytes: int, *, more: bool) -> None:
        """So many have come. Raises Stalled where that is too few for the time, and more are expected."""
        self._came += size_bytes
        if time.monotonic() - self._since > IDLE_S:
            if more and self._came < LEAST_BYTES:
                raise Stalled(
                    f"{self._came} bytes came in {IDLE_S:g} seconds, expected are {LEAST_BYTES}; send it again"
                )
            self._since, self._came = time.monotonic(), 0


def interrupted() -> Interrupted:
    """The error of a connection that ended."""
    return Interrupted("the connection ended before the form did; send it again")


async def body(receive: Receive) -> AsyncGenerator[bytes, None]:
    """Its bytes, as they come. Raises Interrupted when the connection ends first, Stalled when nothing comes."""
    more, patience = True, Patience()
    while more:
        with patience.waiting():
            message = await receive()
        if message["type"] != "http.request":
            raise interrupted()
        if message["body"]:
            yield message["body"]
        more = message["more_body"]
        patience.came(len(message["body"]), more=more)


async def short_body(receive: Receive, most_bytes: int) -> bytes:
    """All of a body that is to be small. Raises as `body`, and BadForm when it is larger."""
    data = b""
    async for piece in body(receive):
        data += piece
        if len(data) > most_bytes:
            raise BadForm(f"the form has more than the {most_bytes} bytes that are read of one like it")
    return data
