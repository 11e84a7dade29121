"""The body of a request as it comes, which nobody may let wait for ever."""

from collections.abc import AsyncIterator

from anyio import fail_after
from litestar.types import Receive

from pcap_analyzer.web.problems import Interrupted, Stalled

# Small writes cost a thread switch each, large ones memory for every upload under way.
WRITE_BYTES = 1 << 20
# Whoever sends nothing for so long has gone, and would hold a connection and a file for ever.
IDLE_S = 60.0


async def body(receive: Receive) -> AsyncIterator[bytes]:
    """Its bytes, as they come. Raises Interrupted when the connection ends first, Stalled when nothing comes."""
    more = True
    while more:
        try:
            with fail_after(IDLE_S):
                message = await receive()
        except TimeoutError:
            raise Stalled(f"nothing came for {IDLE_S:g} seconds; send the capture again") from None
        if message["type"] != "http.request":
            raise Interrupted("the connection ended before the form did; send it again")
        if message["body"]:
            yield message["body"]
        more = message["more_body"]
