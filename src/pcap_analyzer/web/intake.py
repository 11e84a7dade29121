"""Bytes of an upload on their way from a connection to the disk.

While one piece is hashed and written in a thread, the next one is received; now and then what was written is made
durable in another. These are threads of their own: however slow the disk is, the rest of the service goes on.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pcap_analyzer.jobs.arrivals import KEEP_EVERY_BYTES, Arrival, Written
from pcap_analyzer.web.body import WRITE_BYTES
from pcap_analyzer.web.tus import Checksum

# Waiting for the disk must not hold up those who write into memory.
_WRITERS = ThreadPoolExecutor(8, "upload-write")
_KEEPERS = ThreadPoolExecutor(8, "upload-keep")

Result = TypeVar("Result")


class Intake:
    """Gives the bytes of one request to `arrival`. Ends with `close`, before the arrival is closed.

    checksum: of all these bytes; none of them is kept before `keep` is called.
    """

    def __init__(self, arrival: Arrival, checksum: Checksum | None = None) -> None:
        self._arrival = arrival
        self._checksum = checksum
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._written = arrival.written()
        self._writing: asyncio.Future[Written] | None = None
        self._keeping: asyncio.Future[None] | None = None

    async def put(self, data: bytes) -> None:
        """Take the next bytes. Raises what the arrival raises, perhaps of bytes that were put before."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= WRITE_BYTES:
            await self._hand_over()

    async def flush(self) -> None:
        """Come back when all that was put is written."""
        await self._hand_over()
        await self._piece_written()

    async def keep(self) -> None:
        """Come back when all that was written is durable and known."""
        await self._kept()
        self._begin_keeping()
        await self._kept()

    async def close(self) -> None:
        """Come back when no thread is at the arrival any more."""
        under_way = [task for task in (self._writing, self._keeping) if task is not None]
        if under_way:
            await asyncio.wait(under_way)

    async def _hand_over(self) -> None:
        await self._piece_written()
        if self._keeping is not None and self._keeping.done():
            await self._kept()
        if self._is_keeping_due():
            self._begin_keeping()
        if self._waiting:
            piece, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
            self._writing = asyncio.get_running_loop().run_in_executor(_WRITERS, self._write, piece)

    def _write(self, piece: bytes) -> Written:
        self._arrival.write(piece)
        if self._checksum is not None:
            self._checksum.update(piece)
        return self._arrival.written()

    async def _piece_written(self) -> None:
        if self._writing is not None:
            self._written = await _result(self._writing)
            self._writing = None

    def _is_keeping_due(self) -> bool:
        due = self._written.offset - self._arrival.kept >= KEEP_EVERY_BYTES
        return due and self._keeping is None and self._checksum is None

    def _begin_keeping(self) -> None:
        self._keeping = asyncio.get_running_loop().run_in_executor(_KEEPERS, self._arrival.keep, self._written)

    async def _kept(self) -> None:
        if self._keeping is not None:
            await _result(self._keeping)
            self._keeping = None


async def _result(under_way: "asyncio.Future[Result]") -> Result:
    """What a thread found. Whoever is cancelled meanwhile leaves it running, and `close` waits for it."""
    await asyncio.wait({under_way})
    return under_way.result()
