"""Reading of tables beside the event loop: a few at a time, and not without end for whoever waits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from functools import cache
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.jobs.refusals import NotReady, TooManyReadings
from pcap_analyzer.jobs.tables import TableList, Tables

# Each holds a row group or two of a table in memory.
AT_A_TIME = 2
MAX_WAITING = 100
MAX_DOWNLOADS = 16
# Captures are read again at about a gigabyte a second.
PATIENCE_S = 20.0
_CHUNK_BYTES = 1 << 20

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(AT_A_TIME)


async def read(work: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
    """What `work` gives, in its turn. Raises TooManyReadings."""
    if _limiter().statistics().tasks_waiting >= MAX_WAITING:
        raise TooManyReadings("too many tables are being read; try again in a few seconds")
    return await run_sync(lambda: work(*given, **named), limiter=_limiter())


async def made(future: "Future[None]", what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until it is there. Raises NotReady, and what making it raised."""
    try:
        await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), patience_s)
    except TimeoutError:
        raise NotReady(f"{what} still being read out of the capture; ask again in a few seconds") from None


async def tables_of(tables: Tables, analysis: Analysis, patience_s: float = PATIENCE_S) -> TableList:
    """The tables of an analysis, made if need be. Raises NoReport, Expired, NotReady, NotTakeable, TooManyReadings."""
    known = await run_sync(tables.listed, analysis)
    if known is None:
        await made(await run_sync(tables.writing, analysis), "the tables are", patience_s)
        known = await run_sync(tables.listed, analysis)
    if known is None:
        raise NotReady("the tables were removed meanwhile; ask again")
    return known


class Downloads:
    """Answers that are sent while they are made; each holds its memory until its reader has all of it or goes."""

    def __init__(self) -> None:
        self._open = 0

    def require_room(self) -> None:
        """Raises TooManyReadings."""
        if self._open >= MAX_DOWNLOADS:
            raise TooManyReadings(f"{MAX_DOWNLOADS} downloads are under way; try again when one has ended")

    async def pieces(self, made_in_turn: Iterator[bytes]) -> AsyncIterator[bytes]:
        """What the iterator gives, each piece made beside the event loop."""
        self._open += 1
        try:
            while (piece := await run_sync(next, made_in_turn, None, limiter=_limiter())) is not None:
                yield piece
        finally:
            self._open -= 1


DOWNLOADS = Downloads()


def file_pieces(descriptor: int) -> Iterator[bytes]:
    """An open file from its beginning; closes it."""
    with open(descriptor, "rb", buffering=0) as file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece
