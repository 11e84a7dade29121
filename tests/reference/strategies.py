"""Frames and captures as hypothesis makes them: stacks of layers, sound or slightly wrong, cut anywhere."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st

Bytes = st.SearchStrategy[bytes]

ADDRESSES = st.sampled_from([b"\x0a\0\0\x01", b"\x0a\0\0\x02", b"\xc0\xa8\x07\x01"])
ADDRESSES6 = st.sampled_from([bytes(15) + b"\x01", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x02"])
PORTS = st.sampled_from([0, 53, 80, 443, 5000, 50000, 65535])
PAYLOADS = st.binary(max_size=12)
FAMILIES = st.sampled_from([b"\x02\0\0\0", b"\0\0\0\x02", b"\0\x02\0\0", b"\x01\0\x02\0", b"\0\x02\0\x01"])
NUMBERS = st.integers(0, 2**32 - 1)
SHORTS = st.integers(0, 2**16 - 1)
MOSTLY = st.integers(0, 9).map(lambda number: number != 0)  # nine times in ten


class Frame(NamedTuple):
    """What `decode` takes."""

    frame: bytes
    original: int
    link_type: int


@st.composite
def tcp(draw: st.DrawFn) -> bytes:
    options = b"".join(
        draw(
            st.lists(
                st.sampled_from(
                    [
                        b"\x01",
                        b"\x00",
                        b"\x02\x04\x05\xb4",
                        b"\x03\x03\x07",
                        b"\x03\x03\xff",
                        b"\x04\x02",
                        b"\x22\x02",
                        b"\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02",
                        b"\x05\x0a\x00\x00\x00\x01\x00\x00\x00\x09",
                        b"\x08\x03\x01",
                        b"\x02\x00",
                        b"\x1e\x28\x01",
                    ]
                ),
                max_size=4,
            )
        )
    )
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if draw(MOSTLY) else draw(st.integers(0, 15))
    flags = draw(st.sampled_from([0x002, 0x012, 0x010, 0x018, 0x011, 0x004, 0x1FF, 0x000]))
    fixed = struct.pack(
        ">HHIIHHHH", draw(PORTS), draw(PORTS), draw(NUMBERS), draw(NUMBERS), words << 12 | flags, draw(SHORTS), 0, 0
    )
    return fixed + options + draw(PAYLOADS)


@st.composite
def udp(draw: st.DrawFn) -> bytes:
    return datagram(draw, draw(PORTS), draw(PAYLOADS))


def datagram(draw: st.DrawFn, port: int, payload: bytes) -> bytes:
    """A UDP header, its length now and then wrong."""
    length = 8 + len(payload) if draw(MOSTLY) else draw(st.integers(0, 40))
    return struct.pack(">HHHH", draw(PORTS), port, length, 0) + payload


@st.composite
def icmp(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([0, 3, 4, 5, 8, 11, 12, 13]))
    quoted = draw(ipv4_packets(1)) if draw(MOSTLY) else draw(PAYLOADS)
    return struct.pack(">BBHHH", kind, draw(st.integers(0, 3)), 0, draw(SHORTS), 1) + quoted[: draw(st.integers(0, 60))]


@st.composite
def icmpv6(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([1, 2, 3, 4, 128, 129, 135]))
    quoted = draw(ipv6_packets(1)) if draw(MOSTLY) else draw(PAYLOADS)
    return struct.pack(">BBHHH", kind, 0, 0, draw(SHORTS), 1) + quoted[: draw(st.integers(0, 80))]


@st.composite
def sctp(draw: st.DrawFn) -> bytes:
    return struct.pack(">HHII", draw(PORTS), draw(PORTS), 1, 2) + draw(PAYLOADS)


def carried(depth: int, version: int) -> st.SearchStrategy[tuple[int, bytes]]:
    """An IP protocol number and what belongs behind it; tunnels while `depth` allows."""
    kinds: list[st.SearchStrategy[tuple[int, bytes]]] = [
        numbered(6, tcp()),
        numbered(17, udp()),
        numbered(132, sctp()),
        numbered(1, icmp()) if version == 4 else numbered(58, icmpv6()),
        st.tuples(st.sampled_from([2, 50, 59, 103, 253]), PAYLOADS),
    ]
    if depth > 1:
        kinds += [
            numbered(4, ipv4_packets(depth - 1)),
            numbered(41, ipv6_packets(depth - 1)),
            numbered(47, gre(depth - 1)),
            numbered(143, ethernet(depth - 1)),
            numbered(17, udp_tunnels(depth - 1)),
            numbered(51, ah(depth - 1)),
        ]
    return st.one_of(kinds)


def numbered(number: int, content: Bytes) -> st.SearchStrategy[tuple[int, bytes]]:
    return content.map(lambda data: (number, data))


@st.composite
def ah(draw: st.DrawFn, depth: int) -> bytes:
    number, content = draw(carried(depth, 4))
    return struct.pack(">BBHII", number, 4, 0, 1, 1) + bytes(12) + content


IP_OPTIONS = [
    *[b""] * 6,
    bytes(4),
    b"\x01\x94\x04\0\0\0\0\0",
    b"\x44\x08\x05\0\0\0\0\0\x01\x01\x01\x01",
    b"\x83\x0b\x08\x01\x01\x01\x01\x02\x02\x02\x02\0",
    b"\x01\x89\x07\x04\x03\x03\x03\x03",
    b"\x83\x07\x08\x04\x04\x04\x04\x01",
    b"\x94\0\0\0",
]


@st.composite
def ipv4_packets(draw: st.DrawFn, depth: int = 3) -> bytes:
    number, content = draw(carried(depth, 4))
    options = draw(st.sampled_from(IP_OPTIONS))
    first = 0x45 + len(options) // 4 if draw(MOSTLY) else draw(st.integers(0x40, 0x4F))
    total = 20 + len(options) + len(content) if draw(MOSTLY) else draw(st.integers(0, 80))
    fragment = 0x4000 if draw(MOSTLY) else draw(st.sampled_from([0x2000, 0x2003, 0x0005]))
    return (
        struct.pack(">BBHHHBBH", first, draw(st.integers(0, 255)), total, draw(SHORTS), fragment, 64, number, 0)
        + draw(ADDRESSES)
        + draw(ADDRESSES)
        + options
        + content
    )


@st.composite
def ipv6_packets(draw: st.DrawFn, depth: int = 3) -> bytes:
    number, content = draw(carried(depth, 6))
    for extension in draw(st.lists(st.sampled_from([0, 43, 44, 60]), max_size=2)):
        if extension == 44:
            fragment = draw(st.sampled_from([0, 0, 1, 0x0039]))
            content = struct.pack(">BBHI", number, 0, fragment, 7) + content
        else:
            content = struct.pack(">BB", number, 0) + b"\x01\x04" + bytes(4) + content
        number = extension
    length = len(content) if draw(MOSTLY) else draw(st.integers(0, 80))
    return struct.pack(">IHBB", 0x60000000, length, number, 64) + draw(ADDRESSES6) + draw(ADDRESSES6) + content


def ip_packets(depth: int = 3) -> st.SearchStrategy[tuple[int, bytes]]:
    """An ethertype and a packet."""
    return st.one_of(
        numbered(0x0800, ipv4_packets(depth)),
        numbered(0x86DD, ipv6_packets(depth)),
        st.tuples(st.sampled_from([0x88CC, 0x0806, 0x9000]), st.binary(min_size=1, max_size=12)),
    )


@st.composite
def gre(draw: st.DrawFn, depth: int) -> bytes:
    flags = draw(st.sampled_from([0, 0x2000, 0x3000, 0x8000, 0xB000]))
    kind, content = draw(st.one_of(ip_packets(depth), numbered(0x6558, ethernet(depth))))
    if not draw(MOSTLY):
        content = b""
    words = sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
    return struct.pack(">HH", flags, kind) + bytes(4 * words) + content


@st.composite
def udp_tunnels(draw: st.DrawFn, depth: int) -> bytes:
    port = draw(st.sampled_from([4789, 6081, 2152, 3544, 4341, 5072, 5247, 37008]))
    if port == 4789:
        content = b"\x08" + bytes(7) + draw(ethernet(depth))
    elif port == 6081:
        options = bytes(4 * draw(st.integers(0, 2)))
        kind, inner = draw(st.one_of(ip_packets(depth), numbered(0x6558, ethernet(depth))))
        content = struct.pack(">BBHI", len(options) // 4, 0, kind, 5 << 8) + options + inner
    elif port == 2152:
        inner = draw(st.one_of(ipv4_packets(depth), ipv6_packets(depth)))
        content = struct.pack(">BBHI", 0x30, 255, len(inner), 77) + inner
    elif port == 4341:
        content = b"\x80" + bytes(7) + draw(st.one_of(ipv4_packets(depth), ipv6_packets(depth)))
    elif port == 5247:
        wireless = b"\x01\x08" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x08\0" + draw(ipv4_packets(depth))
        content = draw(
            st.sampled_from([(b"\0\x10\2", draw(ethernet(depth))), (b"\0\x10\3", wireless)]).map(bytes(5).join)
        )
    elif port == 5072:
        header = draw(st.sampled_from([b"\x41\x52\x11", b"\0\0\x01", b"\x20\x13\x02"]))
        rest = bytes(4 + (1 << (header[0] >> 4)) + 4 * (header[1] >> 4))
        kind, inner = draw(st.one_of(numbered(4, ipv4_packets(depth)), numbered(41, ipv6_packets(depth))))
        content = header + bytes([kind]) + rest + inner
    elif port == 37008:
        tags = draw(st.sampled_from([b"\1", b"\0\x0a\1\x05\1", b"\x28\2\0\0"]))
        content = struct.pack(">BBH", 1, draw(st.integers(0, 6)), draw(st.sampled_from([1, 1, 7, 0]))) + tags
        content += draw(ethernet(depth))
    else:
        content = draw(st.sampled_from([b"", bytes(8)])) + draw(ipv6_packets(depth))
    return struct.pack(">HHHH", 50000, port, 8 + len(content), 0) + content


TAGS = {
    "vlan": (0x8100,),
    "qinq": (0x88A8, 0x8100),
    "three": (0x8100, 0x8100, 0x9100),
    "twice": (0x88A8, 0x88A8),
    "thrice": (0x88A8, 0x88A8, 0x88A8),
}
HEADERS = {  # ethertype → what stands before the ethertype of what follows
    0x88E7: bytes(16),
    0x893F: bytes(6),
    0xF1C1: bytes(4),
    0x892F: bytes(4),
    0x8926: bytes(4),
    0x8909: bytes(6),
    0x88E5: b"\x20" + bytes(13),
    0xD28B: b"\0\1\1\x20" + bytes(6),
}
FRAMED = {0x22F3: b"\0\x40" + bytes(8), 0x4305: b"\x40\x0f" + bytes(8), 0x8903: b"\0\1"}  # what carries a frame


@st.composite
def ethernet(draw: st.DrawFn, depth: int = 3) -> bytes:
    kind, content = draw(ip_packets(depth))
    around = draw(st.sampled_from(["", "", "vlan", "qinq", "mpls", "snap", "pppoe", "header", "framed", *TAGS]))
    if around == "mpls" and content[:1] >= b"\x40":
        content = draw(st.sampled_from([b"", b"\0\x01\0\xff"])) + b"\0\x02\x01\xff" + content
        kind = 0x8847
    elif around == "snap":
        content = b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind) + content
        kind = len(content)
    elif around == "header":
        number = draw(st.sampled_from(sorted(HEADERS)))
        content = HEADERS[number] + struct.pack(">H", kind) + content + bytes(16)
        kind = draw(st.sampled_from([number, 0x88A8]))
        if kind == 0x88A8:
            content = struct.pack(">HH", draw(SHORTS), number) + content
    elif around == "framed" and depth > 1:
        kind = draw(st.sampled_from(sorted(FRAMED)))
        content = FRAMED[kind] + draw(ethernet(depth - 1)) + bytes(4)
    elif around == "pppoe" and kind in (0x0800, 0x86DD):
        content = (b"\0\x21" if kind == 0x0800 else b"\0\x57") + content
        content = draw(st.sampled_from([b"", b"\0\x3d\xc0\0\0\7", b"\x3d\x80\0\0\7"])) + content
        if depth > 1 and draw(st.booleans()):
            content = b"\0\x31\x02\x01" + draw(ethernet(depth - 1)) + bytes(2)
        content = struct.pack(">BBHH", 0x11, 0, 7, len(content)) + content
        kind = 0x8864
    for tag in TAGS.get(around, ())[::-1]:
        content = struct.pack(">HH", draw(SHORTS), kind) + content
        kind = tag
    return bytes(range(12)) + struct.pack(">H", kind) + content


def _prefixed(prefix: Callable[[int], bytes]) -> Bytes:
    return ip_packets().map(lambda pair: prefix(pair[0]) + pair[1])


def _netlink(packet: bytes) -> bytes:
    """A packet that netfilter logged, behind its mark."""
    message = b"\x02\0\0\0" + struct.pack("<HHI", 8, 2, 7) + struct.pack("<HH", 4 + len(packet), 9) + packet
    return bytes(14) + b"\0\x0c" + struct.pack("<IHHII", 16 + len(message), 0x400, 0, 0, 0) + message


RADIOTAP = b"\0\0\x08\0" + bytes(4)
SNAP = b"\xaa\xaa\x03\0\0\0"
LINKS: dict[int, Bytes] = {
    1: ethernet(),
    101: st.one_of(ipv4_packets(), ipv6_packets()),
    228: ipv4_packets(),
    229: ipv6_packets(),
    0: st.tuples(FAMILIES, ipv4_packets()).map(b"".join),
    253: ipv4_packets().map(_netlink),
    108: ipv6_packets().map(lambda packet: b"\0\0\0\x1e" + packet),
    113: _prefixed(lambda kind: bytes(14) + struct.pack(">H", kind)),
    276: _prefixed(lambda kind: struct.pack(">H", kind) + bytes(18)),
    9: ipv4_packets().map(lambda packet: b"\xff\x03\0\x21" + packet),
    104: ipv6_packets().map(lambda packet: b"\x0f\0\x86\xdd" + packet),
    178: st.tuples(st.sampled_from([b"MGC\0", b"MGC\x80\0\3abc"]), ethernet()).map(b"".join),
    179: ipv4_packets().map(lambda packet: b"MGC\x01\xff\x03\0\x21" + packet),
    180: ipv4_packets().map(lambda packet: b"MGC\0\x18\x41\x03\xcc" + packet),
    181: ipv6_packets().map(lambda packet: b"MGC\x82\0\0\6\0\0\0" + packet),
    112: ipv6_packets().map(lambda packet: b"\x0f\0\x86\xdd" + packet),
    123: _prefixed(lambda kind: b"\x82\0\0\x21" + SNAP + struct.pack(">H", kind)),
    138: _prefixed(lambda kind: bytes(16) + struct.pack(">H", kind)),
    204: ipv4_packets().map(lambda packet: b"\1\xff\x03\0\x21" + packet),
    107: ipv4_packets().map(lambda packet: b"\x18\x41\x03\xcc" + packet),
    10: _prefixed(lambda kind: b"\x50" + bytes(12) + SNAP + struct.pack(">H", kind)),
    51: ipv4_packets().map(lambda packet: b"\x11\0\0\1" + struct.pack(">H", 2 + len(packet)) + b"\0\x21" + packet),
    100: _prefixed(lambda kind: SNAP + struct.pack(">H", kind)),
    129: ipv4_packets().map(lambda packet: b"\1\2\0\0\xd4\0\0\1" + packet),
    226: ipv6_packets().map(lambda packet: b"\1\x1a\0\0" + struct.pack(">I", len(packet)) + bytes(16) + packet),
    242: _prefixed(lambda kind: bytes(40) + struct.pack(">HH", kind, 0)),
    258: ethernet().map(lambda frame: struct.pack("<III", 108, 1, 1) + bytes(96) + frame),
    105: _prefixed(lambda kind: b"\x08\x01" + bytes(22) + SNAP + struct.pack(">H", kind)),
    127: _prefixed(lambda kind: RADIOTAP + b"\x88\x02" + bytes(24) + SNAP + struct.pack(">H", kind)),
}


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A frame of any link type, whole or cut by a snap length, with padding behind it now and then."""
    link_type = draw(st.sampled_from(sorted(LINKS)))
    whole = draw(LINKS[link_type]) + bytes(draw(st.sampled_from([0, 0, 0, 6])))
    kept = len(whole) if draw(MOSTLY) else draw(st.integers(0, len(whole)))
    return Frame(whole[:kept], len(whole), link_type)


