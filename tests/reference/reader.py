"""Capture files from bytes to records, accepting exactly what tshark 4.0 accepts.

`read(data)` gives every whole record and, where the walk had to stop, the damage; NotACapture for everything else.
Link types that Wireshark does not know are read all the same: a record needs no dissector. Nor does one end the reading
that is too short for the pseudo-header of its link type.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_RECORD = 262_144
MAX_RECORD_OF_LINK = {231: 128 << 20, 249: 128 << 20, 279: 8 << 20}  # D-Bus, USBPcap and EBHSCR are larger
MAX_BLOCK = 32 + (128 << 20) + 131_072  # the largest D-Bus message in an enhanced packet block with 128 KiB of options
SECTION_HEADER = 0x0A0D0D0A
NETFLIX = 10_949
NS = 1_000_000_000


class NotACapture(ValueError):
    """Neither pcap nor pcapng, or one of a version or kind that nobody reads."""


class Damage(NamedTuple):
    """Where the walk stopped: the offset of the record or block, and why."""

    offset: int
    reason: str


class Record(NamedTuple):
    """One packet as it stands in the file."""

    timestamp: int | None  # ns since 1970
    offset: int  # of the frame's first byte
    captured: int
    original: int
    interface: int | None  # over all sections; None in pcap
    link_type: int
    frame: bytes
    fcs: int | None = None  # bytes of frame check sequence, where the file says so


class Interface(NamedTuple):
    """One interface description, as far as reading needs it."""

    number: int
    link_type: int
    snap_length: int
    units: int  # of time per second
    offset: int  # seconds
    fcs: int | None


@dataclass
class Capture:
    """What a file gave."""

    format: str
    variant: str
    records: list[Record] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    sections: int = 0
    damage: Damage | None = None


class _Stop(Exception):
    """The walk cannot go on: the offset and the reason."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.damage = Damage(offset, reason)


def read(data: bytes) -> Capture:
    """Every record of an uncompressed or compressed capture."""
    data = decompress(data)
    if data[:4] in _PCAP_MAGICS:
        return _read_pcap(data)
    if len(data) >= 4 and struct.unpack_from("<I", data)[0] == SECTION_HEADER:
        return _read_pcapng(data)
    raise NotACapture("neither pcap nor pcapng")


def decompress(data: bytes) -> bytes:
    """The content of a gzip, bzip2 or xz file; other bytes as they are. Zstandard and lz4 are not in Python 3.11."""
    for magic, opener in ((b"\x1f\x8b", gzip.decompress), (b"BZh", bz2.decompress), (b"\xfd7zXZ", lzma.decompress)):
        if data.startswith(magic):
            return opener(data)
    return data


# --- pcap ------------------------------------------------------------------------------------------------------------

_MAGICS = {
    0xA1B2C3D4: ("pcap", 1000, 0),
    0xA1B23C4D: ("nanoseconds", 1, 0),
    0xA1B2CD34: ("modified", 1000, 0),
    0x1C0001AC: ("ixia", 1000, 4),  # Quirk: 4.0 reads the nanoseconds of Ixia's hardware as microseconds
    0x1C0001AB: ("ixia", 1000, 4),
}
_PCAP_MAGICS = {struct.pack(order + "I", magic): (order, magic) for magic in _MAGICS for order in "<>"}
_LAYOUTS = {
    "pcap": 16,
    "nanoseconds": 16,
    "ixia": 16,
    "aix": 16,
    "ss990417": 24,
    "nokia": 20,
    "ss991029": 24,
    "ss990915": 28,
}
_AIX_LINK = {6: 1, 9: 6, 15: 10, 24: 0}  # ifType numbers of Ethernet, token ring, FDDI and loopback
_TRIED = {"pcap": ("pcap", "ss990417", "nokia"), "modified": ("ss991029", "ss990915")}


class _Pcap(NamedTuple):
    order: str
    variant: str
    minor_swap: str  # "never", "always", "maybe": the two lengths stand the other way round
    link_type: int
    snap_length: int
    fraction: int  # ns
    first: int  # offset of the first record
    fcs: int | None

    @property
    def limit(self) -> int:
        return MAX_RECORD_OF_LINK.get(self.link_type, MAX_RECORD)


def _read_pcap(data: bytes) -> Capture:
    header = _pcap_header(data)
    capture = Capture("pcap", header.variant)
    try:
        _walk_pcap(data, header, capture.records)
    except _Stop as stop:
        capture.damage = stop.damage
    return capture


