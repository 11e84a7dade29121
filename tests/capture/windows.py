"""What the tests of sources share: captures to read, ways to give them, and a parser that consumes what it is told."""

import bz2
import gzip
import io
import lzma
import random
import struct

import lz4.frame
from backports import zstd

from pcap_analyzer.capture.source import StreamSource
from pcap_analyzer.capture.source.readers import StreamReader

PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
}


def noise(length):
    """Bytes that begin like a pcap and compress a little."""
    return PCAP + random.Random(length).randbytes(length // 2).hex().encode()[: length - len(PCAP)]


def drain(source, consume=len):
    """All the bytes of a source, from windows of which `consume` says how much is consumed."""
    with closing(source):
        collected, consumed = bytearray(), 0
        while True:
            window = source.window(consumed)
            assert window.offset == len(collected)
            assert window.data.readonly
            assert window.data.contiguous
            consumed = len(window.data) if window.final else consume(window.data)
            collected += window.data[:consumed]
            if window.final:
                assert source.window(consumed) == (b"", len(collected), True)
                return bytes(collected)


class closing:  # noqa: N801 (contextlib's, and looks for threads left behind)
    def __init__(self, source):
        self.source = source

    def __enter__(self):
        return self.source

    def __exit__(self, *_):
        self.source.close()
        self.source.close()


class Trickle:
    """A stream that has only read(), and gives a few bytes at a time."""

    def __init__(self, data, step):
        self.stream, self.step = io.BytesIO(data), step

    def read(self, length):
        return self.stream.read(min(length, self.step))


def small_stream(stream, **sizes):
    return StreamSource(
        StreamReader(stream, owned=False), "test", **({"block_bytes": 100, "headroom_bytes": 20} | sizes)
    )
