"""IPv4, IPv6 and its extension headers, ARP."""

import struct

import pytest

from tests.native.frames import (
    A6,
    B6,
    HAS_FRAGMENT,
    HAS_IP,
    HAS_PORTS,
    MALFORMED,
    MORE_FRAGMENTS,
    NETWORK,
    OK,
    TRUNCATED,
    A,
    B,
    decode,
    ethernet,
    ipv4,
    ipv6,
    tcp,
    udp,
)

SEGMENT = tcp(1111, 80, b"abc")


def extension(following: int, rest: bytes = bytes(6)) -> bytes:
    return bytes([following, 0]) + rest


def fragment(following: int, field: int) -> bytes:
    return struct.pack(">BBHI", following, 0, field, 9)


def test_ipv4_fills_its_columns() -> None:
    packet = decode(ethernet(ipv4(SEGMENT, 6)))
    assert (packet.ip_version, packet.src, packet.dst, packet.protocol) == (4, A, B, 6)
    assert (packet.ttl, packet.traffic_class, packet.ip_id) == (64, 0x2E, 0x1234)
    assert not packet.has(HAS_FRAGMENT)


def test_ipv6_fills_its_columns() -> None:
    packet = decode(ethernet(ipv6(SEGMENT, 6), 0x86DD))
    assert (packet.ip_version, packet.src, packet.dst, packet.protocol) == (6, A6, B6, 6)
    assert (packet.ttl, packet.traffic_class, packet.payload_length) == (64, 0x2E, 3)


def test_ipv4_options_are_stepped_over() -> None:
    packet = decode(ethernet(ipv4(SEGMENT, 6, options=b"\x01" * 8)))
    assert (packet.ports, packet.transport_offset) == ((1111, 80), 42)


@pytest.mark.parametrize(
    ("options", "destination"),
    [
        ("830b04 01010101 02020202 00", "2.2.2.2"),
        ("830b08 01010101 02020202 00", "2.2.2.2"),
        ("830b0c 01010101 02020202 00", B),
        ("830b05 01010101 02020202 00", B),
        ("01 890704 03030303", "3.3.3.3"),
        ("07070400000000 890704 03030303 0000", "3.3.3.3"),
        ("00 830704 03030303", B),
        ("94000000 830704 03030303 00", B),
    ],
    ids=[
        "begun",
        "on its way",
        "over",
        "between two places",
        "strict",
        "behind others",
        "behind the end",
        "bad before",
    ],
)
def test_a_packet_on_its_source_route_goes_to_the_end_of_it(options: str, destination: str) -> None:
    packet = decode(ethernet(ipv4(SEGMENT, 6, options=bytes.fromhex(options))))
    assert (packet.src, packet.dst, packet.ports) == (A, destination, (1111, 80))


@pytest.mark.parametrize(
    ("options", "needed"),
    [("01010101", 24), ("94040000", 22), ("00000000", 21), ("9404000001010101", 28), ("830704 03030303 00", 28)],
)
def test_a_header_cut_in_its_options_shows_what_tshark_shows(options: str, needed: int) -> None:
    """Which looks for a source route first, and shows nothing where the capture ends before that is known."""
    frame = ethernet(ipv4(SEGMENT, 6, options=bytes.fromhex(options)))
    for kept in range(20, 20 + len(bytes.fromhex(options))):
        packet = decode(frame[: 14 + kept], wire=len(frame))
        assert (packet.decode_status, packet.ip_version) == (TRUNCATED, 4 if kept >= needed else 0)


def test_a_total_length_of_zero_means_the_rest_of_the_frame() -> None:
    assert decode(ethernet(ipv4(SEGMENT, 6, total=0))).payload_length == 3


@pytest.mark.parametrize("total", [1, 19])
def test_a_total_length_below_the_header_is_malformed(total: int) -> None:
    packet = decode(ethernet(ipv4(SEGMENT, 6, total=total)))
    assert (packet.decode_status, packet.decode_layer, packet.ip_version) == (MALFORMED, NETWORK, 0)


def test_the_payload_counts_bytes_on_the_wire_not_captured_ones() -> None:
    frame = ethernet(ipv4(tcp(1, 2, bytes(1000)), 6))
    packet = decode(frame[:60], wire=len(frame))
    assert (packet.decode_status, packet.payload_length) == (OK, 1000)


