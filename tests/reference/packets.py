"""Frames to packets: every header from the link to the transport layer, in the order in which it stands.

`decode(frame, original, link_type)` never fails: a Packet says in `status` and `layer` how far reading came. Layers
carry Wireshark's names. A header is read where all of it was captured; what the wire had is known from length fields.
"""
from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

COMPLETE, TRUNCATED, MALFORMED, UNSUPPORTED = "complete", "truncated", "malformed", "unsupported"
NONE, LINK, NETWORK, TRANSPORT = "none", "link", "network", "transport"
MAX_LAYERS = 24

TCP, UDP, UDPLITE, SCTP, ICMP, ICMPV6 = 6, 17, 136, 132, 1, 58


@dataclass(slots=True)
class Header:
    """One TCP or UDP header in a frame, with what its stream number depends on."""

    protocol: int  # TCP, or UDP for UDP-Lite too
    ip_version: int
    src: bytes
    dst: bytes
    src_port: int
    dst_port: int
    flags: int = 0
    seq: int = 0
    ack: int = 0
    analysed: bool = False  # tshark looks at its sequence numbers
    quoted: bool = False  # in an ICMP error
    own: bool = False  # the packet's own transport header


@dataclass(slots=True)
class Packet:
    """What a frame says; None is what it does not say."""

    layers: list[str] = field(default_factory=list)
    status: str = COMPLETE
    layer: str = NONE
    vlans: list[int] = field(default_factory=list)
    ip_layers: list[tuple[bytes, bytes]] = field(default_factory=list)  # outermost first, quotes left out
    ip_version: int | None = None
    src: bytes | None = None
    dst: bytes | None = None
    protocol: int | None = None
    ttl: int | None = None
    traffic_class: int | None = None
    ip_id: int | None = None
    fragment_offset: int | None = None
    more_fragments: bool | None = None
    src_port: int | None = None
    dst_port: int | None = None
    tcp_seq: int | None = None
    tcp_ack: int | None = None
    tcp_flags: int | None = None
    tcp_window: int | None = None
    tcp_mss: int | None = None
    tcp_scale: int | None = None
    tcp_timestamps: tuple[int, int] | None = None
    tcp_option_kinds: set[int] = field(default_factory=set)
    icmp_type: int | None = None
    icmp_code: int | None = None
    icmp_id: int | None = None
    payload_length: int | None = None
    headers: list[Header] = field(default_factory=list)


class _End(Exception):
    """Decoding stops here: the status and the layer it is said of."""


class _View:
    """Bytes that were captured, and how many were on the wire."""

    __slots__ = ("data", "wire")

    def __init__(self, data: bytes, wire: int) -> None:
        self.data, self.wire = data, wire

    def take(self, length: int, layer: str) -> bytes:
        """The next bytes. Cut by the capture: truncated; never there: malformed."""
        if length > len(self.data):
            raise _End(TRUNCATED if length <= self.wire else MALFORMED, layer)
        taken, self.data = self.data[:length], self.data[length:]
        self.wire = max(self.wire - length, 0)
        return taken

    def clamp(self, length: int) -> None:
        """A length field says how much follows: what stands behind it is padding."""
        self.wire = min(self.wire, length)
        self.data = self.data[:length]


def _u16(data: bytes, at: int = 0) -> int:
    return int.from_bytes(data[at:at + 2], "big")


def _u32(data: bytes, at: int = 0) -> int:
    return int.from_bytes(data[at:at + 4], "big")


def decode(frame: bytes, original: int, link_type: int) -> Packet:
    """Decode one frame."""
    # A record may say that it captured more than there was; what was captured was there.
    return _Decoder(_View(frame, max(original, len(frame)))).run(LINK_LAYERS.get(link_type))


class _Decoder:
    """The state of one frame. Layer methods read a header and give the method of what follows, or None."""

    def __init__(self, view: _View) -> None:
        self.view = view
        self.packet = Packet()
        self.quote: _View | None = None
        self.quoted = False
        self.radio_pad = False
        self.bssid_frame = False

    def run(self, layer: Layer | None) -> Packet:
        packet = self.packet
        try:
            if layer is None:
                raise _End(UNSUPPORTED, LINK)
            self.walk(layer)
        except _End as end:
            packet.status, packet.layer = end.args
        if self.quote is not None:
            self.read_quote(self.quote)
        return packet

    def walk(self, layer: Layer | None) -> None:
        for _ in range(MAX_LAYERS):
            if layer is None:
                return
            layer = layer(self)
        if layer is not None:
            raise _End(UNSUPPORTED, LINK)

    def read_quote(self, view: _View) -> None:
        """The packet in an ICMP error: its headers take stream numbers, it fills no column."""
        inner = _Decoder(view)
        inner.quoted = True
        try:
            inner.walk(_ipv4)
        except _End:
            pass
        if inner.quote is not None:
            inner.read_quote(inner.quote)
        self.packet.headers += [replace(one, quoted=True, own=False, analysed=False) for one in inner.packet.headers]

    def name(self, layer: str) -> None:
        self.packet.layers.append(layer)


