"""Link layers that carry most of the world: Ethernet, tags, LLC, MPLS, PPP, HDLC, Linux cooked."""

from __future__ import annotations

from tests.reference.frame import (
    LINK,
    MALFORMED,
    NETWORK,
    TRUNCATED,
    UNSUPPORTED,
    Decoder,
    End,
    following,
    reads,
    u16,
    u32,
)
from tests.reference.numbers import ETHERTYPES


def ethertype(decoder: Decoder, number: int) -> str:
    layer = ETHERTYPES.get(number)
    if layer is None:
        raise End(UNSUPPORTED, NETWORK)
    return layer


def type_or_length(decoder: Decoder, value: int) -> str:
    """What follows an Ethernet header or a tag: up to 1500 it is the length of an IEEE 802.3 frame."""
    view = decoder.view
    if value > 1500:
        return ethertype(decoder, value)
    view.clamp(value)
    if view.data[:2] == b"\xff\xff":  # Novell's frames without LLC
        raise End(UNSUPPORTED, NETWORK)
    return "llc"


def _is_isl(data: bytes) -> bool:
    """Cisco's ISL stands where Ethernet was announced: by the group that it is sent to, and a length."""
    return data[:5] in (b"\x01\0\x0c\0\0", b"\x0c\0\x0c\0\0") and len(data) >= 14 and u16(data, 12) <= 1500


def _isl(decoder: Decoder) -> str:
    decoder.name("isl")
    view = decoder.view
    header = view.take(14, LINK)
    if u16(header, 12):
        view.clamp(u16(header, 12))
    if header[5] >> 4 == 1:
        view.take(17, LINK)
        return "token_ring"
    view.take(12, LINK)
    if header[5] >> 4:
        raise End(UNSUPPORTED, LINK)
    view.clamp(max(view.wire - 4, 0))
    return "ethernet"


@reads
def ethernet(decoder: Decoder) -> str:
    data = decoder.view.data
    if _is_isl(data):
        return _isl(decoder)
    decoder.name("eth")
    if len(data) >= 14 and u16(data, 12) == 0x8903:
        decoder.view.take(14, LINK)
        return "fabric_path"
    if len(data) >= 18 and u16(data, 12) in (0x8100, 0x88A8) and u16(data, 16) == 0x8903:  # Quirk: its tag is not shown
        decoder.view.take(18, LINK)
        return "fabric_path"
    header = decoder.view.take(14, LINK)
    if u16(header, 12) == 0:  # Quirk: a type, though not behind a tag
        raise End(UNSUPPORTED, NETWORK)
    return type_or_length(decoder, u16(header, 12))


def _show_tags(decoder: Decoder, *places: int) -> None:
    """The identifiers at these places, or none of them."""
    if len(decoder.view.data) >= places[-1] + 2:
        decoder.packet.vlans += [u16(decoder.view.data, place) & 0xFFF for place in places]


@reads
def vlan(decoder: Decoder) -> str:
    decoder.name("vlan")
    _show_tags(decoder, 0)  # Quirk: before the rest is looked at
    return type_or_length(decoder, u16(decoder.view.take(4, LINK), 2))


@reads
def service_tag(decoder: Decoder) -> str:
    decoder.name("ieee8021ad")
    data = decoder.view.data
    if len(data) < 4 or u16(data, 2) != 0x88A8:
        header = decoder.view.take(4, LINK)
        decoder.packet.vlans.append(u16(header) & 0xFFF)
        if u16(header, 2) == 0x88E7:  # Quirk: so are a tag and the header of a backbone
            decoder.view.give_back(header)
            return ethertype(decoder, u16(decoder.view.take(22, LINK), 20))
        return ethertype(decoder, u16(header, 2))  # Quirk: a length is none here
    _show_tags(decoder, 0, 4)  # Quirk: two of them are one layer
    return ethertype(decoder, u16(decoder.view.take(8, LINK), 6))


@reads
def llc(decoder: Decoder) -> str:
    decoder.name("llc")
    view = decoder.view
    unnumbered = len(view.data) < 3 or view.data[2] & 3 == 3  # all others have a control field of two bytes
    dsap, ssap, control, *_ = header = view.take(3 if unnumbered else 4, LINK)
    bridged = (dsap, ssap) == (0xAA, 0xAA) and view.data[:3] == b"\0\x80\xc2" and len(view.data) >= 5
    if control & 1 and control != 3 and not bridged:  # neither UI nor I: nothing that carries a packet
        raise End(UNSUPPORTED, NETWORK)
    if (dsap, ssap) == (0xAA, 0xAA):
        view.give_back(header)
        return snap(decoder, len(header), 2)
    if dsap == 6:
        return _behind(decoder, "ipv4")
    if dsap == 0xFE:
        return _routed(decoder)
    raise End(UNSUPPORTED, NETWORK)


def _behind(decoder: Decoder, layer: str) -> str:
    if not decoder.view.data:
        raise End(TRUNCATED if decoder.view.wire else MALFORMED, LINK)
    return layer


def _routed(decoder: Decoder) -> str:
    """ISO protocols name themselves; IP does in their place (RFC 2684 section 5.1)."""
    return following({0xCC: "ipv4", 0x8E: "ipv6"}, decoder.view.take(1, LINK)[0])