def test_the_first_fragment_has_ports_and_the_later_ones_have_none() -> None:
    first = decode(ethernet(ipv4(udp(1, 2, bytes(16), length=2000), 17, fragment=0x2000)))
    later = decode(ethernet(ipv4(udp(1, 2, bytes(16)), 17, fragment=0x2000 | 185)))
    assert first.ports == (1, 2)
    assert first.decode_status == later.decode_status == OK
    assert first.has(HAS_FRAGMENT | MORE_FRAGMENTS)
    assert (later.ports, later.fragment_offset, later.payload_length) == (None, 1480, 24)
    assert later.path == ["eth", "ip"]


def test_every_extension_header_is_followed() -> None:
    authentication = b"\x06\x04" + bytes(22)
    chain = extension(60) + extension(43) + extension(44) + fragment(51, 0) + authentication + SEGMENT
    packet = decode(ethernet(ipv6(chain, 0), 0x86DD))
    assert (packet.decode_status, packet.protocol, packet.ports) == (OK, 6, (1111, 80))
    assert packet.path == ["eth", "ipv6", "tcp"]


def test_an_atomic_fragment_is_a_whole_packet() -> None:
    packet = decode(ethernet(ipv6(fragment(6, 0) + SEGMENT, 44), 0x86DD))
    assert (packet.ports, packet.has(HAS_FRAGMENT)) == ((1111, 80), False)


def test_a_later_ipv6_fragment_ends_at_its_header() -> None:
    packet = decode(ethernet(ipv6(fragment(6, 0x05A8) + SEGMENT, 44), 0x86DD))
    assert (packet.decode_status, packet.ports, packet.fragment_offset) == (OK, None, 0x05A8)
    assert packet.protocol == 6


def test_a_jumbogram_says_its_length_in_an_option() -> None:
    jumbo = bytes([6, 0, 0xC2, 4]) + struct.pack(">I", 70_000) + SEGMENT
    frame = ethernet(ipv6(jumbo, 0, length=0), 0x86DD)
    packet = decode(frame, wire=14 + 40 + 70_000)
    assert (packet.decode_status, packet.payload_length) == (OK, 70_000 - 8 - 20)


def test_no_next_header_is_a_whole_packet() -> None:
    packet = decode(ethernet(ipv6(b"", 59), 0x86DD))
    assert (packet.decode_status, packet.protocol, packet.payload_length) == (OK, 59, 0)


def test_five_thousand_extension_headers_end() -> None:
    packet = decode(ethernet(ipv6(extension(60) * 5000, 60), 0x86DD))
    assert packet.decode_status == OK
    assert packet.present & HAS_PORTS == 0


def test_arp_has_no_ip_columns() -> None:
    packet = decode(ethernet(b"\x00\x01\x08\x00\x06\x04\x00\x01" + bytes(20), 0x0806))
    assert (packet.decode_status, packet.ip_version, packet.path) == (OK, 0, ["eth", "arp"])


@pytest.mark.parametrize("kept", range(34))
def test_an_ipv4_header_cut_anywhere_is_truncated(kept: int) -> None:
    frame = ethernet(ipv4(SEGMENT, 6))
    packet = decode(frame[:kept], wire=len(frame))
    assert (packet.decode_status, packet.has(HAS_IP)) == (TRUNCATED, False)


@pytest.mark.parametrize("kept", range(14, 54))
def test_an_ipv6_header_cut_anywhere_is_truncated(kept: int) -> None:
    frame = ethernet(ipv6(SEGMENT, 6), 0x86DD)
    packet = decode(frame[:kept], wire=len(frame))
    assert (packet.decode_status, packet.has(HAS_IP)) == (TRUNCATED, False)


@pytest.mark.parametrize("kept", range(54, 78))
def test_a_cut_extension_header_leaves_the_addresses(kept: int) -> None:
    frame = ethernet(ipv6(extension(60) + extension(44) + fragment(6, 0) + SEGMENT, 0), 0x86DD)
    packet = decode(frame[:kept], wire=len(frame))
    assert (packet.decode_status, packet.src, packet.ports) == (TRUNCATED, A6, None)