Layer = Callable[[_Decoder], "Layer | None"]


# --- link layers -----------------------------------------------------------------------------------------------------

def _ethertype(decoder: _Decoder, number: int) -> Layer:
    layer = ETHERTYPES.get(number)
    if layer is None:
        raise _End(UNSUPPORTED, NETWORK)
    return layer


def _type_or_length(decoder: _Decoder, value: int) -> Layer:
    """What follows an Ethernet header or a tag: up to 1500 it is the length of an IEEE 802.3 frame."""
    view = decoder.view
    if value > 1500:
        return _ethertype(decoder, value)
    view.clamp(value)
    if view.data[:2] == b"\xff\xff":  # Novell's frames without LLC
        raise _End(UNSUPPORTED, NETWORK)
    return _llc


def _ethernet(decoder: _Decoder) -> Layer:
    decoder.name("eth")
    header = decoder.view.take(14, LINK)
    return _type_or_length(decoder, _u16(header, 12))


def _tag(decoder: _Decoder, name: str) -> Layer:
    decoder.name(name)
    header = decoder.view.take(4, LINK)
    decoder.packet.vlans.append(_u16(header) & 0xFFF)
    return _type_or_length(decoder, _u16(header, 2))


def _vlan(decoder: _Decoder) -> Layer:
    return _tag(decoder, "vlan")


def _service_tag(decoder: _Decoder) -> Layer:
    return _tag(decoder, "ieee8021ad")


def _llc(decoder: _Decoder) -> Layer:
    decoder.name("llc")
    view = decoder.view
    dsap, ssap, control = view.take(3, LINK)
    if control & 3 != 3:  # not an unnumbered frame: its control field has two bytes
        view.take(1, LINK)
        raise _End(UNSUPPORTED, NETWORK)
    if (dsap & 0xFE, ssap & 0xFE) == (0xAA, 0xAA):
        return _snap(decoder)
    if control & 0xEF == 3 and dsap == 6:
        return _ipv4
    raise _End(UNSUPPORTED, NETWORK)


def _snap(decoder: _Decoder) -> Layer:
    header = decoder.view.take(5, LINK)
    organisation, protocol = header[:3], _u16(header, 3)
    if organisation in (b"\0\0\0", b"\0\0\xf8"):  # encapsulated Ethernet, and Cisco's form of it
        return _ethertype(decoder, protocol)
    if organisation == b"\0\x80\xc2" and protocol in (1, 7):  # bridged Ethernet, with and without checksum
        return _ethernet
    raise _End(UNSUPPORTED, NETWORK)


def _mpls(decoder: _Decoder) -> Layer:
    decoder.name("mpls")
    view = decoder.view
    label = 0
    while True:
        word = _u32(view.take(4, LINK))
        label = word >> 12
        if word & 0x100:
            break
    first = view.take(0, LINK) or view.data[:1]
    if not first:
        raise _End(TRUNCATED if view.wire else MALFORMED, NETWORK)
    nibble = first[0] >> 4
    if nibble == 4:
        return _ipv4
    if nibble == 6:
        return _ipv6
    if nibble == 0 and label != 13:
        return _pseudowire
    raise _End(UNSUPPORTED, NETWORK)


def _pseudowire(decoder: _Decoder) -> Layer:
    """Ethernet over MPLS with a control word, as Wireshark guesses it from the first nibble."""
    decoder.name("pwethheuristic")
    decoder.name("pwethcw")
    decoder.view.take(4, LINK)
    return _ethernet


def _pppoe_session(decoder: _Decoder) -> Layer:
    decoder.name("pppoes")
    header = decoder.view.take(6, LINK)
    if header[1] != 0:  # a code other than session data
        raise _End(UNSUPPORTED, NETWORK)
    decoder.view.clamp(_u16(header, 4))
    return _ppp_protocol


def _ppp(decoder: _Decoder) -> Layer:
    """PPP as in HDLC: address and control may have been left out, and Cisco's HDLC may stand in its place."""
    view = decoder.view
    if view.data[:1] in (b"\x0f", b"\x8f"):
        return _chdlc
    if view.data[:1] == b"\xff":
        decoder.name("ppp")
        view.take(2, LINK)
        return _ppp_numbers
    return _ppp_protocol


def _ppp_protocol(decoder: _Decoder) -> Layer:
    decoder.name("ppp")
    return _ppp_numbers(decoder)