def _pcap_header(data: bytes) -> _Pcap:
    order, magic = _PCAP_MAGICS[data[:4]]
    variant, fraction, extra = _MAGICS[magic]
    if len(data) < 24 + extra:
        raise NotACapture("the pcap file header is cut short")
    major, minor, _zone, _figures, snap_length, network = struct.unpack_from(order + "HHiIII", data, 4)
    if major < 2:
        raise NotACapture(f"pcap major version {major} is unsupported")
    # Before 2.3 (and in DG/UX's 543.0) the original length came first; 2.3 was written both ways.
    swap = "always" if (major == 2 and minor < 3) or major == 543 else "maybe" if (major, minor) == (2, 3) else "never"
    if variant in ("pcap", "modified") and (major, minor) == (2, 2) and network in _AIX_LINK:
        network, variant, fraction = _AIX_LINK[network], "aix", 1
    if network & 0x03FF0000:
        raise NotACapture(f"network type reserved field is not zero (0x{network & 0x03FF0000:08x})")
    fcs = (network >> 28) * 2 if network & 0x04000000 else None
    header = _Pcap(order, variant, swap, network & 0xFFFF, snap_length, fraction, 24 + extra, fcs)
    if variant in _TRIED:
        best = min(_TRIED[variant], key=lambda layout: _demerits(data, header, layout))  # the first of equals
        header = header._replace(variant=best)
    return header


def _lengths(header: _Pcap, first: int, second: int) -> tuple[int, int]:
    """Captured and original length."""
    if header.minor_swap == "always" or (header.minor_swap == "maybe" and first > second):
        return second, first
    return first, second


def _demerits(data: bytes, header: _Pcap, layout: str) -> int:
    """What speaks against a record layout in the first of three records that is not beyond doubt.

    Quirk: a cut record counts against a layout, so that a file cut within its first three records can be taken for one
    of Red Hat 6.1 when the bytes allow it.
    """
    size, at = _LAYOUTS[layout], header.first
    found: int
    for _ in range(3):
        if at == len(data):
            break
        if len(data) - at < size:
            return 1
        _seconds, fraction, first, second = struct.unpack_from(header.order + "IIII", data, at)
        captured, original = _lengths(header, first, second)
        found = (fraction >= 1_000_000) + (captured > header.limit) + (original > 128 << 20)
        found += (captured > header.snap_length) + (captured > original)
        if found:
            return found
        if captured > len(data) - at - size:
            return 1
        at += size + captured
    return 0


def _walk_pcap(data: bytes, header: _Pcap, records: list[Record]) -> None:
    size, at = _LAYOUTS[header.variant], header.first
    # AIX puts 3 bytes in front of FDDI frames and counts them.
    padding = 3 if header.variant == "aix" and header.link_type == 10 else 0
    while at < len(data):
        if len(data) - at < size:
            raise _Stop(at, "cut short in a record header")
        seconds, fraction, first, second = struct.unpack_from(header.order + "IIII", data, at)
        captured, original = _lengths(header, first, second)
        if captured > header.limit:
            raise _Stop(at, f"record of {captured} bytes, more than {header.limit}")
        if captured > len(data) - at - size:
            raise _Stop(at, "cut short in a packet")
        if captured < padding:
            raise _Stop(at, f"record of {captured} bytes is too small for its padding")
        begin, end = at + size + padding, at + size + captured
        # The fraction is added as it stands: 1999999 µs is nearly two seconds.
        records.append(
            Record(
                seconds * NS + fraction * header.fraction,
                begin,
                captured - padding,
                original - padding,
                None,
                header.link_type,
                data[begin:end],
                header.fcs,
            )
        )
        at = end


# --- pcapng ----------------------------------------------------------------------------------------------------------

_INTERFACE, _OLD_PACKET, _SIMPLE, _NAMES, _STATISTICS, _ENHANCED, _JOURNAL, _SECRETS = 1, 2, 3, 4, 5, 6, 9, 10
_CUSTOM = (0xBAD, 0x40000BAD)
_CUSTOM_OPTIONS = (2988, 2989, 19372, 19373)
_PACKET_OPTION_LENGTH = {2: 4, 4: 8, 5: 8, 6: 4}  # flags, drop count, packet id, queue
_VERDICT, _FILTER, _RESOLUTION, _FCS_LENGTH, _TIME_OFFSET = 7, 11, 9, 13, 14


def _padded(length: int) -> int:
    return (length + 3) & ~3