def snap(decoder: Decoder, before: int, padding: int) -> str:
    """A SNAP header behind so many bytes of LLC, which is read with it, and before so many bytes of padding."""
    header = decoder.view.take(before + 5, LINK)[before:]
    organisation, protocol = header[:3], u16(header, 3)
    if organisation in (b"\0\0\0", b"\0\0\xf8"):  # encapsulated Ethernet, and Cisco's form of it
        return ethertype(decoder, protocol)
    if organisation != b"\0\x80\xc2":
        raise End(UNSUPPORTED, NETWORK)
    kinds = {1: "ethernet", 3: "token_ring", 4: "fddi"}  # with their checksum; six more without
    layer = following(kinds, protocol - 6 if protocol > 6 else protocol)
    if protocol == 1:
        decoder.view.clamp(max(decoder.view.wire - 4, 0))
    decoder.view.take(padding + (layer == "fddi"), LINK)
    return layer


@reads
def mpls(decoder: Decoder) -> str:
    if decoder.packet.layers[-1:] != ["mpls"]:  # a stack is one layer to Wireshark
        decoder.name("mpls")
    view = decoder.view
    word = u32(view.take(4, LINK))
    label = word >> 12
    if not word & 0x100:
        return "mpls"
    if not view.data:
        raise End(TRUNCATED if view.wire else MALFORMED, LINK)
    nibble = view.data[0] >> 4
    if label in (13, 14):  # maintenance
        raise End(UNSUPPORTED, LINK)
    if nibble == 4:
        return "ipv4"
    if nibble == 6:
        return "ipv6"
    if nibble == 0:
        return "pseudowire"
    raise End(UNSUPPORTED, LINK)


@reads
def pseudowire(decoder: Decoder) -> str:
    """Ethernet over MPLS, with a control word or without, which begins with zeros.

    Wireshark asks for the addresses' makers, we go by the type.
    """
    data = decoder.view.data
    decoder.name("pwethheuristic")
    by_type = len(data) >= 18 and u16(data, 16) not in ETHERTYPES and u16(data, 12) in ETHERTYPES
    if by_type or (len(data) >= 2 and u16(data)):
        decoder.name("pwethnocw")
        return "ethernet"
    decoder.name("pwethcw")
    decoder.view.take(4, LINK)
    return "ethernet"


@reads
def pppoe_session(decoder: Decoder) -> str:
    decoder.name("pppoes")
    header = decoder.view.take(6, LINK)
    # Quirk: the code says whether this is session data, and Wireshark reads on whatever it says.
    decoder.view.clamp(u16(header, 4))
    return "ppp_protocol"


PPP_PROTOCOLS = {
    0x21: "ipv4",
    0x57: "ipv6",
    0x281: "mpls",
    0x283: "mpls",
    0x800: "ipv4",
    0x86DD: "ipv6",
    0x31: "bridged",
    0x3D: "multilink",
}


@reads
def ppp(decoder: Decoder) -> str:
    """PPP as in HDLC: address and control may have been left out, and Cisco's HDLC may stand in its place."""
    view = decoder.view
    if view.data[:1] in (b"\x0f", b"\x8f"):
        return "chdlc"
    if view.data[:1] == b"\xff":
        decoder.name("ppp")
        view.take(2, LINK)
        return "ppp_numbers"
    return "ppp_protocol"


@reads
def ppp_protocol(decoder: Decoder) -> str:
    decoder.name("ppp")
    return "ppp_numbers"


@reads
def ppp_numbers(decoder: Decoder) -> str:
    view = decoder.view
    protocol = view.take(1, LINK)[0]
    if not protocol & 1:  # not compressed to one byte
        protocol = protocol << 8 | view.take(1, LINK)[0]
    return following(PPP_PROTOCOLS, protocol)


@reads
def bridged(decoder: Decoder) -> str:
    """A frame with pad bytes behind it (RFC 3518)."""
    decoder.name("bcp_bpdu")
    view = decoder.view
    flags, kind = view.take(2, LINK)
    if flags & 0x10 or kind != 1:
        raise End(UNSUPPORTED, LINK)
    view.clamp(max(view.wire - (flags & 15) - (4 if flags & 0x80 else 0), 0))
    return "ethernet"


@reads
def multilink(decoder: Decoder) -> str:
    """RFC 1990: whole packets alone."""
    decoder.name("mp")
    if decoder.view.take(4, LINK)[0] & 0xC0 != 0xC0:
        raise End(UNSUPPORTED, LINK)
    return "ppp_numbers"


CISCO_PROTOCOLS = {0x800: "ipv4", 0x86DD: "ipv6", 0x8847: "mpls", 0x8848: "mpls", 0x6558: "ethernet"}


@reads
def chdlc(decoder: Decoder) -> str:
    decoder.name("chdlc")
    return following(CISCO_PROTOCOLS, u16(decoder.view.take(4, LINK), 2))


@reads
def sll(decoder: Decoder) -> str:
    decoder.name("sll")
    return _sll_protocol(decoder, u16(decoder.view.take(16, LINK), 14))


@reads
def sll2(decoder: Decoder) -> str:
    decoder.name("sll")
    return _sll_protocol(decoder, u16(decoder.view.take(20, LINK)))


def _sll_protocol(decoder: Decoder, protocol: int) -> str:
    if protocol == 4:
        return "llc"
    if protocol == 3:
        return "ethernet"
    if protocol == 7:
        return "ppp"
    return ethertype(decoder, protocol)
