"""What a file is, by its first bytes: captures and compressions that we read, and names for what we do not.

Names of files are never asked: a `.pcap` is often gzip, and an upload has whatever name its sender chose.
"""

import re
from enum import StrEnum

# Enough for every magic number below; tar keeps its own at byte 257.
LOOK_BYTES = 512


class Format(StrEnum):
    """A kind of file that can be read, as it stands in `capture.format` and `source.compression`."""

    PCAP = "pcap"
    PCAPNG = "pcapng"
    GZIP = "gzip"
    ZSTD = "zstd"
    LZ4 = "lz4"
    XZ = "xz"
    BZIP2 = "bzip2"

    @property
    def is_compression(self) -> bool:
        return self not in {Format.PCAP, Format.PCAPNG}


PCAP_MAGICS = frozenset(
    number.to_bytes(4, order)
    for order in ("big", "little")
    for number in (
        0xA1B2C3D4,  # microseconds
        0xA1B23C4D,  # nanoseconds
        0xA1B2CD34,  # longer record headers, of Kuznetsov's libpcap
        0x1C0001AC,  # IXIA, by hardware
        0x1C0001AB,  # IXIA, by software
    )
)
PCAPNG_SECTION = bytes.fromhex("0a0d0d0a")
PCAPNG_BYTE_ORDERS = frozenset({bytes.fromhex("1a2b3c4d"), bytes.fromhex("4d3c2b1a")})
GZIP_MAGIC = bytes.fromhex("1f8b08")
ZSTD_MAGIC = bytes.fromhex("28b52ffd")
LZ4_MAGIC = bytes.fromhex("04224d18")
XZ_MAGIC = b"\xfd7zXZ\0"
BZIP2_MAGIC = rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"

SKIPPABLE = bytes.fromhex("2a4d18")  # behind a byte from 0x50 to 0x5f


def detect(first: bytes) -> Format | None:
    """The format whose magic number stands at the start of `first`; None where there is none, or not enough of it.

    first: at least 12 bytes, or all that there are; LOOK_BYTES are better.
    """
    if first[:4] in PCAP_MAGICS:
        return Format.PCAP
    if first.startswith(PCAPNG_SECTION) and first[8:12] in PCAPNG_BYTE_ORDERS:
        return Format.PCAPNG
    if first.startswith(GZIP_MAGIC):
        return Format.GZIP
    if first.startswith(XZ_MAGIC):
        return Format.XZ
    if re.match(BZIP2_MAGIC, first):
        return Format.BZIP2
    return _detect_frame(first)


def is_skippable(first: bytes, start: int = 0) -> bool:
    """Whether a frame begins that zstd and lz4 both step over (RFC 8878 section 3.1.2): its length follows."""
    return first.startswith(SKIPPABLE, start + 1) and first[start] >> 4 == 5


def _detect_frame(first: bytes) -> Format | None:
    start = 0
    while is_skippable(first, start) and len(first) - start >= 8:
        start += 8 + int.from_bytes(first[start + 4 : start + 8], "little")
    if first.startswith(LZ4_MAGIC, start):
        return Format.LZ4
    # What only begins with a skippable frame is zstd's: pzstd writes them, no lz4 tool does.
    return Format.ZSTD if first.startswith(ZSTD_MAGIC, start) or start >= len(first) > 0 else None


# Read from the top: the first that matches names the file.
OTHERS: tuple[tuple[bytes, str], ...] = tuple(
    (pattern, name)
    for name, pattern in {
        # Captures of other programs
        "a Microsoft Network Monitor capture": rb"GMBU|RTSS",
        "a snoop capture": rb"snoop\0\0\0",
        "a Sniffer capture": rb"TRSNIFF data ",
        "a NetXRay or Sniffer Pro capture": rb"XCP\0|VL\0\0",
        "an AIX iptrace capture": rb"iptrace [12]\.0",
        "a Bluetooth btsnoop capture": rb"btsnoop\0",
        "a Vector BLF capture": rb"LOGG",
        "a Visual Networks capture": rb"\x05VNF",
        "an EyeSDN capture": rb"EyeSDN",
        "a Windows event log": rb"ElfFile\0",
        "a pcapng file without the byte-order magic that follows its first block type": rb"\n\r\r\n",
        "a pcapng file whose line ends were changed in transfer (FTP in text mode)": rb"\n\r\n|\r\n\r\r\r?\n",
        # Packed
        "a zip archive": rb"PK(\x03\x04|\x05\x06|\x07\x08)",
        "a 7z archive": rb"7z\xbc\xaf\x27\x1c",
        "a RAR archive": rb"Rar!\x1a\x07",
        "a tar archive": rb".{257}ustar",
        "a file compressed by compress (.Z)": rb"\x1f[\x9d\xa0]",
        "a file compressed by lzop": rb"\x89LZO\0",
        "a file compressed by lz4 in its old format": rb"\x02\x21\x4c\x18",
        "a file compressed by lzip": rb"LZIP\x01",
        # Documents, pictures, programs, tables
        "a PDF document": rb"%PDF-",
        "a PNG picture": rb"\x89PNG\r\n\x1a\n",
        "a JPEG picture": rb"\xff\xd8\xff",
        "a GIF picture": rb"GIF8[79]a",
        "an ELF program": rb"\x7fELF",
        "a Windows program": rb"MZ.{60}\0\0",
        "a Mach-O program": rb"[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe",
        "an SQLite database": rb"SQLite format 3\0",
        "a Parquet table": rb"PAR1",
        "an Arrow table": rb"ARROW1",
        "an old Microsoft Office document": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        # Text
        "a Git LFS pointer, not the file that it stands for": rb"version https://git-lfs",
        "an HTML page": rb"(?i)\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b",
        "an XML document": rb"(\xef\xbb\xbf)?\s*<\?xml",
        "JSON": rb'\s*(\{\s*["}]|\[\s*["{\[\]\d-])',
        "UTF-16 text": rb"\xff\xfe|\xfe\xff",
        "nothing but zero bytes": rb"\0+\Z",
    }.items()
)


def describe(first: bytes) -> str:
    """What a file seems to be, as a noun phrase for "this is …": "a zip archive", "text", "gzip data".

    first: its first LOOK_BYTES, or all that there are.
    """
    if not first:
        return "empty"
    if found := detect(first):
        return f"{found} data" if found.is_compression else f"a {found} capture"
    for pattern, name in OTHERS:
        if re.match(pattern, first, re.DOTALL):
            return name
    if _is_text(first):
        return "text"
    return f"data of an unknown kind, starting with {first[:8].hex(' ')}"


def _is_text(first: bytes) -> bool:
    # A character of several bytes may be cut at the end.
    try:
        first.decode()
    except UnicodeDecodeError as error:
        if error.end < len(first) or error.reason != "unexpected end of data":
            return False
    return not re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]", first)
