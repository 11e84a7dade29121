"""Transport layers, and what of them Wireshark gives a stream number."""

from __future__ import annotations

from tests.reference.frame import MALFORMED, TCP, TRANSPORT, UDP, Decoder, End, Header, Packet, reads, u16, u32
from tests.reference.numbers import TUNNEL_PORTS

SNMP_PORTS = (161, 162)


def _header(decoder: Decoder, protocol: int, header: bytes) -> Header:
    """Remember a header that takes a stream number."""
    packet = decoder.packet
    assert packet.ip_version is not None
    assert packet.src is not None
    assert packet.dst is not None
    one = Header(protocol, packet.ip_version, packet.src, packet.dst, u16(header), u16(header, 2), own=True)
    packet.headers.append(one)
    return one


def _ports(decoder: Decoder) -> None:
    """The first four bytes, which may be all that was captured."""
    data = decoder.view.data
    if len(data) >= 4:
        decoder.packet.src_port, decoder.packet.dst_port = u16(data), u16(data, 2)


@reads
def tcp(decoder: Decoder) -> None:
    decoder.name("tcp")
    packet, view = decoder.packet, decoder.view
    _ports(decoder)
    data, wire = view.data, view.wire
    if len(data) < 16:
        view.take(20, TRANSPORT)
    # Quirk: tshark shows, and numbers, all that reaches through the window field.
    size = (data[12] >> 4) * 4
    one = _header(decoder, TCP, data)
    one.seq, one.ack, one.flags = u32(data, 4), u32(data, 8), u16(data, 12) & 0xFFF
    one.analysed = not packet.in_fragment and size <= wire
    one.glanced = size >= 20 and not one.analysed
    if size < 20:
        # Quirk: its stream number is taken all the same, and it is judged, though nothing is said of it.
        one.window, one.length, one.bogus = u16(data, 14), wire - size, True
        raise End(MALFORMED, TRANSPORT)
    packet.tcp_seq, packet.tcp_ack = one.seq, one.ack
    packet.tcp_flags, packet.tcp_window = one.flags, u16(data, 14)
    one.window = packet.tcp_window
    _tcp_options(packet, one, data[20:size], size - 20)
    one.cut |= len(data) < 20
    packet.tcp_options_cut = one.cut
    if size > wire:
        raise End(MALFORMED, TRANSPORT)
    packet.payload_length = one.length = wire - size
    view.take(20, TRANSPORT)
    view.take(size - 20, TRANSPORT)
    packet.payload = view.data[: one.length]
    if not packet.fragment_offset and not packet.more_fragments and not packet.in_fragment:
        one.said = packet.payload


def _tcp_options(packet: Packet, one: Header, data: bytes, whole: int) -> None:
    """Of `whole` bytes of options those that were captured, up to the first of impossible length.

    Quirk: what follows the end of options is read on, and where that is cut a SYN settles no scale; where an option is
    too long, all but two bytes of what it may have are asked for. At a SACK option without a whole block tshark gives
    up, if it is the first.
    """
    while data and data[0] != 0:
        if len(data) < 2 <= whole and data[0] != 1:
            one.cut = True
            return
        length = 1 if data[0] == 1 else data[1] if len(data) > 1 else 0
        if data[0] != 1 and not 2 <= length <= whole:
            one.cut = length > whole and len(data) < whole - 2
            return
        _tcp_option(packet, one, data[0], data[2:length], whole=length <= len(data))
        one.cut = length > len(data) or (data[0] == 5 and length < 10 and 5 not in packet.tcp_option_kinds)
        if one.cut:
            return
        data, whole = data[length:], whole - length
    one.cut = len(data) < whole


def _tcp_option(packet: Packet, one: Header, kind: int, value: bytes, *, whole: bool) -> None:
    """One of a length that is not its own is passed over; of one that was cut only SACK's whole blocks count."""
    if kind == 5:  # of two options the second counts
        one.sack = [(u32(value, at), u32(value, at + 4)) for at in range(0, len(value) - 7, 8)]
        if len(value) >= 8:
            packet.tcp_option_kinds.add(kind)
    if not whole:
        return
    lengths = {2: 2, 3: 1, 4: 0, 8: 8}
    if kind in lengths and lengths[kind] == len(value):
        packet.tcp_option_kinds.add(kind)
        if kind == 2:
            packet.tcp_mss = u16(value)
        elif kind == 3:
            packet.tcp_scale = one.scale = min(value[0], 14)
        elif kind == 8:
            packet.tcp_timestamps = u32(value), u32(value, 4)
    # A cookie may stand in an experimental option (RFC 7413, appendix A).
    one.cookie |= (kind == 34 and value != b"") or (kind in (253, 254) and value[:2] == b"\xf9\x89" != value)
    if one.cookie:
        packet.tcp_option_kinds.add(34)