def _ppp_numbers(decoder: _Decoder) -> Layer:
    view = decoder.view
    if view.data[:1] and view.data[0] & 1:  # compressed to one byte
        protocol = view.take(1, LINK)[0]
    else:
        protocol = _u16(view.take(2, LINK))
    layer = {0x21: _ipv4, 0x57: _ipv6, 0x281: _mpls, 0x283: _mpls, 0x800: _ipv4, 0x86DD: _ipv6}.get(protocol)
    if layer is None:
        raise _End(UNSUPPORTED, NETWORK)
    return layer


def _chdlc(decoder: _Decoder) -> Layer:
    decoder.name("chdlc")
    protocol = _u16(decoder.view.take(4, LINK), 2)
    layer = {0x800: _ipv4, 0x86DD: _ipv6, 0x8847: _mpls, 0x8848: _mpls, 0x6558: _ethernet}.get(protocol)
    if layer is None:
        raise _End(UNSUPPORTED, NETWORK)
    return layer


def _sll(decoder: _Decoder) -> Layer:
    decoder.name("sll")
    return _sll_protocol(decoder, _u16(decoder.view.take(16, LINK), 14))


def _sll2(decoder: _Decoder) -> Layer:
    decoder.name("sll")
    return _sll_protocol(decoder, _u16(decoder.view.take(20, LINK)))


def _sll_protocol(decoder: _Decoder, protocol: int) -> Layer:
    if protocol == 4:
        return _llc
    if protocol == 3:
        return _ethernet
    if protocol == 7:
        return _ppp
    return _ethertype(decoder, protocol)


FAMILIES = {2: "4", 24: "6", 28: "6", 30: "6"}


def _null(decoder: _Decoder) -> Layer:
    """BSD loopback: an address family in the byte order of the machine that captured."""
    decoder.name("null")
    view = decoder.view
    if view.data[:2] == b"\xff\x03":
        return _ppp
    family = _u32(view.take(4, LINK))
    if family & 0xFFFF0000:
        # Quirk: a family in the upper half alone is one of 16 bits; otherwise the bytes are turned round.
        if family & 0xFF000000 == 0 and family & 0x00FF0000 < 0x00060000:
            family >>= 16
        else:
            family = int.from_bytes(family.to_bytes(4, "little"), "big")
    if family > 1500:
        return _ethertype(decoder, family & 0xFFFF)
    if family not in FAMILIES:
        raise _End(UNSUPPORTED, NETWORK)
    return _ipv4 if FAMILIES[family] == "4" else _ipv6


def _raw(decoder: _Decoder) -> Layer:
    """IP without link layer; the version tells which."""
    decoder.name("raw")
    view = decoder.view
    # Quirks: PPP in disguise, and ten zero bytes where a modem had no connection.
    if view.data[:2] == b"\xff\x03":
        return _ppp
    if view.data[6:8] == b"\xff\x03":
        view.take(6, LINK)
        return _ppp
    if view.data[:10] == bytes(10):
        view.take(10, LINK)
        return _ipv4
    if not view.data:
        raise _End(TRUNCATED if view.wire else MALFORMED, LINK)
    if view.data[0] >> 4 not in (4, 6):
        raise _End(UNSUPPORTED, NETWORK)
    return _ipv4 if view.data[0] >> 4 == 4 else _ipv6


def _frame_relay(decoder: _Decoder) -> Layer:
    decoder.name("fr")
    view = decoder.view
    for _ in range(4):
        if view.take(1, LINK)[0] & 1:  # the last byte of the address
            break
    control = view.take(1, LINK)[0]
    if control != 3:
        if control & 0xEF == 0:
            raise _End(UNSUPPORTED, NETWORK)
        return _ethertype(decoder, control << 8 | view.take(1, LINK)[0])
    identifier = view.take(1, LINK)[0]
    if identifier == 0:  # padding
        identifier = view.take(1, LINK)[0]
    if identifier == 0xCC:
        return _ipv4
    if identifier == 0x8E:
        return _ipv6
    if identifier == 0xCF:
        return _ppp
    if identifier == 0x80:
        return _snap(decoder)
    raise _End(UNSUPPORTED, NETWORK)


def _fddi(decoder: _Decoder) -> Layer:
    decoder.name("fddi")
    control = decoder.view.take(13, LINK)[0]
    if control & 0xF0 != 0x50:  # LLC frames alone
        raise _End(UNSUPPORTED, LINK)
    return _llc


def _arcnet(decoder: _Decoder) -> Layer:
    """ARCNET as Linux gives it: source, destination, two bytes of offset, protocol."""
    decoder.name("arcnet")
    view = decoder.view
    protocol = view.take(5, LINK)[4]
    if protocol == 0xCD:
        return _llc
    if protocol in (240, 241):  # RFC 1051: nothing else
        return _ipv4 if protocol == 240 else _arp
    split = view.take(3, LINK)[0]
    if split == 0xFF:  # an exception packet: the header again
        view.take(4, LINK)
    if protocol == 212:
        return _ipv4
    if protocol == 213:
        return _arp
    if protocol == 196:
        return _ipv6
    raise _End(UNSUPPORTED, NETWORK)


