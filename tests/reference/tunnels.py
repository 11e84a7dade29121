"""Encapsulations: to the packet inside."""

from __future__ import annotations

from tests.reference.frame import (
    LINK,
    MALFORMED,
    TRANSPORT,
    TRUNCATED,
    UNSUPPORTED,
    Decoder,
    End,
    following,
    reads,
    u16,
)
from tests.reference.link import ethertype

NSH_PROTOCOLS = {1: "ipv4", 2: "ipv6", 3: "ethernet", 4: "nsh", 5: "mpls"}
TZSP_LAYERS = {1: "ethernet", 18: "wlan", 119: "prism", 127: "avs"}
GRE_PROTOCOLS = {
    0x800: "ipv4",
    0x86DD: "ipv6",
    0x880B: "ppp",
    0x6558: "ethernet",
    0x6400: "ethernet",
    0x8847: "mpls",
    0x8848: "mpls",
    0x22EB: "erspan",
    0x6559: "frame_relay",
    0x0806: "arp",
    0x894F: "nsh",
}


@reads
def gre(decoder: Decoder) -> str | None:
    """RFC 1701, 2784, 2890, and PPTP's version 1 (RFC 2637)."""
    decoder.name("gre")
    view = decoder.view
    peek = u16(view.data) if len(view.data) >= 4 else 0
    # Checksum or routing, key, sequence number, and in version 1 the acknowledgement number.
    fields = bool(peek & 0xC000) + bool(peek & 0x2000) + bool(peek & 0x1000) + (peek & 7 == 1 and bool(peek & 0x80))
    header = view.take(4 + 4 * fields, TRANSPORT)
    flags, protocol = u16(header), u16(header, 2)
    if flags & 0x4000:
        while True:
            entry = view.take(4, TRANSPORT)
            view.take(entry[3], TRANSPORT)
            if u16(entry) == 0 and entry[3] == 0:
                break
    if not flags & 0x1000 and not view.wire:  # Quirk: without a sequence number there may be no payload
        return None
    if protocol == 0x8909:  # Cisco MetaData: the type of what follows stands before it here
        if view.data:
            decoder.name("cmd")
        protocol = u16(view.take(8, LINK))
    if protocol == 0x88BE:
        return "erspan" if flags & 0x1000 else "erspan_bare"
    if 0x8200 <= protocol <= 0x8370 and protocol % 16 == 0:  # Aruba's access points
        return "wlan"
    if protocol == 0x883E:  # WCCP: a redirect header unless IP stands there already
        if view.data[:1] and view.data[0] >> 4 != 4:
            view.take(4, TRANSPORT)
        return "ipv4"
    return following(GRE_PROTOCOLS, protocol)


@reads
def erspan_bare(decoder: Decoder) -> str:
    """Type I has no header."""
    decoder.name("erspan")
    return "ethernet"


@reads
def erspan(decoder: Decoder) -> str:
    """Types II and III by their version, whatever announced them."""
    decoder.name("erspan")
    view = decoder.view
    version = view.take(2, TRANSPORT)[0] >> 4
    if version not in (1, 2):
        raise End(UNSUPPORTED, TRANSPORT)
    header = view.take(6 if version == 1 else 10, TRANSPORT)
    if version == 2 and header[9] & 1:  # a platform-specific part
        view.take(8, TRANSPORT)
    return "ethernet"


@reads
def etherip(decoder: Decoder) -> str:
    decoder.name("etherip")
    decoder.view.take(2, TRANSPORT)
    return "ethernet"


@reads
def vxlan(decoder: Decoder) -> str:
    decoder.name("vxlan")
    decoder.view.take(8, TRANSPORT)
    return "ethernet"


@reads
def vxlan_gpe(decoder: Decoder) -> str:
    decoder.name("vxlan")
    return following(NSH_PROTOCOLS, decoder.view.take(8, TRANSPORT)[3], TRANSPORT)


@reads
def geneve(decoder: Decoder) -> str:
    decoder.name("geneve")
    view = decoder.view
    # Quirk: the first two bits are a version, and Wireshark reads on whatever it is.
    header = view.take(8 + (view.data[0] & 0x3F) * 4 if len(view.data) >= 8 else 8, TRANSPORT)
    return ethertype(decoder, u16(header, 2))


@reads
def gtp(decoder: Decoder) -> str | None:
    return _gtp(decoder, "gtp")


@reads
def gtpprime(decoder: Decoder) -> str | None:
    """The port for GTP'. What comes there is read by its first byte all the same."""
    return _gtp(decoder, "gtpprime")


def _gtp(decoder: Decoder, name: str) -> str | None:
    """GTP versions 0 and 1; signalling is payload, a T-PDU is a packet."""
    view = decoder.view
    if not view.data:
        raise End(TRUNCATED, TRANSPORT)
    first = view.data[0]
    version = first >> 5
    if version > 2:
        return None
    decoder.name(name)
    if version == 2:
        return None
    if not first & 0x10 and (version or first & 1):  # GTP', which carries bills
        view.take(6, TRANSPORT)
        return None
    header = view.take(8 if version else 20, TRANSPORT)
    if header[1] != 255:
        return None
    view.clamp(u16(header, 2))
    if version and header[0] & 7:
        following = view.take(4, TRANSPORT)[3] if header[0] & 4 else view.take(4, TRANSPORT) and 0
        while following:
            size = view.data[0] * 4 if view.data else 1
            if size == 0:
                raise End(MALFORMED, TRANSPORT)
            following = view.take(size, TRANSPORT)[-1]
    return _tunnelled_ip(decoder)


