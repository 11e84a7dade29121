"""Decompression, in the thread that reads ahead; each library is imported only when its compression is met.

One loop serves all five, because their decoders share the face of bz2.BZ2Decompressor: decompress(data, max_length),
eof, needs_input, unused_data. isal is a third faster than zlib on captures (445 against 326 MB/s), and zstd is the
standard library's own, backported, because it bounds its output and tells a cut frame from a whole one.

A file that is cut gives all that came before, and `damage`. So does a corrupt one whose faulty member lies in the last
INPUT_BYTES read, as in every small file; of a longer member at most OUTPUT_BYTES before the fault are lost.
"""

# ruff: noqa: PLC0415 (a library is imported when its compression is met)

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from pcap_analyzer.capture.magic import LOOK_BYTES, Format, detect, is_skippable
from pcap_analyzer.capture.source.readers import Reader
from pcap_analyzer.capture.source.window import NOTHING
from pcap_analyzer.errors import BeyondLimit

INPUT_BYTES = 256 << 10
OUTPUT_BYTES = 256 << 10

# The header of a gzip member must reach isal in one piece: 1.9 takes one that arrives in two for corrupt. No more than
# that, because a decoder copies what follows its member: many tiny members would cost the square of their number.
FIRST_INPUT_BYTES = 16 << 10

# xz may ask for 4 GiB, zstd for 2 GiB of window; `xz -9` needs 65 MiB, zstd without --long at most 8 MiB.
MEMORY_BYTES = 192 << 20
WINDOW_LOG_MAX = 27


class Decoder(Protocol):
    """One member or frame of a compressed file."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: memoryview, /, max_length: int) -> bytes: ...


def _gzip() -> Decoder:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _zstd() -> Decoder:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX})


def _lz4() -> Decoder:
    from lz4.frame import LZ4FrameDecompressor

    decoder: Decoder = LZ4FrameDecompressor()
    return decoder


def _xz() -> Decoder:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_BYTES)


def _bzip2() -> Decoder:
    import bz2

    return bz2.BZ2Decompressor()


DECODERS: dict[Format, Callable[[], Decoder]] = {
    Format.GZIP: _gzip,
    Format.ZSTD: _zstd,
    Format.LZ4: _lz4,
    Format.XZ: _xz,
    Format.BZIP2: _bzip2,
}


class Decompressed:
    """A reader of what a compressed reader holds: all its members, one after the other.

    Raises CaptureError when there is more of it than `max_output` bytes, or than `max_ratio` times the compressed size.
    """

    def __init__(
        self,
        reader: Reader,
        compression: Format,
        name: str,
        *,
        max_ratio: float | None = None,
        max_output: int | None = None,
    ) -> None:
        self.damage: str | None = None
        self.bytes_out = 0
        self._reader = reader
        self._compression = compression
        self._name = name
        self._max_ratio = max_ratio
        self._max_output = max_output
        self._decoder: Decoder | None = None
        self._ended = False
        # Compressed bytes in memory, how many of them a decoder has, and how many the next call gives it.
        self._chunk = NOTHING
        self._given = 0
        self._give = FIRST_INPUT_BYTES
        self._exhausted = False
        # Where the present member begins in the chunk, None once that is gone, and how many bytes it gave.
        self._member: int | None = None
        self._member_out = 0
        # Decoded, and not yet asked for. Steps have one size, whatever is asked: a fault costs the same in every run.
        self._output = NOTHING

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    def readinto(self, into: memoryview) -> int:
        while not self._output and not self._ended:
            if decoder := self._decoder or self._next_member():
                self._output = memoryview(self._decode(decoder))
                self._count(len(self._output))
        length = min(len(self._output), len(into))
        into[:length] = self._output[:length]
        self._output = self._output[length:]
        return length

    def interrupt(self) -> None:
        self._ended = True
        self._reader.interrupt()

    def close(self) -> None:
        self._reader.close()

    def _next_member(self) -> Decoder | None:
        self._have(FIRST_INPUT_BYTES)
        rest = self._chunk[self._given :]
        if not rest:
            self._end(self._reader.damage)
        elif rest[0] == 0:  # Padding between and behind members (gzip, xz, tapes)
            self._given += len(rest) - len(bytes(rest).lstrip(b"\0"))
        elif self._continues(bytes(rest[:LOOK_BYTES])):
            self._decoder = DECODERS[self._compression]()
            self._give = FIRST_INPUT_BYTES
            self._member, self._member_out = self._given, 0
        else:
            self._end(f"what follows the {self._compression} data is something else")
        return self._decoder

    def _continues(self, first: bytes) -> bool:
        if self._compression in {Format.ZSTD, Format.LZ4} and is_skippable(first):
            return True
        return detect(first) == self._compression

    def _decode(self, decoder: Decoder) -> bytes:
        data = NOTHING
        if decoder.needs_input:
            self._have(1)
            data = self._chunk[self._given : self._given + self._give]
            self._given += len(data)
            self._give = min(2 * self._give, INPUT_BYTES)
            if not data:
                self._end(self._reader.damage or f"the {self._compression} data is cut short")
                return b""
        try:
            output = decoder.decompress(data, OUTPUT_BYTES)
        except MemoryError:
            raise
        except Exception as error:  # Every library has its own.
            self._end(f"the {self._compression} data cannot be decompressed further: {error}")
            return self._salvage()
        if decoder.eof:
            self._given -= len(decoder.unused_data or b"")
            self._decoder = None
        elif not (output or data or decoder.needs_input):
            self._end(f"the {self._compression} data leads nowhere")
        self._member_out += len(output)
        return output

    def _salvage(self) -> bytes:
        """What the failed step decoded before its fault: the member again, byte by byte from where that step began.

        isal compares the checksum in the call that gives the last byte, so that byte is lost with a wrong one.
        """
        if self._member is None:
            return b""
        decoder = DECODERS[self._compression]()
        data = self._chunk[self._member : self._given]
        skip, saved = self._member_out, bytearray()
        with suppress(Exception):
            while output := decoder.decompress(data, min(skip, OUTPUT_BYTES) or 1):
                data = NOTHING
                if skip:
                    skip -= len(output)
                else:
                    saved += output
        return bytes(saved)

    def _have(self, length: int) -> None:
        """Fill the chunk when fewer than `length` bytes of it are left.

        Always to the brim: where a pipe happens to pause must not decide how much of a corrupt file is given.
        """
        left = len(self._chunk) - self._given
        if left >= length or self._exhausted:
            return
        chunk = memoryview(bytearray(INPUT_BYTES))
        chunk[:left] = self._chunk[self._given :]
        while left < INPUT_BYTES and not self._exhausted:
            count = self._reader.readinto(chunk[left:])
            self._exhausted = count == 0
            left += count
        self._chunk, self._given, self._member = chunk[:left], 0, None

    def _end(self, damage: str | None) -> None:
        self._ended = True
        self._decoder = None
        self.damage = damage

    def _count(self, length: int) -> None:
        self.bytes_out += length
        if self._max_output is not None and self.bytes_out > self._max_output:
            raise BeyondLimit(f"{self._name} holds more than {self._max_output} bytes when decompressed, the limit")
        # What is read and not yet given counts too: a small file may well hold a little of nothing but zeros.
        if self._max_ratio is not None and self.bytes_out > self._max_ratio * max(self.bytes_read, INPUT_BYTES):
            raise BeyondLimit(
                f"{self._name} holds more than {self._max_ratio:g} times its size when decompressed,"
                " the limit (DECOMPRESSION_RATIO_MAX)"
            )
