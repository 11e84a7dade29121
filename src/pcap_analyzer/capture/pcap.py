"""The file header of pcap: byte order, resolution, link type, and the variants that share its magic number.

Format: draft-ietf-opsawg-pcap. Which files are taken and how their record headers are told apart follows Wireshark
4.0: some old patched libpcaps wrote longer record headers under the usual magic number, and only trying tells.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from pcap_analyzer.errors import CaptureError

HEADER_BYTES = 24
MICRO, NANO, MODIFIED, IXIA_HARDWARE, IXIA_SOFTWARE = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34, 0x1C0001AC, 0x1C0001AB
IXIA_EXTRA = 4  # bytes behind the file header
RESERVED = 0x03FF0000  # bits of the link-type field that must be zero
FRAME_CHECK_PRESENT = 0x04000000
LONG_RECORDS = {231, 249, 279}  # D-Bus, USBPcap, EBHSCR
MAX_RECORD, MAX_LONG_RECORD = 262144, 128 << 20
TRIED_RECORDS = 3


class PcapHeader(NamedTuple):
    """What the first bytes of a pcap file say.

    bytes: of the header, records begin behind it.  swapped_lengths: 0 as documented, 1 original length first, 2 where
    the captured one is larger.  frame_check: octets of frame check sequence behind every frame; None where the file
    does not say.
    """

    big_endian: bool
    tick_ns: int
    bytes: int
    record_header: int
    swapped_lengths: int
    snap_length: int
    link_type: int
    version: tuple[int, int]
    frame_check: int | None
    words: str

    @property
    def max_record(self) -> int:
        return MAX_LONG_RECORD if self.link_type in LONG_RECORDS else MAX_RECORD


def read_pcap_header(first: bytes, *, complete: bool) -> PcapHeader:
    """Read the header from the file's first bytes.

    complete: `first` is the whole file.  Raises CaptureError for a cut header, an unsupported version or link-type
    field.
    """
    order = "<" if struct.unpack_from("<I", first)[0] in MAGICS else ">"
    magic = struct.unpack_from(order + "I", first)[0]
    need = HEADER_BYTES + (IXIA_EXTRA if magic in (IXIA_HARDWARE, IXIA_SOFTWARE) else 0)
    if len(first) < need:
        raise CaptureError(
            f"the pcap file header is cut: {len(first)} bytes are there, expected {need}", offset=len(first)
        )
    major, minor, _zone, _figures, snap_length, network = struct.unpack_from(order + "HHIIII", first, 4)
    if major < 2:
        raise CaptureError(f"pcap version is {major}.{minor}, expected 2.0 or later", offset=4)
    if network & RESERVED:
        raise CaptureError(f"reserved bits of the pcap link type are set: 0x{network:08x}", offset=20)
    header = PcapHeader(
        big_endian=order == ">",
        tick_ns=1 if magic == NANO else 1000,
        bytes=need,
        record_header=16,
        swapped_lengths=_swapped_lengths(major, minor),
        snap_length=snap_length,
        link_type=network & 0xFFFF,
        version=(major, minor),
        frame_check=(network >> 28) * 2 if network & FRAME_CHECK_PRESENT else None,
        words=f"pcap, {'nano' if magic == NANO else 'micro'}seconds, {'big' if order == '>' else 'little'}-endian",
    )
    return _fit_record_header(header, magic, first, complete)


MAGICS = (MICRO, NANO, MODIFIED, IXIA_HARDWARE, IXIA_SOFTWARE)
# Lengths of the record header under a magic number, in the order in which they are tried.
LAYOUTS = {MICRO: (16, 24, 20), MODIFIED: (24, 28)}
WORDS = {16: "", 20: ", Nokia", 24: ", patched (ss990417 or ss991029)", 28: ", patched (ss990915)"}


def _swapped_lengths(major: int, minor: int) -> int:
    """Before 2.3 the original length stood first, in 2.3 some programs wrote it so."""
    if (major == 2 and minor < 3) or major == 543:
        return 1
    return 2 if (major, minor) == (2, 3) else 0


def _fit_record_header(header: PcapHeader, magic: int, first: bytes, complete: bool) -> PcapHeader:
    """The layout of the record headers that reads the first records best; the first of equals."""
    layouts = LAYOUTS.get(magic, (16,))
    if len(layouts) == 1:
        return header
    doubts = {length: _doubts(header, length, first, complete) for length in layouts}
    best = min(layouts, key=lambda length: doubts[length])
    return header._replace(record_header=best, words=header.words + WORDS[best])


def _doubts(header: PcapHeader, length: int, first: bytes, complete: bool) -> int:
    """How much speaks against record headers of `length` bytes: 0 where the first three records are plausible."""
    order = ">" if header.big_endian else "<"
    at = header.bytes
    for _ in range(TRIED_RECORDS):
        if at >= len(first):
            break
        if len(first) - at < length:
            return 1 if complete else 0
        _seconds, fraction, captured, original = struct.unpack_from(order + "IIII", first, at)
        if header.swapped_lengths and (header.swapped_lengths == 1 or captured > original):
            captured, original = original, captured
        doubts: int = sum(
            (
                fraction >= 1_000_000,
                captured > header.max_record,
                original > MAX_LONG_RECORD,
                captured > header.snap_length,
                captured > original,
            )
        )
        if doubts:
            return doubts
        at += length + captured
        if at > len(first) and complete:
            return 1
    return 0