def _tunnelled_ip(decoder: Decoder) -> str | None:
    """IP of the version in the first nibble. Wireshark takes the impossible 0x40 to 0x44, and 0x4f, for PPP."""
    view = decoder.view
    if not view.wire:
        return None
    if not view.data:
        raise End(TRUNCATED, TRANSPORT)
    if view.data[0] >> 4 not in (4, 6):
        raise End(UNSUPPORTED, TRANSPORT)
    return "ipv4" if view.data[0] >> 4 == 4 else "ipv6"


@reads
def teredo(decoder: Decoder) -> str | None:
    """An authentication, an origin indication, IPv6: the first two may be missing."""
    decoder.name("teredo")
    view = decoder.view
    if view.data == b"\0":
        view.take(2, TRANSPORT)
    if view.data[:2] == b"\0\1":
        view.take(4 if len(view.data) < 4 else 13 + view.data[2] + view.data[3], TRANSPORT)
    if view.data[:2] == b"\0\0":
        view.take(8, TRANSPORT)
    if not view.data:
        raise End(TRUNCATED if view.wire else MALFORMED, TRANSPORT)
    if view.data[0] >> 4 == 6:
        return "ipv6"
    raise End(UNSUPPORTED, TRANSPORT)


@reads
def l2tp(decoder: Decoder) -> str | None:
    """L2TP version 2; control messages are payload, and a message without length carries no packet in Wireshark."""
    view = decoder.view
    if len(view.data) < 2 <= view.wire:
        raise End(TRUNCATED, TRANSPORT)
    flags = u16(view.data) if len(view.data) >= 2 else 0
    version, control = flags & 15, bool(flags & 0x8000)
    if version not in (2, 3):  # Wireshark does not call it L2TP
        return None
    decoder.name("l2tp")
    if version == 3:
        if not control:
            raise End(UNSUPPORTED, TRANSPORT)
        return None
    size = 6 + 2 * bool(flags & 0x4000) + 4 * bool(flags & 0x0800) + 2 * bool(flags & 0x0200)
    header = view.take(size, TRANSPORT)
    if control:
        return None
    if flags & 0x0200:
        view.give_back(header)
        view.take(size + u16(header, size - 2), TRANSPORT)
    return "ppp" if view.wire else None


@reads
def nsh(decoder: Decoder) -> str:
    """Network service header, RFC 8300."""
    decoder.name("nsh")
    view = decoder.view
    header = view.take(8, TRANSPORT)
    size = (u16(header) & 0x3F) * 4
    if size < 8:
        raise End(MALFORMED, TRANSPORT)
    view.give_back(header)
    view.take(size, TRANSPORT)
    return following(NSH_PROTOCOLS, header[3], TRANSPORT)


@reads
def lisp(decoder: Decoder) -> str | None:
    view = decoder.view
    if len(view.data) < 8:
        if view.wire < 8:
            return None
        raise End(TRUNCATED, TRANSPORT)
    decoder.name("lisp-data")
    view.take(8, TRANSPORT)
    if not view.data:
        raise End(TRUNCATED if view.wire else MALFORMED, TRANSPORT)
    return _tunnelled_ip(decoder)


@reads
def capwap(decoder: Decoder) -> str | None:
    """CAPWAP data, RFC 5415 section 4.3."""
    decoder.name("capwap.data")
    view = decoder.view
    first = view.take(1, TRANSPORT)
    if first[0] & 15 == 1:  # DTLS
        raise End(UNSUPPORTED, TRANSPORT)
    view.give_back(first)
    header = view.take(8, TRANSPORT)
    view.give_back(header)
    view.take(4 * (header[1] >> 3), TRANSPORT)
    if header[3] & 0x08:  # keep-alive
        return None
    if header[3] & 0x80:  # a fragment
        raise End(UNSUPPORTED, TRANSPORT)
    if not header[2] & 1:
        return "ethernet"
    if header[2] >> 1 & 31 != 1:
        raise End(UNSUPPORTED, TRANSPORT)
    decoder.swapped = True
    return "wlan"


@reads
def ayiya(decoder: Decoder) -> str | None:
    """Its port may be any client's: where a method is none that exists, it is none, though Wireshark does not ask."""
    view = decoder.view
    if len(view.data) < 4 <= view.wire:
        raise End(TRUNCATED, TRANSPORT)
    if len(view.data) < 4 or view.data[1] & 15 > 3 or view.data[2] >> 4 > 3:
        return None
    decoder.name("ayiya")
    header = view.data[:4]
    view.take(8 + (1 << (header[0] >> 4)) + 4 * (header[1] >> 4), TRANSPORT)
    if header[2] & 15 != 1:  # forward
        return None
    return following({4: "ipv4", 41: "ipv6"}, header[3], TRANSPORT)


@reads
def tzsp(decoder: Decoder) -> str | None:
    """Its port may be any client's: what does not look like it is none, though Wireshark does not ask."""
    view = decoder.view
    if not view.data and view.wire:
        raise End(TRUNCATED, TRANSPORT)
    if view.data[:1] != b"\x01":
        return None
    decoder.name("tzsp")
    header = view.take(4, TRANSPORT)
    if header[1] in (4, 5):  # keep-alive, open port
        return None
    inside = None if u16(header, 2) == 0 else following(TZSP_LAYERS, u16(header, 2), TRANSPORT)
    while (tag := view.take(1, TRANSPORT)[0]) != 1:
        if tag:
            view.give_back(bytes([tag]))
            field = view.take(2, TRANSPORT)
            view.give_back(field)
            view.take(2 + field[1], TRANSPORT)
    return inside
