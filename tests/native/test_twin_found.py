"""Frames that kernel and twin once told apart, with what tshark 4.0 makes of each: both must say the same, and that."""

from __future__ import annotations

import struct

import pytest

from tests.native.frames import LLC_IPV4, ethernet, inner, ipv4, ipv6, tcp, udp
from tests.native.test_twin import assert_same, from_kernel
from tests.reference.strategies import Frame

ETHERNET, TOKEN_RING, FDDI, RAW, CHDLC, FRAME_RELAY, SLL, PRISM, IPV4, IPV6, PKTAP = (
    1,
    6,
    10,
    101,
    104,
    107,
    113,
    119,
    228,
    229,
    258,
)
IP, BRIDGED = inner(), ethernet(inner())
PPP = b"\xff\x03\0\x21" + IP
LABELLED = b"\0\2\1\xff" + IP
SNAP = LLC_IPV4[3:]
INNER_PORT = 80  # where IP goes


def gre(kind: int, payload: bytes) -> bytes:
    return ipv4(struct.pack(">HH", 0, kind) + payload, 47)


def over_udp(port: int, payload: bytes, source: int = 40_000) -> bytes:
    return ipv4(udp(source, port, payload), 17)


def gtp(first: int, payload: bytes) -> bytes:
    return struct.pack(">BBHI", first, 255, len(payload), 77) + payload


def geneve(first: int, kind: int, payload: bytes) -> bytes:
    return struct.pack(">BBHI", first, 0, kind, 5 << 8) + payload


def nsh(following: int, payload: bytes) -> bytes:
    return bytes([0, 2, 1, following]) + bytes(4) + payload


def fragment(following: int, fields: int) -> bytes:
    """A fragment header of IPv6: offset and flag as on the wire."""
    return struct.pack(">BBHI", following, 0, fields, 7)