class _Section:
    """One section while it is walked."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.interfaces: list[Interface] = []


def _read_pcapng(data: bytes) -> Capture:
    if len(data) < 24 or data[8:12] not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
        raise NotACapture("the pcapng section header is cut short or has an unknown byte-order magic")
    capture = Capture("pcapng", "pcapng")
    section = _Section("<")
    at = 0
    try:
        while at < len(data):
            section, at = _block(data, at, section, capture)
    except _Stop as stop:
        if stop.damage.offset == 0:  # the first section header itself; Wireshark does not open such a file as pcapng
            raise NotACapture(stop.damage.reason) from None
        capture.damage = stop.damage
    return capture


def _block(data: bytes, at: int, section: _Section, capture: Capture) -> tuple[_Section, int]:
    """Read the block at `at`; the section that holds from there on, and the offset of the next block."""
    if len(data) - at < 8:
        raise _Stop(at, "cut short in a block header")
    kind, length = struct.unpack_from(section.order + "II", data, at)
    if kind == SECTION_HEADER:  # the same number in both byte orders
        section, length = _section_header(data, at)
    # Lengths that are no multiple of 4 are taken as if the padding had been forgotten, at both ends of the block.
    length = _padded(length)
    if length > MAX_BLOCK:
        raise _Stop(at, f"block length {length} is too large")
    body = _Body(data, at, length, section)
    record = None
    if kind == SECTION_HEADER:
        body.need(28, "section header")
        version = struct.unpack_from(section.order + "HH", data, at + 12)
        if version not in ((1, 0), (1, 2)):
            raise _Stop(at, f"section version {version[0]}.{version[1]} is unknown")
        body.skip(16)
        body.options()
        capture.sections += 1
    else:
        record = _body(kind, body, capture)
    trailer = struct.unpack(section.order + "I", body.take(4))[0]
    if _padded(trailer) != length:
        raise _Stop(at, f"block lengths {length} and {trailer} differ")
    if record is not None:
        capture.records.append(record)
    return section, body.at


def _section_header(data: bytes, at: int) -> tuple[_Section, int]:
    if len(data) - at < 24:
        raise _Stop(at, "cut short in a section header")
    for order in "<>":
        if struct.unpack_from(order + "I", data, at + 8)[0] == 0x1A2B3C4D:
            return _Section(order), struct.unpack_from(order + "I", data, at + 4)[0]
    raise _Stop(at, "unknown byte-order magic")


class _Body:
    """The content of one block: `left` is what its length says, reading stops at the end of the file alone."""

    def __init__(self, data: bytes, start: int, length: int, section: _Section) -> None:
        self.data, self.start, self.length, self.section = data, start, length, section
        self.at = start + 8

    @property
    def left(self) -> int:
        """Bytes of the block before its trailer."""
        return self.start + self.length - 4 - self.at

    def need(self, length: int, what: str) -> None:
        if self.length < length:
            raise _Stop(self.start, f"block length {self.length} is too small for a {what}")

    def take(self, length: int) -> bytes:
        # A negative length is an unsigned number beyond any file.
        if length < 0 or length > len(self.data) - self.at:
            raise _Stop(self.start, "cut short in a block")
        self.at += length
        return self.data[self.at - length : self.at]

    def skip(self, length: int) -> None:
        self.take(length)

    def unpack(self, layout: str) -> tuple[int, ...]:
        layout = self.section.order + layout
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def options(self) -> list[tuple[int, bytes]]:
        """The options up to the trailer. A custom option needs its enterprise number."""
        raw, found, at = self.take(self.left), [], 0
        while at < len(raw):
            if len(raw) - at < 4:
                raise _Stop(self.start, "cut option header")
            code, length = struct.unpack_from(self.section.order + "HH", raw, at)
            if _padded(length) > len(raw) - at - 4:
                raise _Stop(self.start, f"option of {length} bytes is longer than its block")
            if code == 0:  # its length has been checked all the same
                break
            if code in _CUSTOM_OPTIONS and length < 4:
                raise _Stop(self.start, "custom option without enterprise number")
            found.append((code, raw[at + 4 : at + 4 + length]))
            at += 4 + _padded(length)
        return found


def _body(kind: int, body: _Body, capture: Capture) -> Record | None:
    if kind == _INTERFACE:
        _interface(body, capture)
    elif kind in (_ENHANCED, _OLD_PACKET):
        return _packet(kind, body)
    elif kind == _SIMPLE:
        return _simple_packet(body)
    elif kind == _NAMES:
        _names(body)
    elif kind == _STATISTICS:
        body.need(24, "statistics block")
        body.skip(12)
        body.options()
    elif kind == _SECRETS:
        _kind, secrets = body.unpack("II")
        body.skip(secrets)
        body.skip(body.left)
    elif kind in _CUSTOM:
        body.need(16, "custom block")
        if body.unpack("I")[0] == NETFLIX:
            body.need(20, "Netflix block")
        body.skip(body.left)
    else:
        body.need(35 if kind == _JOURNAL else 12, "journal entry" if kind == _JOURNAL else "block")
        body.skip(body.left)
    return None


def _interface(body: _Body, capture: Capture) -> None:
    body.need(20, "interface description")
    link_type, _reserved, snap_length = body.unpack("HHI")
    units, offset, fcs = 1_000_000, 0, None
    seen: set[int] = set()
    for code, value in body.options():
        if code == _FILTER and not value:
            raise _Stop(body.start, "interface filter without content")
        # Of options that may stand once the first counts, and one of another length is as good as absent.
        if code in seen:
            continue
        if code == _RESOLUTION and len(value) == 1:
            seen.add(code)
            units = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
        elif code == _TIME_OFFSET and len(value) == 8:
            seen.add(code)
            offset = struct.unpack(body.section.order + "q", value)[0]
        elif code == _FCS_LENGTH and len(value) == 1:
            seen.add(code)
            fcs = value[0]
    interface = Interface(len(capture.interfaces), link_type, snap_length, units, offset, fcs)
    capture.interfaces.append(interface)
    body.section.interfaces.append(interface)


def _time(high: int, low: int, interface: Interface) -> int:
    units = (high << 32) | low
    if interface.units >= 1 << 64:  # Quirk: a resolution that does not fit 64 bits gives time 0 throughout
        return interface.offset * NS
    # Cut, not rounded. tshark's own product overflows for units finer than 2 ** 34 a second; this does not.
    return (units // interface.units + interface.offset) * NS + units % interface.units * NS // interface.units


def _packet(kind: int, body: _Body) -> Record:
    body.need(32, "packet")
    if kind == _ENHANCED:
        number, high, low, captured, original = body.unpack("IIIII")
    else:
        number, _drops, high, low, captured, original = body.unpack("HHIIII")
    interfaces = body.section.interfaces
    if number >= len(interfaces):
        raise _Stop(body.start, f"interface {number} of {len(interfaces)}")
    interface = interfaces[number]
    if body.length < 32 + _padded(captured):
        raise _Stop(body.start, f"block length {body.length} is too small for {captured} bytes")
    _check_captured(body, captured, interface)
    offset = body.at
    frame = body.take(captured)
    body.skip(-captured % 4)
    for code, value in body.options():
        if _PACKET_OPTION_LENGTH.get(code, len(value)) != len(value):
            raise _Stop(body.start, f"option {code} of {len(value)} bytes")
        if code == _VERDICT and (not value or (value[0] in (1, 2) and len(value) != 9)):
            raise _Stop(body.start, f"verdict of {len(value)} bytes")
    return Record(
        _time(high, low, interface),
        offset,
        captured,
        original,
        interface.number,
        interface.link_type,
        frame,
        interface.fcs,
    )


def _check_captured(body: _Body, captured: int, interface: Interface) -> None:
    limit = MAX_RECORD_OF_LINK.get(interface.link_type, MAX_RECORD)
    if captured > limit:
        raise _Stop(body.start, f"packet of {captured} bytes, more than {limit}")


def _simple_packet(body: _Body) -> Record:
    body.need(16, "simple packet")
    original = body.unpack("I")[0]
    if not body.section.interfaces:
        raise _Stop(body.start, "simple packet before any interface")
    interface = body.section.interfaces[0]
    # A snap length of 0 is none.
    captured = min(original, interface.snap_length or original)
    if body.length < 16 + _padded(captured):
        raise _Stop(body.start, f"block length {body.length} is too small for {captured} bytes")
    _check_captured(body, captured, interface)
    offset = body.at
    frame = body.take(captured)
    body.skip(-captured % 4)  # Quirk: the trailer is looked for here, whatever the block's length says
    return Record(None, offset, captured, original, interface.number, interface.link_type, frame, interface.fcs)


def _names(body: _Body) -> None:
    body.need(16, "name resolution block")
    while body.left >= 4:
        kind, length = body.unpack("HH")
        if kind == 0:
            break
        if _padded(length) > body.left:
            raise _Stop(body.start, f"name record of {length} bytes is longer than its block")
        value = body.take(_padded(length))[:length]
        address = {1: 4, 2: 16}.get(kind)
        if address is not None and (length < address or b"\0" not in value[address:]):
            raise _Stop(body.start, "name record without address or without end of name")
    body.options()
