"""Bytes of an upload on their way from a connection to the disk.

A large part is read from its socket, hashed and written by one thread; of anything else one piece is hashed and written
while the next one is received. Now and then what was written is made durable in another thread. These are threads of
their own, and yield to those that answer: however slow the disk is, the rest of the service goes on.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pcap_analyzer.cores import available_cores
from pcap_analyzer.jobs.arrivals import KEEP_EVERY_BYTES, Arrival, Written
from pcap_analyzer.web.body import WRITE_BYTES, Patience, interrupted
from pcap_analyzer.web.precedence import yield_to_others
from pcap_analyzer.web.socket_body import SocketBody
from pcap_analyzer.web.tus import Checksum

# More would write no faster, and each waits for Python's lock as the loop does (measured on two processors, 20 uploads:
# with eight, health is answered in 14 ms and 340 MB come in a second; with two, in 4 ms and 385 MB).
_AT_ONCE = max(2, available_cores())
_WRITERS = ThreadPoolExecutor(_AT_ONCE, "upload-write", yield_to_others)
# Others, because waiting for the disk must not hold up those who write into memory.
_KEEPERS = ThreadPoolExecutor(_AT_ONCE, "upload-keep", yield_to_others)
# What one upload takes before the next one has its turn.
_TURN_BYTES = 4 << 20
_of_this_thread = threading.local()

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

    async def take(self, rest: SocketBody) -> None:
        """Take all that comes there. Raises as `put`, and Interrupted, Stalled."""
        await self.flush()
        patience = Patience()
        while rest.rest_bytes:
            with patience.waiting():
                await rest.readable()
            before = self._written.offset
            self._writing = asyncio.get_running_loop().run_in_executor(_WRITERS, self._drain, rest)
            await self._piece_written()
            await self._keep_if_due()
            if rest.is_broken:
                raise interrupted()
            patience.came(self._written.offset - before, more=bool(rest.rest_bytes))

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
        await self._keep_if_due()
        if self._waiting:
            pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._writing = asyncio.get_running_loop().run_in_executor(_WRITERS, self._write, pieces)

    def _write(self, pieces: list[bytes]) -> Written:
        self._take(b"".join(pieces))
        return self._arrival.written()

    def _drain(self, rest: SocketBody) -> Written:
        """What is there, but not without end: others wait for this thread."""
        buffer = _buffer()
        came = 0
        while came < _TURN_BYTES and (size := rest.read_into(buffer)):
            self._take(buffer[:size])
            came += size
        return self._arrival.written()

    def _take(self, piece: bytes | memoryview) -> None:
        self._arrival.write(piece)
        if self._checksum is not None:
            self._checksum.update(piece)

    async def _keep_if_due(self) -> None:
        if self._keeping is not None and self._keeping.done():
            await self._kept()
        if self._is_keeping_due():
            self._begin_keeping()

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


def _buffer() -> memoryview:
    """Of the writer that calls: what is read is written before the next is read, for whichever upload."""
    found: memoryview | None = getattr(_of_this_thread, "buffer", None)
    if found is None:
        found = _of_this_thread.buffer = memoryview(bytearray(WRITE_BYTES))
    return found


async def _result(under_way: "asyncio.Future[Result]") -> Result:
    """What a thread found. Whoever is cancelled meanwhile leaves it running, and `close` waits for it."""
    await asyncio.wait({under_way})
    return under_way.result()