@st.composite
def damaged_frames(draw: st.DrawFn) -> Frame:
    """A frame with bytes changed anywhere. 802.11 and netlink are guessed at in more ways than the twin knows."""
    frame = draw(frames().filter(lambda one: one.link_type not in (105, 127, 253)))
    data = bytearray(frame.frame)
    for _ in range(draw(st.integers(1, 3))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return frame._replace(frame=bytes(data))


# --- captures --------------------------------------------------------------------------------------------------------

RECORDS = st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 60), NUMBERS, st.integers(0, 999_999)), max_size=6)


@st.composite
def pcaps(draw: st.DrawFn) -> bytes:
    """A pcap of any byte order and resolution."""
    order = draw(st.sampled_from("<>"))
    magic = draw(st.sampled_from([0xA1B2C3D4, 0xA1B23C4D]))
    link_type = draw(st.sampled_from([1, 101, 113, 147, 0x14000001]))
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)
    for frame, missing, seconds, fraction in draw(RECORDS):
        data += struct.pack(order + "IIII", seconds, fraction, len(frame), len(frame) + missing) + frame
    return data


def block(order: str, kind: int, body: bytes) -> bytes:
    """A pcapng block, padded."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def option(order: str, code: int, value: bytes) -> bytes:
    """A pcapng option, padded."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