# Name, link type, frame, and what it is: the port that was reached, or where reading stopped.
WHOLE: list[tuple[str, int, bytes, int | str]] = [
    ("Geneve of version 1", IPV4, over_udp(6081, geneve(0x40, 0x0800, IP)), INNER_PORT),
    ("Geneve without its options", IPV4, over_udp(6081, geneve(0x4F, 0x9000, bytes(5))), "malformed transport"),
    ("Frame Relay, another unnumbered kind", FRAME_RELAY, b"\x18\x41\x13\xcc" + IP, INNER_PORT),
    ("Frame Relay, an XID", FRAME_RELAY, b"\x18\x41\xaf\xcc" + IP, "unsupported network"),
    ("Frame Relay, a tag", FRAME_RELAY, b"\x18\x41\x81\0\0\1\x08\0" + IP, "unsupported network"),
    ("Frame Relay, PPP", FRAME_RELAY, b"\x18\x41\x03\xcf\0\x21" + IP, INNER_PORT),
    ("Cisco HDLC, a tag", CHDLC, b"\x0f\0\x81\0\0\1\x08\0" + IP, "unsupported network"),
    ("Cisco HDLC, MPLS", CHDLC, b"\x0f\0\x88\x47" + LABELLED, INNER_PORT),
    ("AH of 8 bytes in IPv6", IPV6, ipv6(b"\x06" + bytes(7) + tcp(1, 2), 51), 2),
    ("AH of 8 bytes in IPv4", IPV4, ipv4(b"\x06" + bytes(7) + tcp(1, 2), 51), 2),
    ("AH, then options", IPV6, ipv6(b"\x3c\1" + bytes(10) + b"\6\0\1\4" + bytes(4) + tcp(1, 2), 51), 2),
    ("LLC of a kind without packets", ETHERNET, ethernet(b"\xaa\xaa\x6f" + SNAP + IP, 51), "unsupported network"),
    ("LLC, a bridged frame in an XID", ETHERNET, ethernet(b"\xaa\xaa\xaf\0\x80\xc2\0\7\0\0" + BRIDGED, 67), INNER_PORT),
    ("LLC, a bridged frame in an RR", ETHERNET, ethernet(b"\xaa\xaa\1\0\0\x80\xc2\0\7\0\0" + BRIDGED, 68), INNER_PORT),
    ("LLC, a poll", ETHERNET, ethernet(b"\xaa\xaa\x13" + SNAP + IP, 51), "unsupported network"),
    ("LLC, a numbered frame", ETHERNET, ethernet(b"\xaa\xaa\0\0" + SNAP + IP, 52), INNER_PORT),
    ("LLC, one control byte of two", ETHERNET, ethernet(b"\xae\x71\xb2", 3), "malformed link"),
    ("LLC, a response", ETHERNET, ethernet(b"\xaa\xab\x03" + SNAP + IP, 51), "unsupported network"),
    ("LLC, a bridged frame", ETHERNET, ethernet(b"\xaa\xaa\x03\0\x80\xc2\0\7\0\0" + BRIDGED, 67), INNER_PORT),
    ("LLC, IP behind ISO's point", ETHERNET, ethernet(b"\xfe\xfe\x03\xcc" + IP, 47), INNER_PORT),
    ("FDDI, a frame that is not LLC's", FDDI, b"\x92" + bytes(12) + LLC_IPV4 + IP, "unsupported link"),
    ("Token Ring, a frame of the ring's own", TOKEN_RING, b"\x10\0" + bytes(12) + LLC_IPV4 + IP, "unsupported link"),
    ("Token Ring, a reserved kind", TOKEN_RING, b"\x10\xc0" + bytes(12) + LLC_IPV4 + IP, "unsupported link"),
    ("Token Ring, a route behind the frame", TOKEN_RING, b"\x10\x40" + b"\x80" * 12 + b"\x1f", "malformed link"),
    (
        "Token Ring, a route of no byte",
        TOKEN_RING,
        b"\x10\x40" + b"\x80" * 12 + b"\xe0\xe0\3",
        "unsupported network",
    ),
    (
        "LLC, a bridged token bus",
        ETHERNET,
        ethernet(b"\xaa\xaa\x03\0\x80\xc2\0\2\0\0" + BRIDGED, 67),
        "unsupported network",
    ),
    ("PPPoE, an address as in HDLC", ETHERNET, ethernet(b"\x11\0\0\1\0\x2f" + PPP, 0x8864), "unsupported network"),
    ("PKTAP, too short for one", PKTAP, struct.pack("<III", 52, 1, 1) + bytes(40) + BRIDGED, "malformed link"),
    (
        "IPv6 without length or jumbo option",
        IPV6,
        ipv6(b"\x06\0" + bytes(6) + tcp(1, 2), 0, length=0),
        "malformed network",
    ),
    ("the same, its options cut off", IPV6, ipv6(b"\x06\x09" + bytes(6) + tcp(1, 2), 0, length=0), "malformed network"),
    ("LLC behind an ethertype", ETHERNET, ethernet(LLC_IPV4 + IP, 0x8870), INNER_PORT),
    ("MPLS, maintenance", ETHERNET, ethernet(b"\0\0\xd1\xff" + IP, 0x8847), "unsupported link"),
    ("Linux cooked, Ethernet", SLL, bytes(15) + b"\3" + BRIDGED, INNER_PORT),
    ("Linux cooked, PPP", SLL, bytes(15) + b"\7" + PPP, INNER_PORT),
    ("raw IP behind ten zero bytes", RAW, bytes(10) + IP, INNER_PORT),
    ("PPP in the place of raw IP", RAW, bytes(6) + PPP, INNER_PORT),
    (
        "Cisco metadata, a length",
        ETHERNET,
        ethernet(bytes(6) + b"\0\x2f" + LLC_IPV4 + IP, 0x8909),
        "unsupported network",
    ),
    ("GRE, a tag", IPV4, gre(0x8100, b"\0\1\x08\0" + IP), "unsupported network"),
    ("GRE, Frame Relay", IPV4, gre(0x6559, b"\x18\x41\x03\xcc" + IP), INNER_PORT),
    ("GRE, Ethernet by its old number", IPV4, gre(0x6400, BRIDGED), INNER_PORT),
    ("GRE, half a redirect header", IPV4, gre(0x883E, b"\0"), "malformed transport"),
    ("GRE in UDP", IPV4, over_udp(4754, b"\0\0\x08\0" + IP), INNER_PORT),
    ("MPLS in UDP", IPV4, over_udp(6635, LABELLED), INNER_PORT),
    ("nothing in UDP to a tunnel", IPV4, over_udp(4789, b""), 4789),
    ("VXLAN between both its ports", IPV4, over_udp(4789, b"\x08" + bytes(7) + BRIDGED, 4790), INNER_PORT),
    ("VXLAN-GPE, an unknown number", IPV4, over_udp(4790, b"\x0c\0\0\x71" + bytes(12)), "unsupported transport"),
    ("NSH, an unknown number", ETHERNET, ethernet(nsh(9, IP), 0x894F), "unsupported transport"),
    ("Teredo, IPv4", IPV4, over_udp(3544, IP), "unsupported transport"),
    ("Teredo, its origin twice", IPV4, over_udp(3544, bytes(16) + ipv6(tcp(1, 2), 6)), "unsupported transport"),
    ("L2TP of no version", IPV4, over_udp(1701, bytes(20)), 1701),
    ("L2TP of version 3", IPV4, over_udp(1701, b"\0\3" + bytes(20)), "unsupported transport"),
    ("GTP' with a short header", IPV4, over_udp(3386, b"\x20\1\0\0\0\0"), 3386),
    ("GTP of version 0, no type bit", IPV4, over_udp(2152, b"\0\xff\0\x2b" + bytes(16) + IP), INNER_PORT),
    ("GTP with a number but no extension", IPV4, over_udp(2152, gtp(0x32, b"\0\1\0\x85" + IP)), INNER_PORT),
    ("GTP on the port of GTP'", IPV4, over_udp(3386, gtp(0x30, IP)), INNER_PORT),
    (
        # The UDP header is what is wrong, wherever its payload led.
        "a tunnel in UDP of a wrong length",
        CHDLC,
        b"\x0f\0\x86\xdd" + ipv6(udp(1, 2152, gtp(0x30, ipv4(b"rest", 17, fragment=0x2003)), length=120), 17),
        "malformed transport",
    ),
]
# Name, link type, what was kept, the whole length, where reading stopped.
CUT: list[tuple[str, int, bytes, int, str]] = [
    ("Frame Relay, a control field of 0", FRAME_RELAY, b"\x18\x41\0", 44, "unsupported network"),
    ("Frame Relay, half an ethertype", FRAME_RELAY, b"\x18\x41\x08", 44, "truncated link"),
    ("IPv6 in the place of IPv4, too short", IPV4, b"\x63", 30, "malformed network"),
    ("IPv6 in the place of IPv4", IPV4, b"\x63", 60, "truncated network"),
    ("L2TP, one byte", IPV4, over_udp(1701, bytes(20))[:29], 48, "truncated transport"),
]
FRAMES = [(name, Frame(frame, len(frame), link_type), answer) for name, link_type, frame, answer in WHOLE] + [
    (name, Frame(frame, original, link_type), answer) for name, link_type, frame, original, answer in CUT
]