def _ipnet(decoder: _Decoder) -> Layer:
    decoder.name("ipnet")
    family = decoder.view.take(24, LINK)[1]
    if family not in (2, 26):
        raise _End(UNSUPPORTED, NETWORK)
    return _ipv4 if family == 2 else _ipv6


def _ipoib(decoder: _Decoder) -> Layer:
    decoder.name("ipoib")
    header = decoder.view.take(44, LINK)
    return _ethertype(decoder, _u16(header, 40))


def _clip(decoder: _Decoder) -> Layer:
    decoder.name("clip")
    return _ipv4


def _nflog(decoder: _Decoder) -> Layer:
    """Linux netfilter log: values with type and length, one of them the packet."""
    decoder.name("nflog")
    view = decoder.view
    family = view.take(4, LINK)[0]
    hardware_protocol = 0
    while True:
        length, kind = struct.unpack("<HH", view.take(4, LINK))
        if length < 4:
            raise _End(MALFORMED, LINK)
        if kind == 9:
            view.clamp(length - 4)
            break
        value = view.take((length + 3 & ~3) - 4, LINK)
        if kind == 1 and length >= 6:
            hardware_protocol = _u16(value)
    if family == 7:  # a bridge: the ethertype stands in the packet header
        return _ethertype(decoder, hardware_protocol)
    layer = {2: _ipv4, 3: _arp, 10: _ipv6}.get(family)
    if layer is None:
        raise _End(UNSUPPORTED, NETWORK)
    return layer


def _pktap(decoder: _Decoder) -> Layer:
    """Apple's packet tap, also under LINKTYPE_USER2."""
    decoder.name("user_dlt")
    decoder.name("pktap")
    view = decoder.view
    length, _kind, link_type = struct.unpack("<III", view.take(12, LINK))
    if length < 108:
        raise _End(MALFORMED, LINK)
    view.take(length - 12, LINK)
    layer = LINK_LAYERS.get(link_type)
    if layer is None:
        raise _End(UNSUPPORTED, LINK)
    return layer


# --- 802.11 ----------------------------------------------------------------------------------------------------------

def _radiotap(decoder: _Decoder) -> Layer:
    decoder.name("radiotap")
    view = decoder.view
    length = struct.unpack("<H", view.data[2:4])[0] if len(view.data) >= 4 else 8
    if length < 8:
        raise _End(MALFORMED, LINK)
    header = view.take(length, LINK)
    present, at = struct.unpack_from("<I", header, 4)[0], 8
    more = present
    while more & 0x80000000 and at + 4 <= length:
        more, at = struct.unpack_from("<I", header, at)[0], at + 4
    if present & 1:  # a time stamp of 8 bytes, aligned
        at = (at + 7 & ~7) + 8
    if present & 2 and at < length:
        _radio_flags(decoder, header[at])
    decoder.name("wlan_radio")
    return _wlan


def _radio_flags(decoder: _Decoder, flags: int) -> None:
    view = decoder.view
    if flags & 0x10:  # the frame check sequence stands at the end
        view.clamp(max(view.wire - 4, 0))
    decoder.radio_pad = bool(flags & 0x20)


def _prism(decoder: _Decoder) -> Layer:
    view = decoder.view
    if view.data[:3] == b"\x80\x21\x10":  # the AVS header is distinguished by its magic number
        return _avs
    decoder.name("prism")
    view.take(144, LINK)
    decoder.name("wlan_radio")
    return _wlan


def _avs(decoder: _Decoder) -> Layer:
    decoder.name("wlancap")
    view = decoder.view
    length = _u32(view.data, 4) if len(view.data) >= 8 else 8
    if length < 8:
        raise _End(MALFORMED, LINK)
    view.take(length, LINK)
    decoder.name("wlan_radio")
    return _wlan


def _ppi(decoder: _Decoder) -> Layer:
    decoder.name("ppi")
    view = decoder.view
    _version, _flags, length, link_type = struct.unpack("<BBHI", view.take(8, LINK))
    if length < 8:
        raise _End(MALFORMED, LINK)
    fields = view.take(length - 8, LINK)
    while len(fields) >= 4:  # the common 802.11 field (2) has flags: bit 0 is a frame check sequence
        kind, size = struct.unpack_from("<HH", fields)
        if kind == 2 and size >= 10 and len(fields) >= 14 and struct.unpack_from("<H", fields, 12)[0] & 1:
            view.clamp(max(view.wire - 4, 0))
        fields = fields[4 + size:]
    layer = LINK_LAYERS.get(link_type)
    if layer is None:
        raise _End(UNSUPPORTED, LINK)
    if layer is _wlan:
        decoder.name("wlan_radio")
    return layer