@st.composite
def sections(draw: st.DrawFn) -> bytes:
    """A pcapng section with its interfaces and blocks of every kind."""
    order = draw(st.sampled_from("<>"))
    data = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    interfaces = draw(st.integers(0, 3))
    for _ in range(interfaces):
        options = b""
        if draw(st.booleans()):
            options += option(order, 9, bytes([draw(st.sampled_from([0, 3, 6, 9, 0x80 | 20, 0x80 | 30]))]))
        if draw(st.booleans()):
            options += option(order, 14, struct.pack(order + "q", draw(st.integers(-5, 1_600_000_000))))
        link_type, snap_length = draw(st.sampled_from([1, 101, 113])), draw(st.sampled_from([0, 16, 65535]))
        data += block(order, 1, struct.pack(order + "HHI", link_type, 0, snap_length) + options)
    for frame, missing, seconds, low in draw(RECORDS):
        number = draw(st.integers(0, interfaces)) if not draw(MOSTLY) or not interfaces else interfaces - 1
        high = seconds % (1 << 20)
        lengths = struct.pack(order + "II", len(frame), len(frame) + missing)
        padding = bytes(-len(frame) % 4)
        kind = draw(st.sampled_from(["enhanced", "old", "simple", "other", "comment"]))
        if kind == "enhanced":
            data += block(order, 6, struct.pack(order + "III", number, high, low) + lengths + frame)
        elif kind == "comment":
            comment = padding + option(order, 1, b"hello") + option(order, 0, b"")
            data += block(order, 6, struct.pack(order + "III", number, high, low) + lengths + frame + comment)
        elif kind == "old":
            data += block(order, 2, struct.pack(order + "HHII", number, 3, high, low) + lengths + frame)
        elif kind == "simple":
            data += block(order, 3, struct.pack(order + "I", len(frame)) + frame)
        else:
            data += block(order, draw(st.sampled_from([7, 0x77, 0x4711])), frame)
    return data


