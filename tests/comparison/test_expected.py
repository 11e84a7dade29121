"""Which of tshark's values our columns should have."""

from dataclasses import replace

import pytest

from pcap_analyzer.comparison.expected import TCP_STREAM, UDP_STREAM, expected
from pcap_analyzer.comparison.layers import nanoseconds
from pcap_analyzer.comparison.marks import WIRESHARK_MARKS, mark_column
from pcap_analyzer.comparison.tshark import FIELD, FIELDS, OCCURRENCE, packet_of

FRAME = {
    "frame.number": "1",
    "frame.time_epoch": "1.5",
    "frame.len": "100",
    "frame.cap_len": "60",
    "frame.interface_id": "0",
    "frame.encap_type": "1",
}
IP = {
    "ip.src": "10.0.0.1",
    "ip.dst": "10.0.0.2",
    "ip.proto": "6",
    "ip.ttl": "64",
    "ip.id": "0x0007",
    "ip.frag_offset": "0",
    "ip.flags.mf": "False",
}
TCP = {
    "tcp.srcport": "1000",
    "tcp.dstport": "80",
    "tcp.stream": "3",
    "tcp.seq_raw": "4",
    "tcp.ack_raw": "5",
    "tcp.len": "6",
    "tcp.flags": "0x0018",
    "tcp.window_size_value": "7",
    "tcp.window_size": "14",
    "tcp.analysis.ack_rtt": "0.000000010",
    "tcp.analysis.duplicate_ack": "1",
}
UDP = {"udp.srcport": "53", "udp.dstport": "1000", "udp.stream": "2", "udp.length": "20"}
ICMP = {"icmp.type": "3", "icmp.code": "1"}


def line(layers: str, *parts: dict[str, str]) -> str:
    """A line of tshark's: values of repeated parts become occurrences."""
    fields: dict[str, str] = {"frame.protocols": layers}
    for part in (FRAME, *parts):
        for name, value in part.items():
            fields[name] = f"{fields[name]}{OCCURRENCE}{value}" if name in fields else value
    return FIELD.join(fields.get(name, "") for name in FIELDS) + "\n"


def columns(layers: str, *parts: dict[str, str]) -> dict[str, object]:
    packet = packet_of(line(layers, *parts))
    assert packet is not None
    return expected(packet)


def test_a_plain_packet_has_all_its_columns():
    found = columns("eth:ethertype:ip:tcp", IP, TCP)
    assert found == {
        "timestamp": 1_500_000_000,
        "interface_id": 0,
        "captured_length": 60,
        "original_length": 100,
        "vlan_id": None,
        "inner_vlan_id": None,
        "ip_version": 4,
        "src": "10.0.0.1",
        "dst": "10.0.0.2",
        "protocol": 6,
        "ttl": 64,
        "ip_id": 7,
        "fragment_offset": None,
        "more_fragments": None,
        "src_port": 1000,
        "dst_port": 80,
        "icmp_type": None,
        "icmp_code": None,
        "payload_length": 6,
        TCP_STREAM: 3,
        UDP_STREAM: None,
        "tcp_flags": 0x18,
        "tcp_seq": 4,
        "tcp_ack": 5,
        "tcp_window_raw": 7,
        "tcp_window": 14,
        "ack_rtt": 10,
        "bytes_in_flight": None,
        **{mark_column(mark): True if mark == "duplicate_ack" else None for mark in WIRESHARK_MARKS},
    }


def test_in_a_tunnel_the_innermost_layers_count():
    inner = {**IP, "ip.src": "192.168.0.1", "ip.ttl": "3"}
    found = columns("eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp", IP, UDP, inner, TCP)
    assert (found["src"], found["ttl"], found["protocol"]) == ("192.168.0.1", 3, 6)
    assert (found["src_port"], found[TCP_STREAM], found[UDP_STREAM]) == (1000, 3, None)


def test_what_an_icmp_error_quotes_is_not_a_layer():
    found = columns("eth:ethertype:ip:icmp:ip:udp", {**IP, "ip.proto": "1"}, ICMP, {**IP, "ip.src": "9.9.9.9"}, UDP)
    assert (found["src"], found["protocol"], found["icmp_type"]) == ("10.0.0.1", 1, 3)
    assert (found["src_port"], found[UDP_STREAM]) == (None, None)


def test_a_header_says_what_follows_it_whatever_reads_that():
    """tshark reads the old number of mobile IPv6 as the new one."""
    six = {"ipv6.src": "fe80::1", "ipv6.dst": "ff02::2", "ipv6.nxt": "62", "ipv6.hlim": "1"}
    assert columns("eth:ethertype:ipv6:mipv6", six)["protocol"] == 62


def test_an_address_is_one_however_it_is_written():
    six = {"ipv6.src": "::74.0.0.1", "ipv6.dst": "::ffff:1.2.3.4", "ipv6.nxt": "59", "ipv6.hlim": "1"}
    found = columns("eth:ethertype:ipv6", six)
    assert (found["src"], found["dst"]) == ("::4a00:1", "::ffff:1.2.3.4")