@reads
def udp(decoder: Decoder) -> str | None:
    return _datagram(decoder, "udp")


@reads
def udplite(decoder: Decoder) -> str | None:
    return _datagram(decoder, "udplite")


def _datagram(decoder: Decoder, name: str) -> str | None:
    decoder.name(name)
    packet, view = decoder.packet, decoder.view
    _ports(decoder)
    wire = view.wire
    header = view.take(8, TRANSPORT)
    length = u16(header, 4)
    # UDP-Lite has the checksum's coverage in that place; a length of 0 is a jumbogram's (RFC 2675).
    if name == "udplite":
        decoder.flawed |= length > wire or 0 < length < 8
        length = wire
    elif length == 0 and packet.ip_version == 6:
        length = wire
    if length < 8:
        raise End(MALFORMED, TRANSPORT)
    # Quirk: a length beyond the IP payload is malformed, and believed, and takes a number.
    decoder.flawed |= length > wire and not packet.in_fragment
    packet.payload_length = length - 8
    one = _header(decoder, UDP, header)
    view.clamp(length - 8)
    packet.payload = view.data
    whole = not packet.fragment_offset and not packet.more_fragments and not packet.in_fragment
    one.said = view.data if whole else b""
    one.snmp = whole and min(one.src_port, one.dst_port) in SNMP_PORTS and _is_snmp(view.data, view.wire)
    if not view.wire:  # nothing that a tunnel could have lost
        return None
    # Wireshark asks for the lower port first. A well-known one is taken to be what the packet is about; Wireshark
    # believes so only of the ports that it has a dissector for.
    low, high = sorted((u16(header), u16(header, 2)))
    if low in TUNNEL_PORTS or low < 1024:
        return TUNNEL_PORTS.get(low)
    return TUNNEL_PORTS.get(high)


def _is_snmp(data: bytes, wire: int) -> bool:
    """A sequence that ends in the datagram, and begins with an integer: BER, RFC 1157."""
    if len(data) < 3 or data[0] & 0xDF != 0x10 or data[1] == 0x80:
        return False
    of_length = max(data[1] - 0x80, 0)
    length = int.from_bytes(data[2 : 2 + of_length], "big") % 2**32 if of_length else data[1]
    content = 2 + of_length
    return len(data) > content and length <= wire - content and data[content] & 0xDF == 2


@reads
def sctp(decoder: Decoder) -> None:
    decoder.name("sctp")
    packet, view = decoder.packet, decoder.view
    header = view.take(12, TRANSPORT)
    packet.src_port, packet.dst_port, packet.payload_length = u16(header), u16(header, 2), view.wire


def _icmp_header(decoder: Decoder, shown: int) -> int:
    """Type, code and identifier. Quirk: tshark shows the first two from so many bytes on."""
    packet, view = decoder.packet, decoder.view
    if len(view.data) >= shown:
        packet.icmp_type, packet.icmp_code = view.data[0], view.data[1]
    header = view.take(8, TRANSPORT)
    packet.payload_length = view.wire
    packet.icmp_id = u16(header, 4)
    return header[0]


@reads
def icmp(decoder: Decoder) -> None:
    decoder.name("icmp")
    kind = _icmp_header(decoder, 6)
    if kind in (3, 4, 5, 11, 12):
        decoder.quote = decoder.view
        if kind == 5 and decoder.view.data:
            # Quirk: of what a redirect quotes tshark sees eight bytes behind the IP header: no stream of TCP, no error.
            decoder.quote.clamp((decoder.view.data[0] & 15) * 4 + 8)


@reads
def icmpv6(decoder: Decoder) -> None:
    decoder.name("icmpv6")
    if _icmp_header(decoder, 2) in (1, 2, 3, 4):
        decoder.quote, decoder.quoted = decoder.view, "ipv6"