PCAPNGS = st.lists(sections(), min_size=1, max_size=3).map(b"".join)
CAPTURES = st.one_of(pcaps(), PCAPNGS)


@st.composite
def damaged_captures(draw: st.DrawFn) -> bytes:
    """A capture cut anywhere, or with bytes changed."""
    data = bytearray(draw(CAPTURES))
    if draw(st.booleans()):
        return bytes(data[: draw(st.integers(0, len(data)))])
    for _ in range(draw(st.integers(1, 2))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@st.composite
def talks(draw: st.DrawFn) -> bytes:
    """A pcap of a few endpoints that talk to each other: streams that begin, end and begin again."""
    link_type = draw(st.sampled_from([1, 101]))
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    packets = draw(st.lists(st.one_of(segments(), ipv4_packets(), ipv6_packets()), max_size=12))
    for number, packet in enumerate(packets):
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"
        frame = packet if link_type == 101 else bytes(12) + kind + packet
        data += struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame
    return data


@st.composite
def segments(draw: st.DrawFn) -> bytes:
    """A TCP segment of one of two connections, with one of few sequence numbers."""
    ports = draw(st.permutations([1000, draw(st.sampled_from([80, 2000]))]))
    fixed = struct.pack(
        ">HHIIHHHH",
        *ports,
        draw(st.integers(1, 4)),
        draw(st.integers(1, 4)),
        5 << 12 | draw(st.sampled_from([0x02, 0x12, 0x10, 0x11, 0x04, 0x14])),
        100,
        0,
        0,
    )
    addresses = draw(st.permutations([b"\x0a\0\0\x01", b"\x0a\0\0\x02"]))
    return struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + b"".join(addresses) + fixed
