"""Encapsulations: to the packet inside."""

from __future__ import annotations

from tests.reference.frame import (
    LINK,
    MALFORMED,
    NETWORK,
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
GRE_PROTOCOLS = {
    0x800: "ipv4",
    0x86DD: "ipv6",
    0x880B: "ppp",
    0x6558: "ethernet",
    0x6400: "ethernet",
    0x8847: "mpls",
    0x8848: "mpls",
    0x22EB: "erspan3",
    0x0806: "arp",
    0x894F: "nsh",
    0x88D2: "ppp",
    0x8881: "ppp",
    0x8909: "cisco_metadata",
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
    if protocol == 0x88BE:
        return "erspan2" if flags & 0x1000 else "erspan1"
    if 0x8200 <= protocol <= 0x8370 and protocol % 16 == 0:  # Aruba's access points
        return "wlan"
    if protocol == 0x883E:  # WCCP: a redirect header unless IP stands there already
        if view.data[:1] and view.data[0] >> 4 != 4:
            view.take(4, TRANSPORT)
        return "ipv4"
    return following(GRE_PROTOCOLS, protocol)


@reads
def erspan1(decoder: Decoder) -> str:
    decoder.name("erspan")
    return "ethernet"


@reads
def erspan2(decoder: Decoder) -> str:
    decoder.name("erspan")
    decoder.view.take(8, NETWORK)
    return "ethernet"


@reads
def erspan3(decoder: Decoder) -> str:
    decoder.name("erspan")
    header = decoder.view.take(12, NETWORK)
    if header[11] & 1:  # a platform-specific part
        decoder.view.take(8, NETWORK)
    return "ethernet"


@reads
def etherip(decoder: Decoder) -> str:
    decoder.name("etherip")
    decoder.view.take(2, NETWORK)
    return "ethernet"


@reads
def vxlan(decoder: Decoder) -> str:
    decoder.name("vxlan")
    decoder.view.take(8, TRANSPORT)
    return "ethernet"


@reads
def vxlan_gpe(decoder: Decoder) -> str:
    decoder.name("vxlan")
    return following(NSH_PROTOCOLS, decoder.view.take(8, TRANSPORT)[3])


@reads
def geneve(decoder: Decoder) -> str:
    decoder.name("geneve")
    header = decoder.view.take(8, TRANSPORT)
    if header[0] >> 6:
        raise End(UNSUPPORTED, TRANSPORT)
    decoder.view.take((header[0] & 0x3F) * 4, TRANSPORT)
    return ethertype(decoder, u16(header, 2))


@reads
def gtp(decoder: Decoder) -> str | None:
    """GTP version 1; signalling is payload, a T-PDU is a packet."""
    view = decoder.view
    if view.data[:1] and view.data[0] >> 5 == 0:
        return "gtp0"
    if view.data[:1] and view.data[0] >> 5 != 1:
        return None
    decoder.name("gtp")
    header = view.take(8, TRANSPORT)
    if header[1] != 255 or not header[0] & 0x10:
        return None
    view.clamp(u16(header, 2))
    if header[0] & 7:
        following = view.take(4, TRANSPORT)[3] if header[0] & 4 else view.take(4, TRANSPORT) and 0
        while following:
            size = view.take(1, TRANSPORT)[0] * 4
            if size == 0:
                raise End(MALFORMED, TRANSPORT)
            following = view.take(size - 1, TRANSPORT)[-1]
    return _tunnelled_ip(decoder)


@reads
def gtp0(decoder: Decoder) -> str | None:
    """GTP version 0 has a header of twenty bytes."""
    decoder.name("gtpprime")
    header = decoder.view.take(20, TRANSPORT)
    decoder.view.clamp(u16(header, 2))
    return _tunnelled_ip(decoder) if header[1] == 255 else None


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
    decoder.name("teredo")
    view = decoder.view
    while view.data[:1] == b"\0":
        kind = u16(view.take(2, TRANSPORT))
        if kind == 0:
            view.take(6, TRANSPORT)
        elif kind == 1:
            sizes = view.take(2, TRANSPORT)
            view.take(sizes[0] + sizes[1] + 9, TRANSPORT)
        else:
            raise End(UNSUPPORTED, TRANSPORT)
    if not view.data:
        raise End(TRUNCATED if view.wire else MALFORMED, TRANSPORT)
    if view.data[0] >> 4 == 6:
        return "ipv6"
    raise End(UNSUPPORTED, TRANSPORT)


@reads
def l2tp(decoder: Decoder) -> str | None:
    """L2TP version 2; control messages are payload, and a message without length carries no packet in Wireshark."""
    decoder.name("l2tp")
    view = decoder.view
    flags = u16(view.take(2, TRANSPORT))
    if flags & 15 != 2 or flags & 0x8000:
        return None
    if flags & 0x4000:
        view.take(2, TRANSPORT)
    view.take(4, TRANSPORT)
    if flags & 0x0800:
        view.take(4, TRANSPORT)
    if flags & 0x0200:
        view.take(u16(view.take(2, TRANSPORT)), TRANSPORT)
    return "ppp" if view.wire else None


@reads
def nsh(decoder: Decoder) -> str:
    """Network service header, RFC 8300."""
    decoder.name("nsh")
    header = decoder.view.take(4, NETWORK)
    size = (u16(header) & 0x3F) * 4
    if size < 8:
        raise End(MALFORMED, NETWORK)
    decoder.view.take(size - 4, NETWORK)
    return following(NSH_PROTOCOLS, header[3])


@reads
def cisco_metadata(decoder: Decoder) -> str:
    decoder.name("cmd")
    decoder.view.take(6, LINK)
    return ethertype(decoder, u16(decoder.view.take(2, LINK)))