@pytest.mark.parametrize(("frame", "answer"), [pytest.param(*rest, id=name) for name, *rest in FRAMES])
def test_a_frame_that_was_told_apart_decodes_as_tshark_shows_it(frame: Frame, answer: int | str) -> None:
    found = from_kernel(frame)
    reached = found["dst_port"] if found["status"] == "complete" else f"{found['status']} {found['layer']}"
    assert reached == answer
    assert_same(frame)


def test_of_two_fragment_headers_the_inner_one_is_the_packets() -> None:
    packet = ipv6(fragment(44, 0x0001) + fragment(17, 0x0250) + b"rest", 44)
    found = from_kernel(Frame(packet, len(packet), IPV6))
    assert (found["fragment_offset"], found["more_fragments"]) == (0x250, False)
    assert_same(Frame(packet, len(packet), IPV6))


def test_gre_in_udp_leaves_the_datagram_its_payload_length() -> None:
    packet = over_udp(4754, b"\0\0\x88\xcc" + bytes(9))
    found = from_kernel(Frame(packet, len(packet), IPV4))
    assert found["payload_length"] == 13
    assert_same(Frame(packet, len(packet), IPV4))


def test_an_icmpv6_error_quotes_ipv6_alone() -> None:
    packet = ipv6(b"\x04\0\0\0" + bytes(4) + IP, 58)
    assert from_kernel(Frame(packet, len(packet), IPV6))["conversations"] == []
    assert_same(Frame(packet, len(packet), IPV6))


@pytest.mark.parametrize("stated", [0, 7, 100, 144, 160, 0x9000_0000])
def test_a_prism_header_has_144_bytes_whatever_it_states(stated: int) -> None:
    data = b"\x08\0\0\0" + bytes(20) + LLC_IPV4 + IP
    frame = Frame(struct.pack("<II", 0x44, stated) + bytes(136) + data, 144 + len(data), PRISM)
    assert from_kernel(frame)["dst_port"] == INNER_PORT
    assert_same(frame)


@pytest.mark.parametrize("kept", range(144))
def test_a_prism_header_cut_anywhere_is_truncated(kept: int) -> None:
    frame = Frame(bytes(kept), 300, PRISM)
    assert from_kernel(frame)["status"] == "truncated"
    assert_same(frame)
