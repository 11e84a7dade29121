import bz2
import gzip
import lzma
import struct

import lz4.frame
import pytest

from pcap_analyzer.capture.magic import Format, describe, detect

PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
SKIPPABLE_FRAME = struct.pack("<II5s", 0x184D2A53, 5, b"hello")
ZSTD_FRAME = bytes.fromhex("28b52ffd 2000 010000")


@pytest.mark.parametrize(
    ("first", "found"),
    [
        (PCAP, Format.PCAP),
        (bytes.fromhex("a1b23c4d"), Format.PCAP),
        (bytes.fromhex("34cdb2a1"), Format.PCAP),
        (SECTION, Format.PCAPNG),
        (bytes.fromhex("0a0d0d0a 0000001c 1a2b3c4d"), Format.PCAPNG),
        (SECTION[:11], None),
        (gzip.compress(b"", mtime=0), Format.GZIP),
        (bz2.compress(b""), Format.BZIP2),
        (bz2.compress(b"x"), Format.BZIP2),
        (lzma.compress(b""), Format.XZ),
        (lz4.frame.compress(b""), Format.LZ4),
        (SKIPPABLE_FRAME + lz4.frame.compress(b""), Format.LZ4),
        (ZSTD_FRAME, Format.ZSTD),
        (SKIPPABLE_FRAME * 2 + ZSTD_FRAME, Format.ZSTD),
        (struct.pack("<II", 0x184D2A50, 1 << 31), Format.ZSTD),
        (b"BZh9 is text", None),
        (b"", None),
    ],
)
def test_formats_are_told_by_their_first_bytes(first, found):
    assert detect(first) is found


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"", "empty"),
        (PCAP, "a pcap capture"),
        (gzip.compress(b"", mtime=0), "gzip data"),
        (b"PK\3\4rest", "a zip archive"),
        (b"GMBU\1", "a Microsoft Network Monitor capture"),
        (b"snoop\0\0\0\0\0\0\2", "a snoop capture"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\n <!DOCTYPE html><p>", "an HTML page"),
        (b"<!-- saved --><html>", "an HTML page"),
        (b'{"error": 404}', "JSON"),
        (b"[1, 2]", "JSON"),
        (b"name\0".ljust(257, b"\0") + b"ustar\0", "a tar archive"),
        (bytes(512), "nothing but zero bytes"),
        (b"0000  45 00 00 54\n", "text"),
        ("grüße".encode()[:-1], "text"),
        ("Prüfung…".encode()[:-2], "text"),
        (b"\n\r\n\x1c\0\0\0", "a pcapng file whose line ends were changed in transfer (FTP in text mode)"),
        (b"\xde\xad\xbe\xef\0", "data of an unknown kind, starting with de ad be ef 00"),
    ],
)
def test_what_is_no_capture_is_named(first, words):
    assert describe(first) == words


@pytest.mark.parametrize("length", range(len(SECTION)))
def test_any_number_of_first_bytes_is_enough_to_describe(length):
    assert describe(SECTION[:length])