@pytest.mark.parametrize("extension", ["ipv6.hopopts", "shim6"])
def test_the_protocol_stands_behind_extension_headers(extension):
    six = {"ipv6.src": "fe80::1", "ipv6.dst": "ff02::2", "ipv6.nxt": "0", "ipv6.hlim": "1"}
    found = columns(f"eth:ethertype:ipv6:{extension}:icmpv6", six, {"icmpv6.type": "143", "icmpv6.code": "0"})
    assert (found["ip_version"], found["protocol"], found["icmp_type"], found["ip_id"]) == (6, 58, 143, None)


@pytest.mark.parametrize(
    ("offset", "more", "columns_expected"),
    [
        ("0", "False", (None, None)),
        ("0", "True", (0, True)),
        ("185", "False", (1480, False)),
        ("185", "1", (1480, True)),
    ],
)
def test_a_fragment_has_offset_in_bytes_and_whether_more_follow(offset, more, columns_expected):
    found = columns("eth:ethertype:ip:data", {**IP, "ip.frag_offset": offset, "ip.flags.mf": more})
    assert (found["fragment_offset"], found["more_fragments"]) == columns_expected


def test_a_tag_and_the_next_are_the_two_vlan_columns():
    tags = [{"vlan.id": "10"}, {"vlan.id": "20"}, {"vlan.id": "30"}]
    found = columns("eth:ethertype:vlan:ethertype:vlan:ethertype:vlan:ethertype:arp", *tags)
    assert (found["vlan_id"], found["inner_vlan_id"], found["ip_version"]) == (10, 20, None)


def test_tags_of_both_kinds_come_in_the_order_of_the_layers():
    found = columns("eth:ethertype:ieee8021ad:ethertype:vlan:ethertype:arp", {"vlan.id": "20"}, {"ieee8021ad.id": "10"})
    assert (found["vlan_id"], found["inner_vlan_id"]) == (10, 20)


@pytest.mark.parametrize(
    ("layers", "fields", "tags"),
    [
        ("ieee8021ad:arp", [("svid", "1"), ("cvid", "2")], (1, 2)),
        ("ieee8021ad:vlan:arp", [("svid", "1"), ("cvid", "2")], (1, 2)),
        ("ieee8021ad:ieee8021ad:arp", [("svid", "1"), ("cvid", "2"), ("id", "3")], (1, 2)),
        ("vlan:ieee8021ad:arp", [("svid", "5"), ("cvid", "6")], (7, 5)),
        ("vlan:ieee8021ad:arp", [("id", "5")], (7, 5)),
        ("ieee8021ad:vlan:ieee8021ad:arp", [("id", "1"), ("svid", "2"), ("cvid", "3")], (1, 7)),
        ("ieee8021ad:ip:gre:eth:ieee8021ad:arp", [("id", "1"), ("id", "2")], (1, 2)),
        ("vlan:ip:icmp:ip:gre:eth:ieee8021ad:arp", [("id", "1")], (7, None)),
    ],
)
def test_two_service_tags_in_a_row_are_one_layer(layers, fields, tags):
    shown = [{f"ieee8021ad.{name}": value} for name, value in fields]
    found = columns(f"eth:{layers}", {"vlan.id": "7"} if "vlan" in layers else {}, *shown)
    assert (found["vlan_id"], found["inner_vlan_id"]) == tags


def test_a_recorded_answer_without_the_field_of_a_tag_still_says_the_other_one():
    packet = packet_of(line("eth:ethertype:ieee8021ad:ethertype:vlan:ethertype:arp", {"vlan.id": "20"}))
    assert packet is not None
    recorded = {name: text for name, text in packet.fields.items() if not name.startswith("ieee8021ad")}
    found = expected(replace(packet, fields=recorded))
    assert "vlan_id" not in found
    assert found["inner_vlan_id"] == 20


def test_an_atomic_fragment_is_no_fragment():
    six = {
        "ipv6.src": "fe80::1",
        "ipv6.dst": "ff02::2",
        "ipv6.nxt": "44",
        "ipv6.hlim": "1",
        "ipv6.fraghdr.offset": "0",
        "ipv6.fraghdr.more": "False",
    }
    found = columns("eth:ethertype:ipv6:ipv6.fraghdr:udp", six, UDP)
    assert (found["fragment_offset"], found["more_fragments"], found["protocol"]) == (None, None, 17)


def test_a_pcapng_block_that_is_no_packet_is_left_out():
    text = line("systemd_journal").replace(f"{FIELD}1{FIELD}systemd", f"{FIELD}{FIELD}systemd")
    assert packet_of(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("0", 0), ("1.000000001", 1_000_000_001), ("-1.5", -1_500_000_000), ("1.1234567899", 1_123_456_789)],
)
def test_times_are_read_without_a_float(text, value):
    assert nanoseconds(text) == value
