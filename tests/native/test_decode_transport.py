"""TCP, UDP, SCTP and ICMP; what is left of a damaged header; what an ICMP error quotes."""

import struct

import pytest

from tests.native.frames import (
    A6,
    B6,
    HAS_ECHO,
    HAS_ICMP,
    HAS_PORTS,
    HAS_SCTP,
    HAS_TCP,
    HAS_UDP,
    MALFORMED,
    NO_EXTRA,
    NO_SCALE,
    OK,
    TRANSPORT,
    TRUNCATED,
    A,
    B,
    Decoded,
    decode,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
)

MSS, SCALE, SACK_PERMITTED, TIMESTAMPS, SACK = 1, 2, 4, 8, 16
SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a 00000007 00000009 01 030307")


def decode4(payload: bytes, protocol: int, cut: int = 0) -> Decoded:
    frame = ethernet(ipv4(payload, protocol))
    return decode(frame[: len(frame) - cut], wire=len(frame))


def test_tcp_fills_its_columns() -> None:
    packet = decode4(tcp(1111, 80, b"abc"), 6)
    assert (packet.ports, packet.tcp_seq, packet.tcp_ack) == ((1111, 80), 1000, 2000)
    assert (packet.tcp_flags, packet.tcp_window, packet.payload_length) == (0x018, 4096, 3)
    assert (packet.transport_offset, packet.transport_length) == (34, 20)
    assert (packet.extra, packet.tcp_scale, packet.tcp_options) == (NO_EXTRA, NO_SCALE, 0)


def test_every_tcp_option_is_read() -> None:
    packet = decode4(tcp(1, 2, options=SYN_OPTIONS), 6)
    assert packet.tcp_options == MSS | SCALE | SACK_PERMITTED | TIMESTAMPS
    assert (packet.tcp_mss, packet.tcp_scale, packet.tcp_tsval, packet.tcp_tsecr) == (1460, 7, 7, 9)


def test_timestamps_alone_take_the_short_way_and_come_out_alike() -> None:
    stamps = bytes.fromhex("0101080a 00000007 00000009")
    packet = decode4(tcp(1, 2, options=stamps), 6)
    assert (packet.tcp_options, packet.tcp_tsval, packet.tcp_tsecr) == (TIMESTAMPS, 7, 9)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("050a 00000001 00000002 0101", SACK),
        ("03030f 00", SCALE),
        ("0300 0000", 0),
        ("03ff 0000", 0),
        ("0205 0204 01 030302 01 00 00", SCALE),
        ("00 030302", 0),
    ],
)
def test_a_wrong_option_spoils_only_what_follows(options: str, expected: int) -> None:
    packet = decode4(tcp(1, 2, options=bytes.fromhex(options)), 6)
    assert (packet.decode_status, packet.tcp_options) == (OK, expected)


def test_a_window_scale_beyond_14_counts_as_14() -> None:
    assert decode4(tcp(1, 2, options=bytes.fromhex("03030f00")), 6).tcp_scale == 14


@pytest.mark.parametrize("kept", range(40))
def test_a_cut_tcp_header_shows_ports_from_4_and_fields_from_16_bytes_on(kept: int) -> None:
    packet = decode4(tcp(1111, 80, b"abc", options=SYN_OPTIONS), 6, cut=43 - kept)
    assert (packet.decode_status, packet.decode_layer) == (TRUNCATED, TRANSPORT)
    assert (packet.src, packet.dst) == (A, B)
    assert packet.ports == ((1111, 80) if kept >= 4 else None)
    assert packet.has(HAS_TCP) == (kept >= 16)
    assert packet.payload_length == (3 if kept >= 16 else 0)
    assert packet.transport_length == kept


def test_a_data_offset_below_five_keeps_its_stream_and_is_no_segment() -> None:
    packet = decode4(tcp(1111, 80, b"abc", words=4), 6)
    assert (packet.decode_status, packet.ports, packet.has(HAS_TCP)) == (MALFORMED, (1111, 80), False)
    assert (packet.own, packet.conversations) == (0, [(6, 1111, 80, 0)])


def test_a_data_offset_beyond_the_packet_leaves_the_payload_unknown() -> None:
    packet = decode4(tcp(1111, 80, b"abc", words=9), 6)
    assert (packet.decode_status, packet.has(HAS_TCP), packet.payload_length) == (MALFORMED, True, 0)
    assert packet.transport_length == 0


def test_a_record_that_holds_more_than_was_sent_counts_what_it_holds() -> None:
    packet = decode(ethernet(ipv4(tcp(1111, 80, b"abcdef"), 6)), wire=20)
    assert (packet.decode_status, packet.ports, packet.payload_length) == (OK, (1111, 80), 6)


def test_udp_counts_its_payload_by_its_own_length() -> None:
    packet = decode4(udp(5353, 53, b"abcdef", length=12), 17)
    assert (packet.decode_status, packet.ports, packet.payload_length) == (OK, (5353, 53), 4)


