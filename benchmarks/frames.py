"""Ethernet frames from their headers down; fields that differ from packet to packet are patched in later.

IPv4, TCP and UDP checksums stay 0, like those of a capture taken before checksum offload.
"""

import struct

CLIENT_MAC = bytes.fromhex("02000a000001")
SERVER_MAC = bytes.fromhex("0200ac100001")
ETHERNET_MINIMUM = 60  # bytes, without the frame check sequence

IPV4, IPV6, VLAN, MPLS = 0x0800, 0x86DD, 0x8100, 0x8847
IPIP, TCP, UDP, IPV6_IN_IP, GRE = 4, 6, 17, 41, 47
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

# Offsets in an untagged Ethernet/IPv4 frame without IP options.
IP_ID_AT, SOURCE_AT, DESTINATION_AT = 18, 26, 30
SOURCE_PORT_AT, DESTINATION_PORT_AT, SEQ_AT, ACK_AT, TCP_OPTIONS_AT = 34, 36, 38, 42, 54

DEFAULT_SOURCE = bytes([10, 0, 0, 1])
DEFAULT_DESTINATION = bytes([172, 16, 0, 1])
IPV6_PREFIX = bytes.fromhex("20010db8") + bytes(8)


def ethernet(payload: bytes, ethertype: int = IPV4, *, from_client: bool = True, vlan: int | None = None) -> bytes:
    """A frame padded to the Ethernet minimum; `vlan` puts one 802.1Q tag in."""
    addresses = SERVER_MAC + CLIENT_MAC if from_client else CLIENT_MAC + SERVER_MAC
    tag = b"" if vlan is None else struct.pack(">HH", VLAN, vlan)
    return (addresses + tag + struct.pack(">H", ethertype) + payload).ljust(ETHERNET_MINIMUM, b"\0")


def ipv4(
    payload: bytes,
    protocol: int,
    *,
    source: bytes = DEFAULT_SOURCE,
    destination: bytes = DEFAULT_DESTINATION,
    fragment: int = 0x4000,
) -> bytes:
    """RFC 791, no options; `fragment` is the 16-bit field of flags and offset (default: do not fragment)."""
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, fragment, 64, protocol, 0)
    return header + source + destination + payload


def ipv6(
    payload: bytes,
    next_header: int,
    *,
    source: bytes = IPV6_PREFIX + DEFAULT_SOURCE,
    destination: bytes = IPV6_PREFIX + DEFAULT_DESTINATION,
) -> bytes:
    """RFC 8200."""
    return struct.pack(">IHBB", 0x60000000, len(payload), next_header, 64) + source + destination + payload


def tcp(
    payload: bytes = b"",
    *,
    source_port: int = 40000,
    destination_port: int = 443,
    seq: int = 0,
    ack: int = 0,
    flags: int = ACK,
    window: int = 501,
    options: bytes = b"",
) -> bytes:
    """RFC 9293; `options` is a multiple of four bytes."""
    words = 5 + len(options) // 4
    header = struct.pack(">HHIIBBHHH", source_port, destination_port, seq, ack, words << 4, flags, window, 0, 0)
    return header + options + payload


def udp(payload: bytes = b"", *, source_port: int = 40000, destination_port: int = 53) -> bytes:
    """RFC 768."""
    return struct.pack(">HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def dns(answers: int, label: int) -> bytes:
    """A query for one name (label of 1 to 63 bytes), or with `answers` the reply of so many addresses."""
    question = bytes([label]) + b"h" * label + b"\x07example\x03net\0" + struct.pack(">HH", 1, 1)
    header = struct.pack(">HHHHHH", label, 0x8180 if answers else 0x0100, 1, answers, 0, 0)
    reply = struct.pack(">HHHIH4s", 0xC00C, 1, 1, 300, 4, DEFAULT_DESTINATION)
    return header + question + reply * answers
