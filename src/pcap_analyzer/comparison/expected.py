"""What our columns should say of a packet, from what tshark says of it.

Addresses and ports are those of the innermost layer that no ICMP error quotes. A column is left out where tshark does
not say enough to know its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pcap_analyzer.comparison.layers import EXTENSIONS, TsharkPacket, integer
from pcap_analyzer.comparison.marks import ANALYSIS_COLUMNS, analysis

COLUMNS = (
    "frame_number",
    "timestamp",
    "interface_id",
    "captured_length",
    "original_length",
    "vlan_id",
    "inner_vlan_id",
    "ip_version",
    "src",
    "dst",
    "protocol",
    "ttl",
    "ip_id",
    "fragment_offset",
    "more_fragments",
    "src_port",
    "dst_port",
    "icmp_type",
    "icmp_code",
    "payload_length",
    "stream",
    "tcp_flags",
    "tcp_seq",
    "tcp_ack",
    "tcp_window_raw",
    *ANALYSIS_COLUMNS,
)  # of `packets`, to be read for a comparison
TCP_STREAM, UDP_STREAM = "stream (TCP)", "stream (UDP)"  # compared apart: each has numbers of its own
TRANSPORT = {"tcp": "tcp", "udp": "udp", "udplite": "udp", "sctp": "sctp", "icmp": "icmp", "icmpv6": "icmpv6"}
TAG, SERVICE_TAG = "vlan", "ieee8021ad"
# IP protocol numbers of layers behind an IP header.
NUMBERS = {
    "icmp": 1,
    "igmp": 2,
    "ip": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "icmpv6": 58,
    "eigrp": 88,
    "ospf": 89,
    "etherip": 97,
    "pim": 103,
    "ipcomp": 108,
    "vrrp": 112,
    "sctp": 132,
    "mipv6": 135,
    "udplite": 136,
    "hip": 139,
}


def expected(packet: TsharkPacket) -> dict[str, Any]:
    """Our column names → the values that would agree; None: the column should be null."""
    return {
        "timestamp": packet.timestamp,
        "interface_id": integer(packet.value("frame.interface_id")),
        "captured_length": integer(packet.value("frame.cap_len")),
        "original_length": integer(packet.value("frame.len")),
        **_tags(packet),
        **_network(packet),
        **_transport(packet),
    }


def _tags(packet: TsharkPacket) -> dict[str, Any]:
    """The outermost two VLAN tags. tshark has a field for each kind of tag: their order is that of the layers."""
    columns: dict[str, Any] = {"vlan_id": None, "inner_vlan_id": None}
    fields = list(islice(_tag_fields(packet), len(columns)))
    for at, (column, name) in enumerate(zip(tuple(columns), fields, strict=False)):
        if name in packet.fields:
            columns[column] = integer(packet.value(name, fields[:at].count(name)))
        else:
            del columns[column]  # a recorded answer without this field
    return columns


def _tag_fields(packet: TsharkPacket) -> Iterator[str]:
    """tshark's field of each tag, in order, but for those in what an ICMP error quotes.

    Two 802.1ad tags in a row are one layer, with fields of their own.
    """
    kinds = [name for name in packet.layers[: packet.quote + 1] if name in {TAG, SERVICE_TAG}]
    singles = len(packet.values("ieee8021ad.id")) if "ieee8021ad.id" in packet.fields else len(kinds)
    for at, kind in enumerate(kinds):
        if kind == TAG:
            yield "vlan.id"
        elif singles and (singles >= kinds[at:].count(SERVICE_TAG) or kinds[at + 1 : at + 2] != [SERVICE_TAG]):
            singles -= 1
            yield "ieee8021ad.id"
        else:
            yield from ("ieee8021ad.svid", "ieee8021ad.cvid")


def _network(packet: TsharkPacket) -> dict[str, Any]:
    """The columns of the innermost IP layer."""
    layer = packet.innermost_ip
    if layer is None:
        return dict.fromkeys(("ip_version", "src", "dst", "protocol", "ttl", "ip_id", "fragment_offset"))
    columns = dict(layer.columns)
    next_header = columns.pop("next_header", None)
    behind = [name for name in packet.layers[layer.position + 1 : packet.quote + 1] if name not in EXTENSIONS]
    if next_header is not None and not _extended(packet, layer.position):
        columns["protocol"] = next_header
    elif behind and behind[0] in NUMBERS:
        columns["protocol"] = NUMBERS[behind[0]]  # behind extension headers, which the header's own field is not
    return columns


def _extended(packet: TsharkPacket, position: int) -> bool:
    """Whether an extension header stands behind the IP layer at this position."""
    return packet.layers[position + 1 : position + 2] != () and packet.layers[position + 1] in EXTENSIONS


def _transport(packet: TsharkPacket) -> dict[str, Any]:
    """The columns of the transport layer behind the innermost IP layer."""
    columns: dict[str, Any] = dict.fromkeys(
        (
            "src_port",
            "dst_port",
            "icmp_type",
            "icmp_code",
            "tcp_flags",
            "tcp_seq",
            "tcp_ack",
            "tcp_window_raw",
            TCP_STREAM,
            UDP_STREAM,
        )
    )
    layer = packet.innermost_ip
    start = layer.position + 1 if layer else 0
    for at in range(start, min(packet.quote + 1, len(packet.layers))):
        name = packet.layers[at]
        if name in TRANSPORT and layer is not None:
            kind = TRANSPORT[name]
            earlier = sum(TRANSPORT.get(other) == kind for other in packet.layers[:at])
            columns.update(_READERS[kind](packet, earlier))
            break
    return columns


def _ports(packet: TsharkPacket, kind: str, occurrence: int) -> dict[str, Any]:
    return {
        "src_port": integer(packet.value(f"{kind}.srcport", occurrence)),
        "dst_port": integer(packet.value(f"{kind}.dstport", occurrence)),
    }


def _tcp(packet: TsharkPacket, occurrence: int) -> dict[str, Any]:
    columns = {
        **_ports(packet, "tcp", occurrence),
        "tcp_flags": integer(packet.value("tcp.flags", occurrence)),
        "tcp_seq": integer(packet.value("tcp.seq_raw", occurrence)),
        "tcp_ack": integer(packet.value("tcp.ack_raw", occurrence)),
        "tcp_window_raw": integer(packet.value("tcp.window_size_value", occurrence)),
        TCP_STREAM: integer(packet.value("tcp.stream", occurrence)),
        **analysis(packet),
    }
    # tshark gives no length for the first fragment of a datagram: it would be that of the datagram.
    if (length := packet.value("tcp.len", occurrence)) is not None:
        columns["payload_length"] = integer(length)
    return columns


def _udp(packet: TsharkPacket, occurrence: int) -> dict[str, Any]:
    columns = {**_ports(packet, "udp", occurrence), UDP_STREAM: integer(packet.value("udp.stream", occurrence))}
    length = integer(packet.value("udp.length", occurrence))
    if length is not None and length >= 8:
        columns["payload_length"] = length - 8
    return columns


def _sctp(packet: TsharkPacket, occurrence: int) -> dict[str, Any]:
    return _ports(packet, "sctp", occurrence)


def _icmp(packet: TsharkPacket, occurrence: int) -> dict[str, Any]:
    return {
        "icmp_type": integer(packet.value("icmp.type", occurrence)),
        "icmp_code": integer(packet.value("icmp.code", occurrence)),
    }


def _icmpv6(packet: TsharkPacket, occurrence: int) -> dict[str, Any]:
    return {
        "icmp_type": integer(packet.value("icmpv6.type", occurrence)),
        "icmp_code": integer(packet.value("icmpv6.code", occurrence)),
    }


_READERS = {"tcp": _tcp, "udp": _udp, "sctp": _sctp, "icmp": _icmp, "icmpv6": _icmpv6}