def _wlan(decoder: _Decoder) -> Layer:
    """An 802.11 frame; data frames that are not encrypted go on with LLC."""
    decoder.name("wlan")
    view = decoder.view
    control = int.from_bytes(view.take(2, LINK), "little")
    kind, subtype = control >> 2 & 3, control >> 4 & 15
    if kind != 2:
        raise _End(UNSUPPORTED, LINK)
    length = 22 + (6 if control & 0x300 == 0x300 else 0)  # all four addresses between two access points
    if subtype & 8:  # quality of service
        length += 2 + (4 if control & 0x8000 else 0)
    if decoder.radio_pad:
        length += -(length + 2) % 4
    header = view.take(length, LINK)
    if subtype & 4:  # no data
        raise _End(UNSUPPORTED, LINK)
    if control & 0x4000:  # encrypted
        raise _End(UNSUPPORTED, LINK)
    if subtype & 8 and header[22 + (6 if control & 0x300 == 0x300 else 0)] & 0x80:  # several frames in one
        raise _End(UNSUPPORTED, LINK)
    return _llc


# --- network layers --------------------------------------------------------------------------------------------------

def _arp(decoder: _Decoder) -> None:
    decoder.name("arp")
    view = decoder.view
    header = view.take(8, NETWORK)
    size = 2 * (header[4] + header[5])
    if size > len(view.data):
        raise _End(TRUNCATED if size <= view.wire else MALFORMED, NETWORK)


def _new_network(decoder: _Decoder) -> None:
    """A further IP header: what was read of a transport layer so far belongs to a tunnel."""
    packet = decoder.packet
    for name in ("ip_version", "src", "dst", "protocol", "ttl", "traffic_class", "ip_id", "fragment_offset",
                 "more_fragments", "src_port", "dst_port", "icmp_type", "icmp_code", "icmp_id", "payload_length"):
        setattr(packet, name, None)
    for header in packet.headers:
        header.own = False


def _ipv4(decoder: _Decoder) -> Layer | None:
    view = decoder.view
    decoder.name("ip")
    if view.data[:1] and view.data[0] >> 4 == 6:  # Quirk: Wireshark's IPv4 dissector hands it over, and both are named
        return _ipv6
    header = view.take(20, NETWORK)
    size = (header[0] & 15) * 4
    if header[0] >> 4 != 4 or size < 20:
        raise _End(MALFORMED, NETWORK)
    total = _u16(header, 2)
    # A length of 0 is what segmentation offload leaves: the rest of the frame.
    total = total or view.wire + 20
    if total < size:
        raise _End(MALFORMED, NETWORK)
    _new_network(decoder)
    packet = decoder.packet
    packet.ip_version, packet.src, packet.dst = 4, header[12:16], header[16:20]
    packet.protocol, packet.ttl, packet.traffic_class, packet.ip_id = header[9], header[8], header[1], _u16(header, 4)
    packet.ip_layers.append((header[12:16], header[16:20]))
    flags = _u16(header, 6)
    if flags & 0x3FFF:
        packet.fragment_offset, packet.more_fragments = (flags & 0x1FFF) * 8, bool(flags & 0x2000)
    view.clamp(total - 20)
    view.take(size - 20, NETWORK)
    if packet.fragment_offset:
        return None
    return _transport(decoder)


def _ipv6(decoder: _Decoder) -> Layer | None:
    decoder.name("ipv6")
    view = decoder.view
    header = view.take(40, NETWORK)
    if header[0] >> 4 != 6:
        raise _End(MALFORMED, NETWORK)
    _new_network(decoder)
    packet = decoder.packet
    packet.ip_version, packet.src, packet.dst = 6, header[8:24], header[24:40]
    packet.protocol, packet.ttl, packet.traffic_class = header[6], header[7], _u16(header) >> 4 & 0xFF
    packet.ip_layers.append((header[8:24], header[24:40]))
    if _u16(header, 4):  # 0: a jumbogram, or segmentation offload
        view.clamp(_u16(header, 4))
    while packet.protocol in (0, 43, 44, 60, 140):
        if packet.protocol == 44:
            fragment = view.take(8, NETWORK)
            packet.protocol = fragment[0]
            packet.fragment_offset, packet.more_fragments = _u16(fragment, 2) & 0xFFF8, bool(fragment[3] & 1)
            if packet.fragment_offset:
                return None
        else:
            extension = view.take(2, NETWORK)
            packet.protocol = extension[0]
            view.take(extension[1] * 8 + 6, NETWORK)
    return _transport(decoder)


def _authentication(decoder: _Decoder) -> Layer | None:
    decoder.name("ah")
    view = decoder.view
    header = view.take(12, NETWORK)
    size = (header[1] + 2) * 4
    if size < 12:
        raise _End(MALFORMED, NETWORK)
    view.take(size - 12, NETWORK)
    decoder.packet.protocol = header[0]
    return _transport(decoder)


