"""Every link type and tag on the way to an IP packet."""

import struct

import pytest

from tests.native.frames import (
    INNER_A,
    INNER_B,
    LLC_IPV4,
    NO_VLAN,
    OK,
    TRUNCATED,
    UNSUPPORTED,
    A,
    B,
    decode,
    ethernet,
    inner,
    ipv4,
    ipv6,
    tcp,
)

P = inner()
SIX = ipv6(tcp(1111, 80, b"abc"), 6)
ADDRESSES = bytes(12)
ISL = b"\x01\0\x0c\0\0\0" + bytes(6)
ISL_REST = b"\xaa\xaa\x03" + bytes(9)
PPPOE = struct.pack(">BBHH", 0x11, 0, 1, 2 + len(P)) + b"\x00\x21" + P
RADIOTAP = struct.pack("<BBHI", 0, 0, 8, 0)
WLAN = bytes([0x08, 0x01]) + bytes(22) + LLC_IPV4 + P
WLAN_QOS = bytes([0x88, 0x01]) + bytes(24) + LLC_IPV4 + P
WLAN_FOUR_ADDRESSES = bytes([0x08, 0x03]) + bytes(28) + LLC_IPV4 + P
TOKEN_RING_ROUTED = b"\x10\x40" + bytes(6) + b"\x80" + bytes(5) + b"\x06\x30\0\x11\0\x10"
BRIDGED = bytes.fromhex("aaaa03 0080c2")  # LLC and an organisation; the number of the kind of frame follows
PADDING = bytes(2)
PKTAP = struct.pack("<III", 108, 1, 1) + bytes(96)
NETFILTER: list[str | int] = ["netlink", "netlink-netfilter"]


