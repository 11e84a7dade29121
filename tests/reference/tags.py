"""Headers between Ethernet and what it carries."""

from __future__ import annotations

from tests.reference.frame import LINK, NETWORK, TRUNCATED, UNSUPPORTED, Decoder, End, reads, u16
from tests.reference.link import ethertype, type_or_length


def _behind(decoder: Decoder, name: str, length: int) -> str:
    """Behind a header that ends with an ethertype."""
    decoder.name(name)
    return ethertype(decoder, u16(decoder.view.take(length, LINK), length - 2))


@reads
def backbone(decoder: Decoder) -> str:
    return _behind(decoder, "ieee8021ah", 18)


@reads
def port_extender(decoder: Decoder) -> str:
    return _behind(decoder, "etag", 8)


@reads
def redundancy_tag(decoder: Decoder) -> str:
    return _behind(decoder, "ieee8021cb", 6)


@reads
def hsr(decoder: Decoder) -> str:
    return _behind(decoder, "hsr", 6)


@reads
def cisco_metadata(decoder: Decoder) -> str:
    return _behind(decoder, "cmd", 8)


@reads
def vn_tag(decoder: Decoder) -> str:
    decoder.name("vntag")
    return type_or_length(decoder, u16(decoder.view.take(6, LINK), 4))


@reads
def macsec(decoder: Decoder) -> str:
    """Readable where it is only authenticated. Quirk: shorter than tag and check value is something else."""
    view = decoder.view
    data = view.data
    if not data:
        view.take(1, LINK)
    size = 14 if data[0] & 0x20 else 6
    if data[0] & 0x80 or len(data) <= size + 16:
        cut = not data[0] & 0x80 and len(data) < view.wire and view.wire > size + 16
        raise End(TRUNCATED if cut else UNSUPPORTED, LINK if cut else NETWORK)
    decoder.name("macsec")
    if data[0] & 0x0C:
        raise End(UNSUPPORTED, LINK)
    return ethertype(decoder, u16(decoder.view.take(size + 2, LINK), size))


@reads
def arista(decoder: Decoder) -> str:
    decoder.name("avsp")
    view = decoder.view
    header = view.take(4, LINK)
    size = {0x10: 8, 0x20: 6}.get(u16(header, 2) & ~0x100)
    if u16(header) != 1 or size is None:
        raise End(UNSUPPORTED, LINK)
    view.give_back(header)
    return ethertype(decoder, u16(view.take(4 + size + 2, LINK), 4 + size))


@reads
def trill(decoder: Decoder) -> str:
    decoder.name("trill")
    view = decoder.view
    header = view.take(6, LINK)
    view.give_back(header)
    view.take(6 + 4 * (u16(header) >> 6 & 31), LINK)
    return "ethernet"


@reads
def fabric_path(decoder: Decoder) -> str:
    """The outer frame's check sequence stands at the end."""
    decoder.name("cfp")
    view = decoder.view
    view.take(2, LINK)
    view.clamp(max(view.wire - 4, 0))
    return "ethernet"


@reads
def batman(decoder: Decoder) -> str:
    decoder.name("batadv")
    view = decoder.view
    header = view.take(2, LINK)
    size = {0x40: 10, 0x42: 18, 0x01: 14}.get(header[0])
    if header[1] != 15 or size is None:
        raise End(UNSUPPORTED, LINK)
    view.give_back(header)
    view.take(size, LINK)
    return "ethernet"