def _transport(decoder: _Decoder) -> Layer | None:
    """What the protocol number says."""
    packet = decoder.packet
    if packet.protocol == 59:  # no next header
        return None
    layer = PROTOCOLS.get(packet.protocol or 0)
    if layer is None:
        raise _End(UNSUPPORTED, TRANSPORT)
    return layer


# --- transport layers ------------------------------------------------------------------------------------------------

def _header(decoder: _Decoder, protocol: int, header: bytes) -> Header:
    """Remember a header that takes a stream number."""
    packet = decoder.packet
    assert packet.ip_version is not None and packet.src is not None and packet.dst is not None
    one = Header(protocol, packet.ip_version, packet.src, packet.dst, _u16(header), _u16(header, 2), own=True)
    packet.headers.append(one)
    return one


def _ports(decoder: _Decoder) -> None:
    """The first four bytes, which may be all that was captured."""
    data = decoder.view.data
    if len(data) >= 4:
        decoder.packet.src_port, decoder.packet.dst_port = _u16(data), _u16(data, 2)


def _tcp(decoder: _Decoder) -> None:
    decoder.name("tcp")
    packet, view = decoder.packet, decoder.view
    _ports(decoder)
    data = view.data
    size = (data[12] >> 4) * 4 if len(data) > 12 else 0
    if len(data) >= 16:  # Quirk: tshark gives a stream number to all that reaches through the window
        one = _header(decoder, TCP, data)
        one.seq, one.ack, one.flags = _u32(data, 4), _u32(data, 8), _u16(data, 12) & 0xFFF
        one.analysed = packet.fragment_offset is None and size <= view.wire
        # An atomic fragment of IPv6 is whole.
        if packet.fragment_offset == 0 and not packet.more_fragments:
            one.analysed = size <= view.wire
    wire = view.wire
    view.take(20, TRANSPORT)
    if size < 20:
        # Quirk: its stream number is taken all the same, and its sequence number counts.
        one.own = False
        raise _End(MALFORMED, TRANSPORT)
    packet.tcp_seq, packet.tcp_ack = one.seq, one.ack
    packet.tcp_flags, packet.tcp_window = one.flags, _u16(data, 14)
    if size > wire:
        raise _End(MALFORMED, TRANSPORT)
    packet.payload_length = wire - size
    _tcp_options(packet, data[20:size])
    view.take(size - 20, TRANSPORT)


def _tcp_options(packet: Packet, data: bytes) -> None:
    """Options up to the first of impossible length; one of a length that is not its own is passed over."""
    while data and data[0] != 0:
        if data[0] == 1:
            data = data[1:]
            continue
        if len(data) < 2 or not 2 <= data[1] <= len(data):
            return
        kind, value = data[0], data[2:data[1]]
        lengths = {2: 2, 3: 1, 4: 0, 8: 8}
        if kind in lengths and lengths[kind] == len(value):
            packet.tcp_option_kinds.add(kind)
            if kind == 2:
                packet.tcp_mss = _u16(value)
            elif kind == 3:
                packet.tcp_scale = min(value[0], 14)
            elif kind == 8:
                packet.tcp_timestamps = _u32(value), _u32(value, 4)
        elif kind == 34 or (kind == 5 and len(value) >= 8):
            packet.tcp_option_kinds.add(kind)
        data = data[data[1]:]


def _udp(decoder: _Decoder) -> Layer | None:
    return _datagram(decoder, "udp")


def _udplite(decoder: _Decoder) -> Layer | None:
    return _datagram(decoder, "udplite")


def _datagram(decoder: _Decoder, name: str) -> Layer | None:
    decoder.name(name)
    packet, view = decoder.packet, decoder.view
    _ports(decoder)
    wire = view.wire
    header = view.take(8, TRANSPORT)
    length = _u16(header, 4)
    # UDP-Lite has the checksum's coverage in that place; a length of 0 is a jumbogram's (RFC 2675).
    if name == "udplite" or (length == 0 and packet.ip_version == 6):
        length = wire
    if length < 8:
        raise _End(MALFORMED, TRANSPORT)
    # Quirk: a length beyond the IP payload is believed, and takes a number.
    packet.payload_length = length - 8
    _header(decoder, UDP, header)
    view.clamp(length - 8)
    # Wireshark asks for the lower port first.
    for port in sorted((_u16(header), _u16(header, 2))):
        if port in TUNNEL_PORTS:
            return TUNNEL_PORTS[port]
    return None


def _sctp(decoder: _Decoder) -> None:
    decoder.name("sctp")
    packet, view = decoder.packet, decoder.view
    header = view.take(12, TRANSPORT)
    packet.src_port, packet.dst_port, packet.payload_length = _u16(header), _u16(header, 2), view.wire