def attribute(kind: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def netlink(kind: int, message: bytes, order: str = "<") -> bytes:
    """Two messages of netfilter's behind a cooked header; the second has no packet."""
    first, second = (struct.pack(order + "IHHII", 16 + len(one), kind, 0, 0, 0) + one for one in (message, bytes(4)))
    return bytes(14) + b"\0\x0c" + first + second


FRAMES = {
    "eth": (1, ethernet(P), ["eth"]),
    "802.3 with SNAP": (1, ADDRESSES + struct.pack(">H", 8 + len(P)) + LLC_IPV4 + P, ["eth", "llc"]),
    "old QinQ": (1, ethernet(b"\x00\x05\x08\x00" + P, 0x9100), ["eth", "vlan"]),
    "MPLS": (1, ethernet(b"\x00\x01\x00\x40\x00\x02\x01\x40" + P, 0x8847), ["eth", "mpls", "mpls"]),
    "pseudowire": (
        1,
        ethernet(b"\x00\x02\x01\x40" + bytes(4) + ethernet(P), 0x8847),
        ["eth", "mpls", "pweth.cw", "pwethcw", "eth"],
    ),
    "PPPoE": (1, ethernet(PPPOE, 0x8864), ["eth", "pppoes", "ppp"]),
    "NULL little-endian": (0, b"\x02\x00\x00\x00" + P, ["null"]),
    "NULL big-endian": (0, b"\x00\x00\x00\x02" + P, ["null"]),
    "LOOP": (108, b"\x00\x00\x00\x02" + P, ["null"]),
    "RAW": (101, P, ["raw"]),
    "RAW 12": (12, P, ["raw"]),
    "RAW 14": (14, P, ["raw"]),
    "IPV4": (228, P, []),
    "PPP": (9, b"\xff\x03\x00\x21" + P, ["ppp"]),
    "PPP without address and control": (9, b"\x00\x21" + P, ["ppp"]),
    "PPP with a short protocol": (9, b"\x21" + P, ["ppp"]),
    "C-HDLC": (104, b"\x0f\x00\x08\x00" + P, ["chdlc"]),
    "C-HDLC, another number": (112, b"\x0f\x00\x08\x00" + P, ["chdlc"]),
    "PPP with its direction": (204, b"\x01\xff\x03\x00\x21" + P, ["ppp"]),
    "IEEE 1394": (138, bytes(16) + b"\x08\x00" + P, ["ap1394"]),
    "SunATM": (123, b"\x82\0\0\x21" + LLC_IPV4 + P, ["atm", "llc"]),
    "SunATM that does not say": (123, b"\0\0\0\x21" + LLC_IPV4 + P, ["atm", "llc"]),
    "LAN emulation": (123, b"\x01\0\0\x21\0\1" + ethernet(P), ["atm", "lane", "eth"]),
    "ISL": (1, ISL + struct.pack(">H", 30 + len(P)) + ISL_REST + ethernet(P) + bytes(8), ["isl", "eth"]),
    "ISL without a length": (1, ISL + b"\0\0" + ISL_REST + ethernet(P) + bytes(4), ["isl", "eth"]),
    "Frame Relay": (107, b"\x18\x41\x03\xcc" + P, ["fr"]),
    "Frame Relay, Cisco": (107, b"\x18\x41\x08\x00" + P, ["fr"]),
    "SLL": (113, bytes(14) + b"\x08\x00" + P, ["sll"]),
    "SLL2": (276, b"\x08\x00" + bytes(18) + P, ["sll"]),
    "802.11": (105, WLAN, ["wlan", "llc"]),
    "802.11 QoS": (105, WLAN_QOS, ["wlan", "llc"]),
    "802.11 with four addresses": (105, WLAN_FOUR_ADDRESSES, ["wlan", "llc"]),
    "radiotap": (127, RADIOTAP + WLAN, ["radiotap", "wlan_radio", "wlan", "llc"]),
    "Prism": (119, struct.pack("<II", 0x44, 144) + bytes(136) + WLAN, ["prism", "wlan_radio", "wlan", "llc"]),
    "AVS": (163, struct.pack(">II", 0x80211001, 64) + bytes(56) + WLAN, ["wlancap", "wlan_radio", "wlan", "llc"]),
    "PPI": (192, struct.pack("<BBHI", 0, 0, 8, 105) + WLAN, ["ppi", "wlan_radio", "wlan", "llc"]),
    "FDDI": (10, b"\x50" + ADDRESSES + LLC_IPV4 + P, ["fddi", "llc"]),
    "Token Ring": (6, b"\x10\x40" + ADDRESSES + LLC_IPV4 + P, ["tr", "llc"]),
    "Token Ring, routed by the source": (6, TOKEN_RING_ROUTED + LLC_IPV4 + P, ["tr", "llc"]),
    "Token Ring, IP by its own point": (6, b"\x10\x40" + ADDRESSES + b"\x06\x06\x03" + P, ["tr", "llc"]),
    "bridged Ethernet": (100, BRIDGED + b"\0\7" + PADDING + ethernet(P), ["llc", "eth"]),
    "bridged Ethernet with its checksum": (100, BRIDGED + b"\0\1" + PADDING + ethernet(P) + bytes(4), ["llc", "eth"]),
    "PPP, bridged with its checksum": (9, b"\0\x31\x80\1" + ethernet(P) + bytes(4), ["ppp", "bcp_bpdu", "eth"]),
    "Cisco's SNAP on Frame Relay": (107, b"\x18\x41\x03\0\x80\0\0\xf8\x08\0" + P, ["fr"]),
    "bridged Token Ring": (100, BRIDGED + b"\0\3" + PADDING + TOKEN_RING_ROUTED + LLC_IPV4 + P, ["llc", "tr", "llc"]),
    "bridged FDDI": (100, BRIDGED + b"\0\x0a" + PADDING + b"\0\x50" + ADDRESSES + LLC_IPV4 + P, ["llc", "fddi", "llc"]),
    "Token Ring on Frame Relay": (
        107,
        b"\x18\x41\x03\0\x80\0\x80\xc2\0\x09\x10\x40" + ADDRESSES + LLC_IPV4 + P,
        ["fr", "tr", "llc"],
    ),
    "FDDI on Frame Relay": (
        107,
        b"\x18\x41\x03\0\x80\0\x80\xc2\0\4\0\x50" + ADDRESSES + LLC_IPV4 + P,
        ["fr", "fddi", "llc"],
    ),
    "ARCNET": (129, b"\x01\x02\x00\x00\xd4\x00\x00\x01" + P, ["arcnet"]),
    "IP over InfiniBand": (242, bytes(40) + b"\x08\x00\x00\x00" + P, ["ipoib"]),
    "IPNET": (226, b"\x01\x02\x00\x00" + struct.pack(">I", len(P)) + bytes(16) + P, ["ipnet"]),
    "NFLOG": (239, b"\x02\x00\x00\x00" + struct.pack("<HH", 4 + len(P), 9) + P, ["nflog"]),
    "netlink log": (253, netlink(0x0400, b"\x02" + bytes(3) + attribute(9, P)), [*NETFILTER, "nflog"]),
    "netlink queue": (
        253,
        netlink(0x0300, b"\x07" + bytes(3) + attribute(1, b"\0\0\0\x05\x08\0\x01") + attribute(10, P)),
        NETFILTER,
    ),
    "netlink, big-endian": (
        253,
        netlink(0x0400, b"\x02" + bytes(3) + attribute(9, P, ">"), ">"),
        [*NETFILTER, "nflog"],
    ),
    "PFLOG": (117, b"\x3d\x02" + bytes(62) + P, ["pflog"]),
    "PKTAP": (258, PKTAP + ethernet(P), ["pktap", "eth"]),
    "Cisco MetaData": (1, ethernet(b"\x01\x01\x00\x01\x00\x07\x08\x00" + P, 0x8909), ["eth", "cmd"]),
    "NSH": (1, ethernet(b"\x00\x02\x01\x01" + bytes(4) + P, 0x894F), ["eth", "nsh"]),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_link_layer_leads_to_the_packet_inside(name: str) -> None:
    link_type, frame, path = FRAMES[name]
    packet = decode(frame, link_type=link_type)
    assert (packet.decode_status, packet.path) == (OK, [*path, "ip", "tcp"])
    assert (packet.src, packet.dst, packet.ports) == (INNER_A, INNER_B, (1111, 80))
    assert packet.payload_length == 3


@pytest.mark.parametrize("name", [name for name in FRAMES if not name.startswith(("IPV4", "RAW", "NFLOG", "netlink"))])
def test_a_link_header_cut_anywhere_is_truncated_and_has_no_addresses(name: str) -> None:
    link_type, frame, _ = FRAMES[name]
    for kept in range(len(frame) - len(P)):
        packet = decode(frame[:kept], link_type=link_type, wire=len(frame))
        assert packet.decode_status == 1
        assert packet.ip_version == 0


@pytest.mark.parametrize("name", [name for name in FRAMES if name.startswith("netlink")])
def test_a_netlink_message_cut_before_its_packet_is_truncated(name: str) -> None:
    link_type, frame, _ = FRAMES[name]
    for kept in range(frame.index(P)):
        packet = decode(frame[:kept], link_type=link_type, wire=len(frame))
        assert (packet.decode_status, packet.ip_version) == (TRUNCATED, 0)


@pytest.mark.parametrize("family", [24, 28, 30])
def test_ipv6_has_another_family_on_every_bsd(family: int) -> None:
    assert decode(struct.pack("<I", family) + SIX, link_type=0).path == ["null", "ipv6", "tcp"]


@pytest.mark.parametrize("field", ["00020000", "02000200", "01000200", "00080000", "00010800"])
def test_a_family_may_stand_in_half_the_word(field: str) -> None:
    assert decode(bytes.fromhex(field) + P, link_type=0).path == ["null", "ip", "tcp"]


@pytest.mark.parametrize(("field", "number"), [("02000100", 1), ("00020001", 1), ("00010002", 2)])
def test_a_family_with_something_behind_it_is_none(field: str, number: int) -> None:
    assert decode(bytes.fromhex(field) + P, link_type=0).path == ["null", number]


@pytest.mark.parametrize(("field", "path"), [("00000002", ["ip", "tcp"]), ("02000000", [2**25]), ("00000800", [2048])])
def test_a_loop_header_is_big_endian(field: str, path: list[str | int]) -> None:
    assert decode(bytes.fromhex(field) + P, link_type=108).path == ["null", *path]


@pytest.mark.parametrize("header", ["ff030021", "ff640021", "0021", "21", "0800", "ff030800"])
def test_ppp_leaves_out_what_it_may_and_takes_ethertypes(header: str) -> None:
    assert decode(bytes.fromhex(header) + P, link_type=9).path == ["ppp", "ip", "tcp"]


@pytest.mark.parametrize("kind", [0x0000, 0x0301, 0x0100])
def test_netlink_without_a_packet_is_not_read(kind: int) -> None:
    packet = decode(netlink(kind, b"\x02" + bytes(19)), link_type=253)
    assert (packet.decode_status, packet.path) == (UNSUPPORTED, NETFILTER)


def test_an_ethertype_of_ipv4_before_ipv6_shows_both() -> None:
    assert decode(ethernet(SIX)).path == ["eth", "ip", "ipv6", "tcp"]


def test_the_two_outermost_tags_are_kept() -> None:
    tags = b"\x20\x64\x81\x00" + b"\x00\xc8\x81\x00" + b"\x00\x01\x08\x00"
    packet = decode(ethernet(tags + P, 0x88A8))
    assert (packet.vlan_id, packet.inner_vlan_id) == (100, 200)
    assert packet.path == ["eth", "ieee8021ad", "vlan", "vlan", "ip", "tcp"]


def test_two_service_tags_are_one_layer_as_in_tshark() -> None:
    tags = b"\x20\x64\x88\xa8" + b"\x00\xc8\x88\xa8" + b"\x00\x01\x08\x00"
    packet = decode(ethernet(tags + P, 0x88A8))
    assert (packet.vlan_id, packet.inner_vlan_id) == (100, 200)
    assert packet.path == ["eth", "ieee8021ad", "ieee8021ad", "ip", "tcp"]


def test_what_does_not_begin_with_zeros_is_no_control_word() -> None:
    frame = bytes.fromhex("0060089fb1f3 00400540ef24 81000020") + b"\x08\x00" + P
    packet = decode(ethernet(b"\x00\x02\x01\x40" + frame, 0x8847))
    assert (packet.vlan_id, packet.path) == (0x20, ["eth", "mpls", "pweth", "eth", "vlan", "ip", "tcp"])


def test_a_frame_without_a_tag_says_so() -> None:
    packet = decode(ethernet(P))
    assert (packet.vlan_id, packet.inner_vlan_id) == (NO_VLAN, NO_VLAN)


def test_ethernet_padding_is_no_payload() -> None:
    packet = decode(ethernet(ipv4(tcp(1, 2), 6)) + bytes(6))
    assert (packet.payload_length, packet.src, packet.dst) == (0, A, B)


def test_an_encrypted_802_11_frame_stops_there() -> None:
    packet = decode(bytes([0x08, 0x41]) + WLAN[2:], link_type=105)
    assert (packet.decode_status, packet.path) == (UNSUPPORTED, ["wlan", 0x20])


def test_radiotap_says_that_the_802_11_header_is_padded() -> None:
    radiotap = struct.pack("<BBHIB", 0, 0, 9, 2, 0x20)
    padded = WLAN_QOS[:26] + b"\x00\x00" + WLAN_QOS[26:]
    assert decode(radiotap + padded, link_type=127).ports == (1111, 80)


@pytest.mark.parametrize(
    ("link_type", "frame", "path"),
    [
        (5, P, [5]),
        (1, ethernet(P, 0x88CC), ["eth", 0x88CC]),
        (1, ethernet(P, 0), ["eth", 0]),
        (1, ADDRESSES + b"\x00\x03\x42\x42\x03", ["eth", "llc", 0x42]),
        (1, ethernet(ipv4(b"igmp....", 2)), ["eth", "ip", 2]),
        (9, b"\xff\x03\xc0\x21" + bytes(8), ["ppp", 0xC021]),
        (0, b"\x63\x00\x00\x00" + P, ["null", 0x63]),
    ],
)
def test_what_is_not_read_is_counted_under_its_number(link_type: int, frame: bytes, path: list[str | int]) -> None:
    packet = decode(frame, link_type=link_type)
    assert (packet.decode_status, packet.path) == (UNSUPPORTED, path)
