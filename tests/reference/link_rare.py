"""Link layers that are met now and then."""

from __future__ import annotations

import struct

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
from tests.reference.link import CISCO_PROTOCOLS, ethertype, snap
from tests.reference.numbers import FRAMED_LINK_LAYERS

FAMILIES = {2: "4", 24: "6", 28: "6", 30: "6"}


@reads
def null(decoder: Decoder) -> str:
    """BSD loopback: an address family in the byte order of the machine that captured."""
    decoder.name("null")
    view = decoder.view
    if view.data[:2] == b"\xff\x03":
        return "ppp"
    word = view.take(4, LINK)
    family = int.from_bytes(word, "little")
    # Quirk: tried in tshark's own byte order first, and as IRIX wrote it, with 16 bits of family in front.
    if 0x10000 <= family < 0x60000:
        family >>= 16
    elif family >= 0x60000:
        family = u32(word)
    elif family & 0xFF == 0 and family < 0x600:
        family >>= 8
    if family > 1500:
        return ethertype(decoder, family & 0xFFFF)
    if family not in FAMILIES:
        raise End(UNSUPPORTED, NETWORK)
    return "ipv4" if FAMILIES[family] == "4" else "ipv6"


@reads
def loop(decoder: Decoder) -> str:
    """OpenBSD's loopback: the family always in network byte order."""
    decoder.name("null")
    family = u32(decoder.view.take(4, LINK))
    if family not in FAMILIES:
        raise End(UNSUPPORTED, NETWORK)
    return "ipv4" if FAMILIES[family] == "4" else "ipv6"


@reads
def directed_ppp(decoder: Decoder) -> str:
    """PPP behind a byte that tells which way it went."""
    if decoder.view.data:
        decoder.view.take(1, LINK)
    return "ppp"


@reads
def ap1394(decoder: Decoder) -> str:
    decoder.name("ap1394")
    return ethertype(decoder, u16(decoder.view.take(18, LINK), 16))


@reads
def sunatm(decoder: Decoder) -> str:
    decoder.name("atm")
    kind = decoder.view.take(4, LINK)[0] & 0x0F
    if kind == 0:
        begin = decoder.view.take(3, LINK)
        decoder.view.give_back(begin)
        kind = 2 if begin == b"\xaa\xaa\x03" else 0
    return following({1: "lane", 2: "llc"}, kind, LINK)


@reads
def lane(decoder: Decoder) -> str:
    """LAN emulation over ATM."""
    view = decoder.view
    if view.data:
        decoder.name("lane")
    if view.data[:2] == b"\xff\0":
        raise End(UNSUPPORTED, LINK)
    view.take(2, LINK)
    return "ethernet"


@reads
def raw(decoder: Decoder) -> str:
    """IP without link layer; the version tells which."""
    decoder.name("raw")
    view = decoder.view
    if not view.data:
        raise End(TRUNCATED if view.wire else MALFORMED, LINK)
    if view.data[0] >> 4 in (4, 6):
        return "ipv4" if view.data[0] >> 4 == 4 else "ipv6"
    # Quirks: PPP in disguise, and ten zero bytes where a modem had no connection. Wireshark looks for PPP first, and
    # takes fragments of IPv4 at a certain offset for it.
    if view.data[:2] == b"\xff\x03":
        return "ppp"
    if view.data[6:8] == b"\xff\x03":
        view.take(6, LINK)
        return "ppp"
    if view.data[:10] == bytes(10):
        view.take(10, LINK)
        return "ipv4"
    raise End(UNSUPPORTED, LINK)


@reads
def frame_relay(decoder: Decoder) -> str:
    decoder.name("fr")
    view = decoder.view
    for _ in range(4):
        if view.take(1, LINK)[0] & 1:  # the last byte of the address
            break
    control = view.take(1, LINK)[0]
    if control & 0xEF == 0 or control == 0xAF:  # carries no packet; Wireshark waits for no second byte
        raise End(UNSUPPORTED, NETWORK)
    identifier = view.take(1, LINK)[0]
    if control & 3 != 3:
        return following(CISCO_PROTOCOLS, control << 8 | identifier)
    if identifier == 0:  # padding
        identifier = view.take(1, LINK)[0]
    if identifier == 0xCC:
        return "ipv4"
    if identifier == 0x8E:
        return "ipv6"
    if identifier == 0xCF:
        return "ppp_protocol"
    if identifier == 0x80:
        return snap(decoder, 0, 0)
    raise End(UNSUPPORTED, NETWORK)


@reads
def enc(decoder: Decoder) -> str:
    """OpenBSD's view into IPsec: a family in the machine's byte order, an index, flags."""
    decoder.name("enc")
    header = decoder.view.take(12, LINK)
    family = u32(header)
    return _bsd_family(decoder, family if family < 0x10000 else int.from_bytes(header[:2], "little"))


@reads
def pflog(decoder: Decoder) -> str:
    """The log of BSD's packet filter: its length without padding, a family, and more."""
    decoder.name("pflog")
    view = decoder.view
    header = view.take(2, LINK)
    size = (header[0] + 3) & 0x1FC
    if size < 4:
        raise End(MALFORMED, LINK)
    view.give_back(header)
    view.take(size, LINK)
    return _bsd_family(decoder, header[1])


def _bsd_family(decoder: Decoder, family: int) -> str:
    if family >= 0x600:
        return ethertype(decoder, family & 0xFFFF)
    return following({2: "ipv4", 24: "ipv6", 28: "ipv6", 30: "ipv6"}, family)


