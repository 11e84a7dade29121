"""Headers between Ethernet and what it carries: of providers, data centres, plants, meshes and capture points."""

import struct

import pytest

from tests.native.frames import (
    INNER_A,
    INNER_B,
    LLC_IPV4,
    OK,
    TRUNCATED,
    UNSUPPORTED,
    decode,
    ethernet,
    inner,
    ipv4,
    udp,
)

P = inner()
IPV4 = b"\x08\x00"
SWITCHES = bytes.fromhex("020001000005 020002000006")


def pppoe(content: bytes) -> bytes:
    return ethernet(struct.pack(">BBHH", 0x11, 0, 1, len(content)) + content, 0x8864)


FRAMES = {
    "provider backbone": (1, ethernet(bytes(16) + IPV4 + P, 0x88E7), ["ieee8021ah"]),
    "provider backbone with a tag": (1, ethernet(b"\x00\x64\x88\xe7" + bytes(16) + IPV4 + P, 0x88A8), ["ieee8021ad"]),
    "VN-tag": (1, ethernet(bytes(4) + IPV4 + P, 0x8926), ["vntag"]),
    "VN-tag before 802.3": (1, ethernet(bytes(4) + b"\x00\x40" + LLC_IPV4 + P, 0x8926), ["vntag", "llc"]),
    "E-tag": (1, ethernet(bytes(6) + IPV4 + P, 0x893F), ["etag"]),
    "R-tag": (1, ethernet(bytes(4) + IPV4 + P, 0xF1C1), ["ieee8021cb"]),
    "HSR": (1, ethernet(b"\x10\x3c\x00\x07" + IPV4 + P, 0x892F), ["hsr"]),
    "MACsec": (1, ethernet(b"\x20" + bytes(13) + IPV4 + P + bytes(16), 0x88E5), ["macsec"]),
    "MACsec without a channel": (1, ethernet(b"\x00" + bytes(5) + IPV4 + P + bytes(16), 0x88E5), ["macsec"]),
    "a switch's time of 64 bits": (1, ethernet(b"\x00\x01\x00\x10" + bytes(8) + IPV4 + P, 0xD28B), ["avsp"]),
    "a switch's time of 48 bits": (1, ethernet(b"\x00\x01\x01\x20" + bytes(6) + IPV4 + P, 0xD28B), ["avsp"]),
    "TRILL with options": (1, ethernet(b"\x00\x45\x00\x01\x00\x02abcd" + ethernet(P), 0x22F3), ["trill", "eth"]),
    "FabricPath": (1, SWITCHES + b"\x89\x03\x12\x34" + ethernet(P) + bytes(4), ["cfp", "eth"]),
    "FabricPath with a tag": (1, SWITCHES + b"\x81\0\0\x05\x89\x03\x12\x34" + ethernet(P) + bytes(4), ["cfp", "eth"]),
    "B.A.T.M.A.N. unicast": (1, ethernet(b"\x40\x0f" + bytes(8) + ethernet(P), 0x4305), ["batadv", "eth"]),
    "B.A.T.M.A.N. unicast from": (1, ethernet(b"\x42\x0f" + bytes(16) + ethernet(P), 0x4305), ["batadv", "eth"]),
    "B.A.T.M.A.N. broadcast": (1, ethernet(b"\x01\x0f" + bytes(12) + ethernet(P), 0x4305), ["batadv", "eth"]),
    "bridged PPP": (1, pppoe(b"\x00\x31\x02\x01" + ethernet(P) + bytes(2)), ["pppoes", "ppp", "bcp_bpdu", "eth"]),
    "multilink PPP": (1, pppoe(b"\x00\x3d\xc0\x00\x00\x07\x00\x21" + P), ["pppoes", "ppp", "mp"]),
    "Juniper Ethernet": (178, b"MGC\x81\x00\x03abc" + ethernet(P), ["juniper", "eth"]),
    "Juniper PPP": (179, b"MGC\x00\xff\x03\x00\x21" + P, ["juniper", "ppp"]),
    "Juniper Frame Relay": (180, b"MGC\x00\x18\x41\x03\xcc" + P, ["juniper", "fr"]),
    "Juniper HDLC": (181, b"MGC\x00\x0f\x00\x08\x00" + P, ["juniper", "chdlc"]),
    "Juniper without a link layer": (178, b"MGC\x02\x02\x00\x00\x00" + P, ["juniper"]),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_header_leads_to_the_packet_inside(name: str) -> None:
    link_type, frame, path = FRAMES[name]
    packet = decode(frame, link_type=link_type)
    outer = ["eth"] if link_type == 1 else []
    assert (packet.decode_status, packet.path) == (OK, [*outer, *path, "ip", "tcp"])
    assert (packet.src, packet.dst, packet.ports) == (INNER_A, INNER_B, (1111, 80))
    assert packet.payload_length == 3


@pytest.mark.parametrize("name", FRAMES)
def test_a_header_cut_anywhere_is_truncated_and_has_no_addresses(name: str) -> None:
    link_type, frame, _ = FRAMES[name]
    for kept in range(frame.index(P)):
        packet = decode(frame[:kept], link_type=link_type, wire=len(frame))
        assert (packet.decode_status, packet.ip_version) == (TRUNCATED, 0)


def test_a_backbone_tag_is_a_vlan() -> None:
    assert decode(FRAMES["provider backbone with a tag"][1]).vlan_id == 100


def test_the_padding_of_an_outer_802_11_header_is_not_that_of_one_in_a_tunnel() -> None:
    outer = struct.pack("<BBHIB", 0, 0, 9, 2, 0x20) + b"\x88\x01" + bytes(24) + bytes(2) + LLC_IPV4
    wireless = b"\x01\x88" + bytes(24) + LLC_IPV4 + P
    datagram = udp(40_000, 5247, b"\x00\x10\x03\x00" + bytes(4) + wireless)
    packet = decode(outer + ipv4(datagram, 17), link_type=127)
    assert packet.path[-5:] == ["capwap.data", "wlan", "llc", "ip", "tcp"]
    assert (packet.decode_status, packet.ports) == (OK, (1111, 80))


@pytest.mark.parametrize("control", [0x04, 0x08, 0x0C, 0x2C])
def test_what_macsec_encrypts_is_not_read(control: int) -> None:
    packet = decode(ethernet(bytes([control]) + bytes(13) + IPV4 + P + bytes(16), 0x88E5))
    assert (packet.decode_status, packet.path) == (UNSUPPORTED, ["eth", "macsec"])


@pytest.mark.parametrize(("content", "kept"), [(b"\x00" + bytes(21), 22), (b"\x20" + bytes(29), 30)])
def test_nothing_between_tag_and_check_value_is_no_macsec_as_in_tshark(content: bytes, kept: int) -> None:
    assert len(content) == kept
    assert decode(ethernet(content, 0x88E5)).path == ["eth", 0x88E5]
    assert decode(ethernet(content + b"\x08", 0x88E5)).path[:2] == ["eth", "macsec"]


@pytest.mark.parametrize("kind", [0x8926, 0x88A8])
def test_a_length_is_one_behind_a_vn_tag_and_a_number_behind_a_service_tag(kind: int) -> None:
    """As in tshark: an unknown ethertype, in spite of IEEE 802.1Q."""
    tag = bytes(4) if kind == 0x8926 else bytes(2)
    packet = decode(ethernet(tag + struct.pack(">H", 8 + len(P)) + LLC_IPV4 + P, kind))
    expected = ["vntag", "llc", "ip", "tcp"] if kind == 0x8926 else ["ieee8021ad", 8 + len(P)]
    assert packet.path == ["eth", *expected]


@pytest.mark.parametrize("header", [b"\x00\x02\x00\x10", b"\x00\x01\x00\x30", b"\x00\x00\x00\x10"])
def test_an_unknown_time_of_a_switch_is_not_read(header: bytes) -> None:
    packet = decode(ethernet(header + bytes(8) + IPV4 + P, 0xD28B))
    assert (packet.decode_status, packet.path) == (UNSUPPORTED, ["eth", "avsp"])


@pytest.mark.parametrize("header", [b"\x00\x0f", b"\x40\x0e", b"\x41\x0f"])
def test_what_carries_no_frame_in_a_mesh_is_not_read(header: bytes) -> None:
    packet = decode(ethernet(header + bytes(16) + ethernet(P), 0x4305))
    assert (packet.decode_status, packet.path) == (UNSUPPORTED, ["eth", "batadv"])


@pytest.mark.parametrize("content", [b"\x00\x31\x10\x01", b"\x00\x31\x00\x02", b"\x00\x3d\x80\x00\x00\x07"])
def test_a_bridge_s_messages_and_fragments_are_not_read(content: bytes) -> None:
    packet = decode(pppoe(content + ethernet(P)))
    assert (packet.decode_status, packet.ip_version) == (UNSUPPORTED, 0)


@pytest.mark.parametrize(("number", "path"), [(4, ["mpls", "ip", "tcp"]), (6, ["ipv6"]), (9, [])])
def test_a_router_names_what_follows_without_a_link_layer(number: int, path: list[str]) -> None:
    label = b"\x00\x01\x01\x40" if number == 4 else b""
    packet = decode(b"MGC\x02" + struct.pack("<I", number) + label + P, link_type=178)
    assert packet.path == ["juniper", *path]


@pytest.mark.parametrize("link_type", [130, 131, 133, 135, 136, 137, 167, 183])
def test_of_a_router_s_services_cells_and_bundles_none_is_read(link_type: int) -> None:
    packet = decode(b"MGC\x00" + bytes(8) + P, link_type=link_type)
    assert (packet.decode_status, packet.path) == (UNSUPPORTED, ["juniper"])


def test_a_capture_of_a_router_without_the_magic_begins_with_its_frame() -> None:
    assert decode(ethernet(P), link_type=178).path == ["juniper", "eth", "ip", "tcp"]
