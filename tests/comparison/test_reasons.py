"""A known difference is recognised, and its neighbour is not excused by it."""

import pytest

from pcap_analyzer.comparison.layers import TsharkPacket
from pcap_analyzer.comparison.reasons import reason
from pcap_analyzer.comparison.tshark import FIELDS

SECOND = 10**9


def packet(layers: str = "eth:ethertype:ip:tcp", **fields: str) -> TsharkPacket:
    given = dict.fromkeys(FIELDS, "") | {name.replace("__", "."): value for name, value in fields.items()}
    return TsharkPacket(1, 0, tuple(layers.split(":")), [], given, ",")


@pytest.mark.parametrize(
    ("ours", "theirs", "known"),
    [
        (7 * SECOND + 1_999_999_000, 7 * SECOND + 199_999_900, True),  # printed as 7.1999999000
        (8_454_143_000, -135_791_592, True),  # 8454143 µs are -135791592 ns in 32 bits
        (7 * SECOND + 5, 7 * SECOND + 6, False),
        (9 * SECOND, 7 * SECOND, False),
        (None, 7, False),
    ],
)
def test_a_fraction_beyond_a_second_explains_only_what_tshark_makes_of_it(ours, theirs, known):
    assert (reason("timestamp", packet(), ours, theirs) is not None) == known


@pytest.mark.parametrize(
    ("column", "ours", "theirs", "fields", "layers", "known"),
    [
        ("interface_id", 2, 0, {}, "eth", True),
        ("interface_id", 0, 2, {}, "eth", False),
        ("captured_length", 60, 56, {}, "atm:llc", True),
        ("captured_length", 60, 56, {}, "eth:llc", False),
        ("original_length", 3_000_000_000, 2**31 - 1, {"frame__len": str(2**31 - 1)}, "raw:ip", True),
        ("mark tfo_ack", None, True, {"tcp__flags": "0x12"}, "ip:tcp", True),
        ("mark tfo_ack", None, True, {"tcp__flags": "0x12", "tcp__len": "0"}, "ip:tcp", False),
        ("mark tfo_ack", True, None, {"tcp__flags": "0x12"}, "ip:tcp", False),
        ("mark lost_segment", None, True, {"tcp__flags": "0x12"}, "ip:tcp", False),
        ("tcp_seq", None, 5, {"tcp__srcport": "80"}, "ip:tcp", True),
        ("ack_rtt", 5, None, {"frame__cap_len": "64", "frame__len": "66", "tcp__len": "0"}, "ip:tcp", True),
        ("ack_rtt", 5, None, {"frame__cap_len": "66", "frame__len": "67", "tcp__len": "1"}, "ip:tcp", False),
        ("ack_rtt", 5, 6, {"frame__cap_len": "64", "frame__len": "66", "tcp__len": "0"}, "ip:tcp", False),
        ("mark retransmission", True, None, {"frame__cap_len": "64", "frame__len": "66", "tcp__len": "0"}, "tcp", True),
        ("payload_length", 5, None, {"frame__cap_len": "64", "frame__len": "66", "tcp__len": "0"}, "tcp", False),
        ("mark lost_segment", True, None, {"tcp__options__sack__count": "0"}, "ip:tcp", True),
        ("mark lost_segment", None, True, {"tcp__options__sack__count": "0"}, "ip:tcp", False),
        ("ack_rtt", 5, None, {"tcp__options__sack__count": "1"}, "ip:tcp", False),
        ("tcp_seq", None, 5, {"tcp__srcport": "80", "tcp__flags": "0x10"}, "ip:tcp", False),
        ("payload_length", None, 35, {"udp__length": "43"}, "eth:ethertype:ip:udp", True),
        ("payload_length", None, 35, {"udp__length": "43", "udp__stream": "0"}, "eth:ethertype:ip:udp", False),
        ("stream (TCP)", 1, 2, {}, "fr:ip:tcp", True),
        ("src", "1.1.1.2", "1.1.1.1", {}, "netlink:netlink-netfilter:nflog:ip:udp:netlink-netfilter:nflog:ip", True),
        ("src", "1.1.1.2", "1.1.1.1", {}, "netlink:netlink-netfilter:nflog:ip:udp", False),
        ("src", "1.1.1.2", "1.1.1.1", {"udp__srcport": "443", "udp__dstport": "4789"}, "ip:udp:vxlan:eth:ip", True),
        ("src", "1.1.1.2", "1.1.1.1", {"udp__srcport": "1443", "udp__dstport": "4789"}, "ip:udp:vxlan:eth:ip", False),
        ("src", "1.1.1.2", "1.1.1.1", {"udp__srcport": "443", "udp__dstport": "4789"}, "ip:udp:data", False),
        ("src", "1.1.1.2", None, {}, "eth:mpls:pwethheuristic:pwethnocw:eth:data", True),
        ("src", None, "1.1.1.2", {}, "eth:mpls:pwethheuristic:pwethnocw:eth:ip", True),
        ("src", "1.1.1.2", "1.1.1.1", {}, "eth:mpls:pwethheuristic:pwethnocw:eth:ip", False),
        ("src", "1.1.1.2", "1.1.1.1", {"udp__srcport": "443", "udp__dstport": "37008"}, "ip:udp:tzsp:eth:ip", True),
        ("captured_length", 60, 61, {}, "eth:mpls:pwethheuristic:pwethnocw:eth:data", False),
    ],
)
def test_a_known_difference_has_a_name(column, ours, theirs, fields, layers, known):
    assert (reason(column, packet(layers, **fields), ours, theirs) is not None) == known