@reads
def fddi(decoder: Decoder) -> str:
    decoder.name("fddi")
    control = decoder.view.take(13, LINK)[0]
    if control & 0xF0 != 0x50:  # LLC frames alone
        raise End(UNSUPPORTED, LINK)
    return "llc"


@reads
def token_ring(decoder: Decoder) -> str:
    decoder.name("tr")
    view = decoder.view
    header = view.take(15, LINK)
    view.give_back(header[14:])
    if header[1] & 0xC0 != 0x40:  # LLC frames alone
        raise End(UNSUPPORTED, LINK)
    if header[8] & 0x80:  # source routing
        view.take(header[14] & 31, LINK)
    return "llc"


@reads
def arcnet(decoder: Decoder) -> str:
    """ARCNET as Linux gives it: source, destination, two bytes of offset, protocol."""
    decoder.name("arcnet")
    view = decoder.view
    protocol = view.take(5, LINK)[4]
    if protocol not in (128, 205, 240, 241):  # fragments: a flag and a number
        view.take(3, LINK)
    return following({205: "llc", 240: "ipv4", 241: "arp", 212: "ipv4", 213: "arp", 214: "arp", 196: "ipv6"}, protocol)


@reads
def ipnet(decoder: Decoder) -> str:
    decoder.name("ipnet")
    header = decoder.view.take(24, LINK)
    decoder.view.clamp(u32(header, 4))
    family = header[1]
    if family not in (2, 26):
        raise End(UNSUPPORTED, NETWORK)
    return "ipv4" if family == 2 else "ipv6"


@reads
def ipoib(decoder: Decoder) -> str:
    decoder.name("ipoib")
    header = decoder.view.take(44, LINK)
    return ethertype(decoder, u16(header, 40))


@reads
def clip(decoder: Decoder) -> str:
    decoder.name("clip")
    return "ipv4"


@reads
def nflog(decoder: Decoder) -> str:
    """Linux netfilter log."""
    decoder.name("nflog")
    return _attributes(decoder, 9)


def _attributes(decoder: Decoder, payload: int) -> str:
    """Values with type and length, one of them the packet, one the ethertype, in a queue behind the packet's number."""
    view = decoder.view
    before = 4 * (payload == 10)
    family = view.take(4, LINK)[0]
    hardware_protocol = 0
    while True:
        length, kind = struct.unpack("<HH", view.take(4, LINK))
        if length < 4:
            raise End(MALFORMED, LINK)
        if kind == payload:
            view.clamp(length - 4)
            break
        value = view.take((length + 3 & ~3) - 4, LINK)
        if kind == 1 and length >= before + 6:
            hardware_protocol = u16(value, before)
    if family == 7:  # a bridge: the ethertype stands in the packet header
        return ethertype(decoder, hardware_protocol)
    return following({2: "ipv4", 3: "arp", 10: "ipv6"}, family)


@reads
def netlink(decoder: Decoder) -> str | None:
    """Linux netlink behind a cooked header: of the messages the first, if netfilter wrote a packet into it."""
    decoder.name("netlink")
    view = decoder.view
    header = view.take(32, LINK)
    if u16(header, 14) != 12:
        raise End(UNSUPPORTED, NETWORK)
    decoder.name("netlink-netfilter")
    length, kind = struct.unpack_from("<IH", header, 16)
    if length < 16:
        raise End(MALFORMED, LINK)
    view.clamp(length - 16)
    if kind == 0x400:
        return "nflog"
    if kind == 0x300:
        return _attributes(decoder, 10)
    raise End(UNSUPPORTED, LINK)


@reads
def user(decoder: Decoder) -> str:
    """Numbers for private use. Apple's packet tap has LINKTYPE_USER2; Wireshark guesses so too."""
    decoder.name("user_dlt")
    if decoder.link_type != 149:
        raise End(UNSUPPORTED, LINK)
    return "pktap"


@reads
def pktap(decoder: Decoder) -> str:
    """Apple's packet tap."""
    decoder.name("pktap")
    view = decoder.view
    header = view.take(12, LINK)
    length, kind, link_type = struct.unpack("<III", header)
    if length < 108:
        raise End(MALFORMED, LINK)
    view.give_back(header)
    view.take(length, LINK)
    layer = FRAMED_LINK_LAYERS.get(link_type) if kind == 1 else None  # 1: a packet
    if layer is None:
        raise End(UNSUPPORTED, LINK)
    return layer


JUNIPER_LINKS = {178: "ethernet", 179: "ppp_numbers", 180: "frame_relay", 181: "chdlc"}
JUNIPER_NUMBERS = {2: "ipv4", 3: "ipv4", 4: "mpls", 5: "mpls", 6: "ipv6", 7: "ipv6", 8: "mpls"}


@reads
def juniper(decoder: Decoder) -> str:
    """Quirk: without the magic Wireshark goes on as if there were no header."""
    decoder.name("juniper")
    view = decoder.view
    header = view.take(4, LINK)
    if header[:3] != b"MGC":
        view.give_back(header)
        return _juniper_link(decoder)
    if header[3] & 0x80:
        extensions = view.take(2, LINK)
        view.take(u16(extensions), LINK)
    if not header[3] & 2:
        return _juniper_link(decoder)
    number = int.from_bytes(view.take(4, LINK), "little")
    return following(JUNIPER_NUMBERS, number, LINK)


def _juniper_link(decoder: Decoder) -> str:
    if decoder.link_type == 179:
        decoder.view.take(2, LINK)  # address and control
        decoder.name("ppp")
    return following(JUNIPER_LINKS, decoder.link_type, LINK)
