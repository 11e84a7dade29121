"""The body of a request as it comes, which nobody may let wait for ever."""

import time
from collections.abc import AsyncIterator

from anyio import fail_after
from litestar.types import Receive

from pcap_analyzer.web.problems import BadForm, Interrupted, Stalled

# Small writes cost a thread switch each, large ones memory for every upload under way.
WRITE_BYTES = 1 << 20
# Whoever sends nothing for so long has gone, and would hold a connection and a file for ever.
IDLE_S = 60.0
# Or so little: less than the slowest of modems.
LEAST_BYTES = 1024


async def body(receive: Receive) -> AsyncIterator[bytes]:
    """Its bytes, as they come. Raises Interrupted when the connection ends first, Stalled when nothing comes."""
    more, since, came = True, time.monotonic(), 0
    while more:
        try:
            with fail_after(IDLE_S):
                message = await receive()
        except TimeoutError:
            raise Stalled(f"nothing came for {IDLE_S:g} seconds; send it again") from None
        if message["type"] != "http.request":
            raise Interrupted("the connection ended before the form did; send it again")
        if message["body"]:
            yield message["body"]
        more, came = message["more_body"], came + len(message["body"])
        if time.monotonic() - since > IDLE_S:
            if more and came < LEAST_BYTES:
                raise Stalled(f"{came} bytes came in {IDLE_S:g} seconds, expected are {LEAST_BYTES}; send it again")
            since, came = time.monotonic(), 0


async def short_body(receive: Receive, most_bytes: int) -> bytes:
    """All of a body that is to be small. Raises as `body`, and BadForm when it is larger."""
    data = b""
    async for piece in body(receive):
        data += piece
        if len(data) > most_bytes:
            raise BadForm(f"the form has more than the {most_bytes} bytes that are read of one like it")
    return data
