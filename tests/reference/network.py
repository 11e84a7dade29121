"""IPv4, IPv6 with its extension headers, ARP, the authentication header."""

from __future__ import annotations

from tests.reference.frame import (
    MALFORMED,
    NETWORK,
    TRANSPORT,
    TRUNCATED,
    UNSUPPORTED,
    Decoder,
    End,
    reads,
    u16,
    u32,
)
from tests.reference.numbers import PROTOCOLS


@reads
def arp(decoder: Decoder) -> None:
    decoder.name("arp")
    view = decoder.view
    header = view.take(8, NETWORK)
    size = 2 * (header[4] + header[5])
    if size > len(view.data):
        raise End(TRUNCATED if size <= view.wire else MALFORMED, NETWORK)


def _new_network(decoder: Decoder) -> None:
    """A further IP header: what was read of a transport layer so far belongs to a tunnel."""
    packet = decoder.packet
    for name in (
        "ip_version",
        "src",
        "dst",
        "protocol",
        "ttl",
        "traffic_class",
        "ip_id",
        "fragment_offset",
        "more_fragments",
        "src_port",
        "dst_port",
        "icmp_type",
        "icmp_code",
        "icmp_id",
        "payload_length",
    ):
        setattr(packet, name, None)
    for header in packet.headers:
        header.own = False


@reads
def ipv4(decoder: Decoder) -> str | None:
    view = decoder.view
    decoder.name("ip")
    if view.data[:1] and view.data[0] >> 4 == 6:  # Quirk: Wireshark's IPv4 dissector hands it over, and both are named
        return "ipv6"
    header = view.take(20, NETWORK)
    size = (header[0] & 15) * 4
    if header[0] >> 4 != 4 or size < 20:
        raise End(MALFORMED, NETWORK)
    total = u16(header, 2)
    if 0 < total < size:
        raise End(MALFORMED, NETWORK)
    # A length of 0 is what segmentation offload leaves: the rest of the frame.
    total = total or view.wire + 20
    destination = _destination(header[16:20], view.data[: size - 20], size - 20)
    if destination is None:  # Quirk: nothing is shown of it
        view.take(size - 20, NETWORK)
        raise AssertionError("what lacks was there")
    _new_network(decoder)
    packet = decoder.packet
    packet.ip_version, packet.src, packet.dst = 4, header[12:16], destination
    packet.protocol, packet.ttl, packet.traffic_class, packet.ip_id = header[9], header[8], header[1], u16(header, 4)
    packet.ip_layers.append((header[12:16], destination))
    flags = u16(header, 6)
    packet.in_fragment = bool(flags & 0x3FFF)
    if packet.in_fragment:
        packet.fragment_offset, packet.more_fragments = (flags & 0x1FFF) * 8, bool(flags & 0x2000)
    view.clamp(total - 20)
    view.take(size - 20, NETWORK)
    if packet.fragment_offset:
        return None
    return transport(decoder)


def _destination(last: bytes, options: bytes, size: int) -> bytes | None:
    """The end of a source route, or the header's own; None where one must know more of the options for that."""
    whole, at = options, 0
    try:
        while at < size and whole[at] != 0:
            if whole[at] == 1:
                at += 1
                continue
            if size - at < 2 or not 2 <= whole[at + 1] <= size - at:
                break
            if whole[at] in (0x83, 0x89):
                length = whole[at + 1]
                if length < 3 or whole[at + 2] < 4 or whole[at + 2] & 3 or whole[at + 2] + 3 > length:
                    break
                return whole[at + length - 4 : at + length] if len(whole) == size else None
            at += whole[at + 1]
    except IndexError:
        return None
    return last


@reads
def ipv6(decoder: Decoder) -> str | None:
    view = decoder.view
    if not view.data or view.data[0] >> 4 == 6:  # Quirk: of another version not even its name stays
        decoder.name("ipv6")
    header = view.take(40, NETWORK)
    if header[0] >> 4 != 6:
        raise End(MALFORMED, NETWORK)
    _new_network(decoder)
    packet = decoder.packet
    packet.ip_version, packet.src, packet.dst = 6, header[8:24], header[24:40]
    packet.protocol, packet.ttl, packet.traffic_class = header[6], header[7], u16(header) >> 4 & 0xFF
    packet.ip_layers.append((header[8:24], header[24:40]))
    jumbo = u16(header, 4) == 0 == packet.protocol  # its length stands in the header that follows (RFC 2675)
    if not jumbo:
        view.clamp(u16(header, 4))
    while packet.protocol in (0, 43, 44, 51, 60, 140) and view.wire:
        # A header that is cut leaves its own number: what would follow is not known to be there.
        size = 8
        if packet.protocol == 51 and view.data:
            decoder.name("ah")
        if len(view.data) >= 8 and packet.protocol != 44:
            size = 4 * (view.data[1] + 2) if packet.protocol == 51 else 8 * (view.data[1] + 1)
        extension = view.take(size, NETWORK)
        if packet.protocol == 44 and u16(extension, 2) & 0xFFF9:  # otherwise it is an atomic fragment: whole
            packet.fragment_offset, packet.more_fragments = u16(extension, 2) & 0xFFF8, bool(extension[3] & 1)
            packet.in_fragment = True
        if jumbo:
            view.clamp(_jumbo_length(extension) - len(extension))
        jumbo = False
        packet.protocol = extension[0]
        if packet.fragment_offset:
            return None
    return transport(decoder)


def _jumbo_length(header: bytes) -> int:
    """What the first jumbo payload option of a hop-by-hop header says."""
    options = header[2:]
    while len(options) >= 2:
        if options[:2] == b"\xc2\4" and len(options) >= 6:
            if u32(options, 2) <= 65_535:  # a length that needs no option
                break
            return u32(options, 2)
        options = options[1 if options[0] == 0 else 2 + options[1] :]
    raise End(MALFORMED, NETWORK)


@reads
def authentication(decoder: Decoder) -> str | None:
    decoder.name("ah")
    view = decoder.view
    # Quirk: none is sound that has less than 12 bytes, and Wireshark reads on behind it.
    size = 4 * (view.data[1] + 2) if len(view.data) >= 8 else 8
    decoder.packet.protocol = view.take(size, TRANSPORT)[0]
    return transport(decoder)


def transport(decoder: Decoder) -> str | None:
    """What the protocol number says."""
    packet = decoder.packet
    if packet.protocol == 59 and packet.ip_version == 6:  # no next header
        return None
    if not decoder.view.wire:  # nothing follows, so nothing is cut (Wireshark says so of IPv4 alone)
        return None
    layer = PROTOCOLS.get(packet.protocol or 0)
    if layer is None:
        raise End(UNSUPPORTED, TRANSPORT)
    return layer
