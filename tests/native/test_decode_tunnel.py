"""Tunnels: the columns are those of the innermost packet, the outermost addresses stay beside."""

import struct

import pytest

from tests.native.frames import (
    HAS_TUNNEL,
    IN_FRAGMENT,
    INNER_A,
    INNER_B,
    LLC_IPV4,
    MALFORMED,
    OK,
    TRUNCATED,
    UNSUPPORTED,
    A,
    B,
    decode,
    ethernet,
    icmp,
    inner,
    ipv4,
    ipv6,
    tcp,
    udp,
)

P = inner()
VXLAN = bytes.fromhex("0800000000000500")


def gre(flags: int, kind: int, rest: bytes) -> bytes:
    return ipv4(struct.pack(">HH", flags, kind) + rest, 47)


def gtp(flags: int, message: int, rest: bytes) -> bytes:
    return struct.pack(">BBHI", flags, message, len(rest), 7) + rest


def over_udp(port: int, payload: bytes) -> bytes:
    return ipv4(udp(40_000, port, payload), 17)


TUNNELS = {
    "IP in IP": (ipv4(P, 4), ["ip"]),
    "4in6 in 6in4": (ipv4(ipv6(P, 4), 41), ["ipv6", "ip"]),
    "AH": (ipv4(b"\x04\x04" + bytes(22) + P, 51), ["ah", "ip"]),
    "Ethernet in IP": (ipv4(ethernet(P), 143), ["eth", "ip"]),
    "EtherIP": (ipv4(b"\x30\x00" + ethernet(P), 97), ["etherip", "eth", "ip"]),
    "MPLS in IP": (ipv4(b"\x00\x01\x01\x40" + P, 137), ["mpls", "ip"]),
    "GRE": (gre(0, 0x0800, P), ["gre", "ip"]),
    "GRE with checksum, key and sequence number": (gre(0xB000, 0x0800, bytes(12) + P), ["gre", "ip"]),
    "GRE with source routes": (gre(0x4000, 0x0800, bytes(4) + b"\x00\x02\x00\x04abcd" + bytes(4) + P), ["gre", "ip"]),
    "NVGRE": (gre(0x2000, 0x6558, bytes(4) + ethernet(P)), ["gre", "eth", "ip"]),
    "PPTP": (gre(0x3081, 0x880B, bytes(12) + b"\xff\x03\x00\x21" + P), ["gre", "ppp", "ip"]),
    "Cisco MetaData": (gre(0, 0x8909, b"\x08\0\1\1\0\1\0\7" + P), ["gre", "cmd", "ip"]),
    "WCCP": (gre(0, 0x883E, bytes(4) + P), ["gre", "ip"]),
    "ERSPAN I": (gre(0, 0x88BE, ethernet(P)), ["gre", "erspan", "eth", "ip"]),
    "ERSPAN II": (gre(0x1000, 0x88BE, bytes(4) + b"\x10" + bytes(7) + ethernet(P)), ["gre", "erspan", "eth", "ip"]),
    "ERSPAN III": (gre(0x1000, 0x22EB, bytes(4) + b"\x20" + bytes(11) + ethernet(P)), ["gre", "erspan", "eth", "ip"]),
    "Aruba": (gre(0, 0x8200, b"\x08\x01" + bytes(22) + LLC_IPV4 + P), ["gre", "wlan", "llc", "ip"]),
    "VXLAN": (over_udp(4789, VXLAN + ethernet(P)), ["udp", "vxlan", "eth", "ip"]),
    "VXLAN-GPE": (over_udp(4790, b"\x0c\x00\x00\x01" + VXLAN[4:] + P), ["udp", "vxlan", "ip"]),
    "Geneve": (over_udp(6081, b"\x01\x00\x65\x58" + bytes(8) + ethernet(P)), ["udp", "geneve", "eth", "ip"]),
    "LISP": (over_udp(4341, b"\x80" + bytes(7) + P), ["udp", "lisp-data", "ip"]),
    "AYIYA": (over_udp(5072, b"\x41\x52\x11\x04" + bytes(40) + P), ["udp", "ayiya", "ip"]),
    "CAPWAP": (over_udp(5247, b"\x00\x10\x02\x00" + bytes(4) + ethernet(P)), ["udp", "capwap.data", "eth", "ip"]),
    "CAPWAP of 802.11": (
        over_udp(5247, b"\x00\x20\x03\x10" + bytes(12) + b"\x01\x08" + bytes(22) + LLC_IPV4 + P),
        ["udp", "capwap.data", "wlan", "llc", "ip"],
    ),
    "TZSP": (over_udp(37008, b"\x01\x00\x00\x01\x00\x0a\x01\x05\x01" + ethernet(P)), ["udp", "tzsp", "eth", "ip"]),
    "TZSP of 802.11": (
        over_udp(37008, b"\x01\x00\x00\x12\x01\x08\x01" + bytes(22) + LLC_IPV4 + P),
        ["udp", "tzsp", "wlan", "llc", "ip"],
    ),
    "GTP-U": (over_udp(2152, gtp(0x30, 255, P)), ["udp", "gtp", "ip"]),
    "GTP-U with an extension": (
        over_udp(2152, gtp(0x34, 255, b"\x00\x00\x00\x85\x01\x00\x00\x00" + P)),
        ["udp", "gtp", "ip"],
    ),
    "L2TP": (over_udp(1701, b"\x00\x02" + bytes(4) + b"\xff\x03\x00\x21" + P), ["udp", "l2tp", "ppp", "ip"]),
    "L2TP with length, sequence and offset": (
        over_udp(1701, b"\x4a\x02" + bytes(10) + b"\x00\x02zz" + b"\x00\x21" + P),
        ["udp", "l2tp", "ppp", "ip"],
    ),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_the_innermost_packet_fills_the_columns(name: str) -> None:
    packet_bytes, path = TUNNELS[name]
    packet = decode(ethernet(packet_bytes))
    assert (packet.decode_status, packet.path) == (OK, ["eth", "ip", *path, "tcp"])
    assert (packet.src, packet.dst, packet.ports, packet.payload_length) == (INNER_A, INNER_B, (1111, 80), 3)
    assert packet.has(HAS_TUNNEL)
    assert packet.outer == (A, B)
    expected = [(17, 40_000, packet_bytes[22] << 8 | packet_bytes[23], 0)] if "udp" in path else []
    assert (packet.own, packet.conversations) == (len(expected), expected)


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_cut_before_the_inner_packet_keeps_the_outer_columns(name: str) -> None:
    frame = ethernet(TUNNELS[name][0])
    for kept in range(34, len(frame) - len(P)):
        packet = decode(frame[:kept], wire=len(frame))
        assert packet.decode_status == TRUNCATED
        assert (packet.src, packet.dst) == (A, B)


def test_teredo_headers_are_stepped_over() -> None:
    authentication = b"\x00\x01\x00\x00" + bytes(9)
    origin = b"\x00\x00" + bytes(6)
    packet = decode(ethernet(over_udp(3544, authentication + origin + ipv6(tcp(1111, 80), 6))))
    assert (packet.decode_status, packet.path[2:], packet.ip_version) == (OK, ["udp", "teredo", "ipv6", "tcp"], 6)
    assert packet.outer == (A, B)


@pytest.mark.parametrize(
    ("port", "payload", "name"),
    [
        (2152, gtp(0x30, 1, b""), "gtp"),
        (2152, gtp(0x20, 1, b""), "gtpprime"),
        (2152, gtp(0x48, 1, b""), "udp"),
        (2123, gtp(0x32, 16, bytes(4)), "gtp"),
        (3386, gtp(0x48, 1, b""), "gtpprime"),
        (1701, b"\xc8\x02" + bytes(10), "l2tp"),
        (5247, b"\x00\x10\x02\x08" + bytes(12), "capwap.data"),
        (37008, b"\x01\x04\x00\x00", "tzsp"),
        (5072, b"\x41\x52\x12\x3b" + bytes(40), "ayiya"),
        (5072, b"REGISTER sip:a SIP/2.0", "udp"),
    ],
)
def test_a_signalling_message_is_complete_with_its_header(port: int, payload: bytes, name: str) -> None:
    packet = decode(ethernet(over_udp(port, payload)))
    assert (packet.decode_status, packet.path[-1], packet.ports) == (OK, name, (40_000, port))
    assert not packet.has(HAS_TUNNEL)


@pytest.mark.parametrize(
    ("port", "payload"),
    [
        (4341, b"\x80" + bytes(7) + b"\x30" + bytes(30)),
        (5247, b"\x01\x00\x00\x00" + bytes(40)),
        (5247, b"\x00\x10\x02\x80" + bytes(40)),
        (5247, b"\x00\x10\x05\x00" + bytes(40)),
        (37008, b"\x01\x00\x00\x02\x01" + bytes(40)),
        (37008, bytes.fromhex("0101000c 2112a442") + b"\xff" * 12),
    ],
    ids=[
        "LISP of no IP",
        "CAPWAP in DTLS",
        "CAPWAP's fragment",
        "CAPWAP of another radio",
        "TZSP of token ring",
        "STUN",
    ],
)
def test_what_cannot_be_read_in_a_tunnel_leaves_the_outer_columns(port: int, payload: bytes) -> None:
    packet = decode(ethernet(over_udp(port, payload)))
    assert (packet.decode_status, packet.src, packet.ports) == (UNSUPPORTED, A, (40_000, port))


@pytest.mark.parametrize(
    ("port", "payload"),
    [(4341, bytes(7)), (37008, b""), (37008, b"\x02\x00\x00\x01\x01")],
)
def test_what_only_came_to_a_tunnel_s_port_is_payload(port: int, payload: bytes) -> None:
    packet = decode(ethernet(over_udp(port, payload)))
    assert (packet.decode_status, packet.path) == (OK, ["eth", "ip", "udp"])


@pytest.mark.parametrize("kind", [0x0800, 0x0806, 0x88CC, 0x880B, 0x88BE])
def test_gre_without_a_sequence_number_may_be_empty(kind: int) -> None:
    packet = decode(ethernet(gre(0x2000, kind, bytes(4))))
    assert (packet.decode_status, packet.decode_layer, packet.path) == (OK, 0, ["eth", "ip", "gre"])
    assert decode(ethernet(gre(0x1000, kind, bytes(4)))).decode_status != OK


@pytest.mark.parametrize("port", [53, 80, 443, 1023])
def test_an_answer_from_a_well_known_port_is_no_tunnel(port: int) -> None:
    packet = decode(ethernet(ipv4(udp(port, 4789, VXLAN + ethernet(P)), 17)))
    assert (packet.path, packet.ports) == (["eth", "ip", "udp"], (port, 4789))


def test_every_outer_udp_header_is_noted_in_order() -> None:
    vxlan = ipv4(udp(20_002, 4789, VXLAN + ethernet(P)), 17, "3.3.3.3", "4.4.4.4")
    geneve = ipv4(udp(20_001, 6081, b"\x00\x00\x65\x58" + bytes(4) + ethernet(vxlan)), 17)
    packet = decode(ethernet(geneve))
    assert (packet.own, packet.conversations) == (2, [(17, 20_001, 6081, 0), (17, 20_002, 4789, 0)])
    assert packet.outer == (A, B)


def test_an_error_inside_a_tunnel_notes_the_quote_behind_its_own_place() -> None:
    error = ipv4(icmp(3, 3, ipv4(udp(5, 6, b"abc"), 17)), 1, INNER_A, INNER_B)
    packet = decode(ethernet(over_udp(2152, gtp(0x30, 255, error))))
    assert (packet.own, packet.conversations) == (1, [(17, 40_000, 2152, 0), (17, 5, 6, 1)])
    assert (packet.src, packet.ports) == (INNER_A, None)


def test_absurd_nesting_is_unsupported() -> None:
    packet = P
    for _ in range(40):
        packet = ipv4(packet, 4)
    decoded = decode(ethernet(packet))
    assert decoded.decode_status == UNSUPPORTED
    assert len(decoded.path) == 24


@pytest.mark.parametrize(
    ("content", "protocol", "inside"),
    [(ipv6(tcp(1111, 80), 6), 41, True), (P, 4, False), (ipv6(P, 4), 41, False), (tcp(1111, 80), 6, True)],
    ids=["IPv6 in it", "IPv4 in it", "IPv4 in IPv6 in it", "itself"],
)
def test_what_is_in_a_fragment_is_known_until_the_next_ipv4_header(content: bytes, protocol: int, inside: bool) -> None:
    """As in tshark, which analyses no TCP in there."""
    packet = decode(ethernet(ipv4(content, protocol, fragment=0x2000)))
    assert packet.has(IN_FRAGMENT) is inside


def test_a_datagram_in_a_fragment_may_say_that_it_is_longer() -> None:
    six = ipv6(udp(1111, 53, b"abc", length=30), 17)
    assert decode(ethernet(ipv4(six, 41, fragment=0x2000))).decode_status == OK
    assert decode(ethernet(ipv4(six, 41))).decode_status == MALFORMED