def _icmp_header(decoder: _Decoder) -> int:
    packet, view = decoder.packet, decoder.view
    if len(view.data) >= 2:
        packet.icmp_type, packet.icmp_code = view.data[0], view.data[1]
    header = view.take(8, TRANSPORT)
    packet.payload_length = view.wire
    packet.icmp_id = _u16(header, 4)
    return header[0]


def _icmp(decoder: _Decoder) -> None:
    decoder.name("icmp")
    if _icmp_header(decoder) in (3, 4, 5, 11, 12):
        decoder.quote = decoder.view


def _icmpv6(decoder: _Decoder) -> None:
    decoder.name("icmpv6")
    if _icmp_header(decoder) in (1, 2, 3, 4):
        decoder.quote = decoder.view


# --- tunnels ---------------------------------------------------------------------------------------------------------

def _gre(decoder: _Decoder) -> Layer | None:
    """RFC 1701, 2784, 2890, and PPTP's version 1 (RFC 2637)."""
    decoder.name("gre")
    view = decoder.view
    header = view.take(4, NETWORK)
    flags, protocol = _u16(header), _u16(header, 2)
    if flags & 0xC000:  # checksum, or routing: both have the offset field
        view.take(4, NETWORK)
    if flags & 0x2000:
        view.take(4, NETWORK)
    if flags & 0x1000:
        view.take(4, NETWORK)
    if flags & 7 == 1 and flags & 0x80:  # the acknowledgement number
        view.take(4, NETWORK)
    if flags & 0x4000:
        while True:
            entry = view.take(4, NETWORK)
            view.take(entry[3], NETWORK)
            if _u16(entry) == 0 and entry[3] == 0:
                break
    if not view.wire:  # an acknowledgement of PPTP
        return None
    if protocol == 0x88BE:
        return _erspan2 if flags & 0x1000 else _erspan1
    if 0x8200 <= protocol <= 0x8370 and protocol % 16 == 0:  # Aruba's access points
        return _wlan
    if protocol == 0x883E:  # WCCP: a redirect header unless IP stands there already
        if view.data[:1] and view.data[0] >> 4 != 4:
            view.take(4, NETWORK)
        return _ipv4
    layer = {0x800: _ipv4, 0x86DD: _ipv6, 0x880B: _ppp, 0x6558: _ethernet, 0x6400: _ethernet, 0x8847: _mpls,
             0x8848: _mpls, 0x22EB: _erspan3, 0x0806: _arp, 0x894F: _nsh, 0x88D2: _ppp, 0x8881: _ppp,
             0x8909: _cisco_metadata}.get(protocol)
    if layer is None:
        raise _End(UNSUPPORTED, NETWORK)
    return layer


def _erspan1(decoder: _Decoder) -> Layer:
    decoder.name("erspan")
    return _ethernet


def _erspan2(decoder: _Decoder) -> Layer:
    decoder.name("erspan")
    decoder.view.take(8, NETWORK)
    return _ethernet


def _erspan3(decoder: _Decoder) -> Layer:
    decoder.name("erspan")
    header = decoder.view.take(12, NETWORK)
    if header[11] & 1:  # a platform-specific part
        decoder.view.take(8, NETWORK)
    return _ethernet


def _etherip(decoder: _Decoder) -> Layer:
    decoder.name("etherip")
    decoder.view.take(2, NETWORK)
    return _ethernet


def _vxlan(decoder: _Decoder) -> Layer:
    decoder.name("vxlan")
    decoder.view.take(8, TRANSPORT)
    return _ethernet


def _vxlan_gpe(decoder: _Decoder) -> Layer:
    decoder.name("vxlan")
    following = decoder.view.take(8, TRANSPORT)[3]
    layer = {1: _ipv4, 2: _ipv6, 3: _ethernet, 4: _nsh, 5: _mpls}.get(following)
    if layer is None:
        raise _End(UNSUPPORTED, NETWORK)
    return layer


def _geneve(decoder: _Decoder) -> Layer:
    decoder.name("geneve")
    header = decoder.view.take(8, TRANSPORT)
    if header[0] >> 6:
        raise _End(UNSUPPORTED, TRANSPORT)
    decoder.view.take((header[0] & 0x3F) * 4, TRANSPORT)
    return _ethertype(decoder, _u16(header, 2))


def _gtp(decoder: _Decoder) -> Layer | None:
    """GTP version 1; signalling is payload, a T-PDU is a packet."""
    view = decoder.view
    if view.data[:1] and view.data[0] >> 5 == 0:
        return _gtp0
    if view.data[:1] and view.data[0] >> 5 != 1:
        return None
    decoder.name("gtp")
    header = view.take(8, TRANSPORT)
    if header[0] & 7:
        following = view.take(4, TRANSPORT)[3] if header[0] & 4 else view.take(4, TRANSPORT) and 0
        while following:
            size = view.take(1, TRANSPORT)[0] * 4
            if size == 0:
                raise _End(MALFORMED, TRANSPORT)
            following = view.take(size - 1, TRANSPORT)[-1]
    return _tunnelled_ip(decoder) if header[1] == 255 and header[0] & 0x10 else None


