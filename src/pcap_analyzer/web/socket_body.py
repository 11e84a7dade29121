"""The body of a request read by threads, straight from the connection's socket, while the event loop answers others.

Through the loop a gigabyte comes in thousands of pieces, each copied four times, and everybody who asks for something
waits for them.
"""

import asyncio
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

from litestar.types import Scope

# Less is not worth the way to a thread.
LEAST_BYTES = 256 << 10
_LENDER = "body_lender"


class SocketBody:
    """What is still to come of one body, for as long as the context lasts; then the connection is the loop's again.

    descriptor: of the socket, which is not closed here.  give_back: called at the end with the bytes that did not come.
    """

    def __init__(self, descriptor: int, rest_bytes: int, give_back: Callable[[int], None]) -> None:
        # One of our own: the loop watches its own, and may close it.
        self._descriptor = os.dup(descriptor)
        self._give_back = give_back
        self.rest_bytes = rest_bytes
        self.is_broken = False

    async def readable(self) -> None:
        """Come back when something can be read, or the connection has ended."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._descriptor)

    def read_into(self, buffer: memoryview) -> int:
        """Bytes that were there and now are in `buffer`; 0: none now, or none any more, which is_broken says."""
        try:
            size = os.readv(self._descriptor, [buffer[: self.rest_bytes]])
        except BlockingIOError:
            return 0
        except OSError:
            size = 0
        self.is_broken = not size and bool(self.rest_bytes)
        self.rest_bytes -= size
        return size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._give_back(self.rest_bytes)


Lender = Callable[[], SocketBody | None]


def offer(scope: Any, lender: Lender) -> None:
    """Let the application of this request ask `lender` for its socket."""
    scope[_LENDER] = lender


def borrowed(scope: Scope) -> SocketBody | None:
    """The rest of the body in the socket; None where it is short, of no known length, or has come already."""
    lender: Lender | None = cast("dict[str, Any]", scope).get(_LENDER)
    return None if lender is None else lender()