@pytest.mark.parametrize(("length", "stream"), [(0, False), (7, False), (8, True), (12, True)])
def test_udp_with_a_wrong_length_shows_its_ports(length: int, stream: bool) -> None:
    packet = decode4(udp(5353, 53, b"abc", length=length), 17)
    assert (packet.ports, packet.has(HAS_UDP)) == ((5353, 53), stream)
    assert packet.decode_status == (OK if length == 8 else MALFORMED)


def test_udp_length_zero_is_the_rest_of_an_ipv6_packet() -> None:
    packet = decode(ethernet(ipv6(udp(1, 2, b"abc", length=0), 17), 0x86DD))
    assert (packet.decode_status, packet.payload_length) == (OK, 3)


@pytest.mark.parametrize("kept", range(8))
def test_a_cut_udp_header_shows_ports_from_4_bytes_on_and_has_no_stream(kept: int) -> None:
    packet = decode4(udp(5353, 53, b"abc"), 17, cut=11 - kept)
    assert (packet.decode_status, packet.has(HAS_UDP), packet.has(HAS_PORTS)) == (TRUNCATED, False, kept >= 4)


def test_udp_lite_gives_a_coverage_where_udp_gives_a_length() -> None:
    packet = decode4(udp(1, 2, b"abc", length=8), 136)
    assert (packet.decode_status, packet.path[-1], packet.payload_length) == (OK, "udplite", 3)


def test_sctp_has_ports() -> None:
    packet = decode4(struct.pack(">HHII", 2905, 2906, 7, 0) + bytes(16), 132)
    assert (packet.ports, packet.has(HAS_SCTP), packet.payload_length) == ((2905, 2906), True, 16)


@pytest.mark.parametrize("kept", range(12))
def test_a_cut_sctp_header_has_no_ports(kept: int) -> None:
    packet = decode4(struct.pack(">HHII", 2905, 2906, 7, 0), 132, cut=12 - kept)
    assert (packet.decode_status, packet.ports) == (TRUNCATED, None)


def test_an_echo_has_an_identifier() -> None:
    packet = decode4(icmp(8, 0, b"abcd", rest=b"\x12\x34\x00\x01"), 1)
    assert (packet.icmp_type, packet.icmp_code, packet.icmp_id) == (8, 0, 0x1234)
    assert packet.has(HAS_ICMP | HAS_ECHO)
    assert packet.payload_length == 4


@pytest.mark.parametrize("kept", range(8))
def test_a_cut_icmp_header_shows_its_type_from_6_bytes_on(kept: int) -> None:
    packet = decode4(icmp(8, 0, b"abcd"), 1, cut=12 - kept)
    assert (packet.decode_status, packet.has(HAS_ICMP)) == (TRUNCATED, kept >= 6)


@pytest.mark.parametrize("kept", range(8))
def test_a_cut_icmpv6_header_shows_its_type_from_2_bytes_on(kept: int) -> None:
    frame = ethernet(ipv6(icmp(128, 0), 58), 0x86DD)
    packet = decode(frame[: 54 + kept], wire=len(frame))
    assert (packet.decode_status, packet.has(HAS_ICMP)) == (TRUNCATED, kept >= 2)


def test_what_an_icmp_error_quotes_is_noted_and_changes_no_column() -> None:
    packet = decode4(icmp(3, 3, ipv4(udp(5353, 53, b"abc"), 17, "1.1.1.1", "2.2.2.2")), 1)
    assert (packet.src, packet.dst, packet.ports, packet.protocol) == (A, B, None, 1)
    assert (packet.own, packet.conversations, packet.outer) == (0, [(17, 5353, 53, 1)], None)
    assert packet.path == ["eth", "ip", "icmp"]


@pytest.mark.parametrize(("bytes_quoted", "noted"), [(8, 0), (15, 0), (16, 1), (20, 1)])
def test_a_quoted_tcp_header_counts_from_16_bytes_on(bytes_quoted: int, noted: int) -> None:
    quote = ipv4(tcp(1111, 80, b"abc")[:bytes_quoted], 6, total=43)
    assert len(decode4(icmp(11, 0, quote), 1).conversations) == noted


def test_of_what_a_redirect_quotes_only_eight_bytes_count() -> None:
    assert decode4(icmp(5, 1, ipv4(tcp(1111, 80, b"abc"), 6)), 1).conversations == []
    assert decode4(icmp(5, 1, ipv4(udp(1111, 80, b"abc"), 17)), 1).conversations == [(17, 1111, 80, 1)]


def test_an_icmpv6_error_quotes_too() -> None:
    frame = ethernet(ipv6(icmp(1, 4, ipv6(tcp(1111, 80), 6, B6, A6)), 58), 0x86DD)
    packet = decode(frame)
    assert (packet.src, packet.conversations) == (A6, [(6, 1111, 80, 1)])


def test_an_error_that_quotes_an_error_is_followed() -> None:
    innermost = icmp(3, 3, ipv4(udp(5, 6, b"abc"), 17))
    packet = decode4(icmp(11, 0, ipv4(innermost, 1)), 1)
    assert packet.conversations == [(17, 5, 6, 1)]
    assert (packet.icmp_type, packet.icmp_code) == (11, 0)