def _gtp0(decoder: _Decoder) -> Layer | None:
    """GTP version 0 has a header of twenty bytes."""
    decoder.name("gtpprime")
    header = decoder.view.take(20, TRANSPORT)
    return _tunnelled_ip(decoder) if header[1] == 255 else None


def _tunnelled_ip(decoder: _Decoder) -> Layer | None:
    """Quirk: 0x40 to 0x44 are too short for an IPv4 header and 0x4f is rather PPP, says Wireshark of a T-PDU."""
    first = decoder.view.data[:1]
    if not first:
        return None
    if 0x45 <= first[0] <= 0x4E:
        return _ipv4
    if first[0] >> 4 == 6:
        return _ipv6
    return None


def _teredo(decoder: _Decoder) -> Layer | None:
    decoder.name("teredo")
    view = decoder.view
    while view.data[:1] == b"\0":
        kind = _u16(view.take(2, TRANSPORT))
        if kind == 0:
            view.take(6, TRANSPORT)
        elif kind == 1:
            sizes = view.take(2, TRANSPORT)
            view.take(sizes[0] + sizes[1] + 9, TRANSPORT)
        else:
            raise _End(UNSUPPORTED, TRANSPORT)
    if view.data[:1] and view.data[0] >> 4 == 6:
        return _ipv6
    raise _End(UNSUPPORTED, TRANSPORT)


def _l2tp(decoder: _Decoder) -> Layer | None:
    """L2TP version 2; control messages are payload, and a message without length carries no packet in Wireshark."""
    decoder.name("l2tp")
    view = decoder.view
    flags = _u16(view.take(2, TRANSPORT))
    if flags & 15 != 2 or flags & 0x8000:
        return None
    if flags & 0x4000:
        view.take(2, TRANSPORT)
    view.take(4, TRANSPORT)
    if flags & 0x0800:
        view.take(4, TRANSPORT)
    if flags & 0x0200:
        view.take(_u16(view.take(2, TRANSPORT)), TRANSPORT)
    return _ppp if view.wire else None


def _nsh(decoder: _Decoder) -> Layer:
    """Network service header, RFC 8300."""
    decoder.name("nsh")
    header = decoder.view.take(4, NETWORK)
    size = (_u16(header) & 0x3F) * 4
    if size < 8:
        raise _End(MALFORMED, NETWORK)
    decoder.view.take(size - 4, NETWORK)
    layer = {1: _ipv4, 2: _ipv6, 3: _ethernet, 4: _nsh, 5: _mpls}.get(header[3])
    if layer is None:
        raise _End(UNSUPPORTED, NETWORK)
    return layer


def _cisco_metadata(decoder: _Decoder) -> Layer:
    decoder.name("cmd")
    decoder.view.take(6, LINK)
    return _ethertype(decoder, _u16(decoder.view.take(2, LINK)))


ETHERTYPES: dict[int, Layer] = {
    0x0800: _ipv4, 0x0806: _arp, 0x8035: _arp, 0x86DD: _ipv6, 0x8100: _vlan, 0x9100: _vlan, 0x88A8: _service_tag,
    0x8847: _mpls, 0x8848: _mpls, 0x8864: _pppoe_session, 0x6558: _ethernet, 0x894F: _nsh, 0x8870: _llc,
    0x8909: _cisco_metadata,
}
PROTOCOLS: dict[int, Layer] = {
    TCP: _tcp, UDP: _udp, UDPLITE: _udplite, SCTP: _sctp, ICMP: _icmp, ICMPV6: _icmpv6, 4: _ipv4, 41: _ipv6, 47: _gre,
    51: _authentication, 97: _etherip, 137: _mpls, 143: _ethernet,
}
TUNNEL_PORTS: dict[int, Layer] = {
    4789: _vxlan, 4790: _vxlan_gpe, 6081: _geneve, 2152: _gtp, 2123: _gtp, 3386: _gtp0, 3544: _teredo, 1701: _l2tp,
    4754: _gre, 6635: _mpls,
}
LINK_LAYERS: dict[int, Layer] = {
    0: _null, 108: _null, 1: _ethernet, 9: _ppp, 50: _ppp, 51: _pppoe_session, 10: _fddi, 11: _llc, 100: _llc,
    12: _raw, 14: _raw, 101: _raw, 104: _chdlc, 105: _wlan, 19: _clip, 106: _clip, 149: _pktap, 258: _pktap, 107: _frame_relay, 113: _sll, 276: _sll2,
    119: _prism, 127: _radiotap, 129: _arcnet, 163: _avs, 192: _ppi, 226: _ipnet, 228: _ipv4, 229: _ipv6, 239: _nflog,
    242: _ipoib,
}
