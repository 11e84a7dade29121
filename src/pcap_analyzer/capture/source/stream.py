"""A stream of bytes: read, and decompressed, in a thread beside the parser.

The thread fills one block of memory while the parser works on another. What the parser left unconsumed of a block is
copied in front of the next, into room kept there, so a window is contiguous for the price of moving one cut record.
"""

import mmap
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from pcap_analyzer.capture.source.readers import Reader
from pcap_analyzer.capture.source.window import MAX_WINDOW_BYTES, MIB, Cursor, Window, too_large, unreadable
from pcap_analyzer.errors import Cancelled

BLOCK_BYTES = 4 * MIB
BLOCKS = 3
HEADROOM_BYTES = MIB

# How long a waiting parser lets a slow pipe fill a block, and how often it looks whether it was cancelled.
PATIENCE_S = 0.05


def memory(length: int) -> memoryview:
    """Zeroed memory that takes room only where it is written, unlike a bytearray."""
    return memoryview(mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


class Block:
    """Memory with room in front: bytes stand at [start:end]; `last` when nothing follows."""

    def __init__(self, block_bytes: int, headroom_bytes: int) -> None:
        self.memory = memory(headroom_bytes + block_bytes)
        self.headroom_bytes = headroom_bytes
        self.end = headroom_bytes
        self.last = False


class ReadAhead:
    """The thread that fills blocks. It ends with the reader, with an error, or at the first byte after close()."""

    def __init__(self, reader: Reader, blocks: list[Block]) -> None:
        self._reader = reader
        self._free: SimpleQueue[Block | None] = SimpleQueue()
        self._full: SimpleQueue[Block | BaseException] = SimpleQueue()
        self._wanted = False
        self._closed = False
        for block in blocks:
            self._free.put(block)
        # A daemon: blocked in read(2) on a pipe, it must not keep the process alive.
        self._thread = Thread(target=self._run, name="pcap-read-ahead", daemon=True)
        self._thread.start()

    def take(self, cancelled: Callable[[], bool]) -> Block:
        """The next block, in order. Raises what the reader raised, or Cancelled."""
        self._wanted = True
        while True:
            try:
                block = self._full.get(timeout=PATIENCE_S)
                break
            except Empty:
                if cancelled():
                    raise Cancelled("cancelled while waiting for more of the capture") from None
        self._wanted = False
        if isinstance(block, BaseException):
            self._full.put(block)  # The thread is gone: whoever asks again gets the same answer.
            raise block
        return block

    def give_back(self, block: Block) -> None:
        self._free.put(block)

    def close(self) -> None:
        self._closed = True
        self._reader.interrupt()
        self._free.put(None)
        # Usually at once. A thread that waits for a pipe is left to itself and closes the reader when it wakes.
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        try:
            while not self._closed and (block := self._free.get()) is not None:
                self._fill(block)
                self._full.put(block)
                if block.last:
                    break
        except BaseException as error:
            self._full.put(error)
        finally:
            self._reader.close()

    def _fill(self, block: Block) -> None:
        block.end = block.headroom_bytes
        started = monotonic()
        while block.end < len(block.memory) and not self._closed:
            count = self._reader.readinto(block.memory[block.end :])
            if not count:
                block.last = True
                break
            block.end += count
            if self._wanted and monotonic() - started > PATIENCE_S:
                break


class StreamSource:
    """The windows of a stream. The thread starts with the first window and keeps at most BLOCKS blocks in memory."""

    def __init__(
        self,
        reader: Reader,
        name: str,
        *,
        size_bytes: int | None = None,
        compression: str | None = None,
        cancelled: Callable[[], bool] | None = None,
        block_bytes: int = BLOCK_BYTES,
        headroom_bytes: int = HEADROOM_BYTES,
    ) -> None:
        """Takes over `reader`. cancelled: asked while window() waits."""
        self.name = name
        self.size_bytes = size_bytes
        self.compression = compression
        self._reader = reader
        self._cancelled = cancelled or (lambda: False)
        self._block_bytes = block_bytes
        self._headroom_bytes = headroom_bytes
        self._ahead: ReadAhead | None = None
        self._cursor = Cursor()
        self._block: Block | None = None  # Where the present window lies; None when it lies in memory of its own.
        self._ended = False
        self._damage: str | None = None

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    @property
    def damage(self) -> str | None:
        return self._damage or self._reader.damage

    def window(self, consumed: int) -> Window:
        cursor = self._cursor
        cursor.advance(consumed)
        tail = cursor.data[consumed:]
        if not consumed and len(tail) >= MAX_WINDOW_BYTES and not self._ended:
            self._damage = too_large(cursor.offset)
            self._ended = True
        if self._ended:
            return cursor.show(tail, final=True)
        data = self._behind(tail) if len(tail) <= self._headroom_bytes else self._gather(tail)
        return cursor.show(data.toreadonly(), final=self._ended)

    def close(self) -> None:
        self._cursor.forget()
        self._ended = True
        self._block = None
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
        else:
            self._reader.close()

    def __del__(self) -> None:
        # The thread does not know this object, so a source that is forgotten still ends it.
        if getattr(self, "_ahead", None) is not None:
            self.close()

    def _behind(self, tail: memoryview) -> memoryview:
        """The next block, with the tail moved into the room in front of it."""
        block = self._next_block()
        start = block.headroom_bytes - len(tail)
        block.memory[start : block.headroom_bytes] = tail
        self._move_to(block, tail)
        return block.memory[start : block.end]

    def _gather(self, tail: memoryview) -> memoryview:
        """Memory of its own for a record larger than the room; twice the tail, so that it is moved rarely."""
        wanted = min(2 * len(tail), MAX_WINDOW_BYTES)
        gathered = memory(max(wanted, len(tail)) + self._block_bytes)
        gathered[: len(tail)] = tail
        end = len(tail)
        self._move_to(None, tail)
        while end < wanted and not self._ended:
            block = self._next_block()
            length = block.end - block.headroom_bytes
            gathered[end : end + length] = block.memory[block.headroom_bytes : block.end]
            end += length
            self._give_back(block)
        return gathered[:end]

    def _next_block(self) -> Block:
        if self._ahead is None:
            blocks = [Block(self._block_bytes, self._headroom_bytes) for _ in range(BLOCKS)]
            self._ahead = ReadAhead(self._reader, blocks)
        try:
            block = self._ahead.take(self._cancelled)
        except (OSError, ValueError) as error:  # ValueError: somebody closed the stream
            raise unreadable(self.name, error, offset=self._cursor.offset) from error
        self._ended = block.last
        return block

    def _move_to(self, block: Block | None, tail: memoryview) -> None:
        """The window moves to `block`: what it lay in may be filled again."""
        tail.release()
        self._cursor.forget()
        self._give_back(self._block)
        self._block = block

    def _give_back(self, block: Block | None) -> None:
        if block is not None and self._ahead is not None:
            self._ahead.give_back(block)
