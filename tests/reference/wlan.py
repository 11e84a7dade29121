"""802.11 and the headers that capture programs put in front of it."""

from __future__ import annotations

import struct

from tests.reference.frame import LINK, MALFORMED, UNSUPPORTED, Decoder, End, reads, u32
from tests.reference.numbers import FRAMED_LINK_LAYERS


@reads
def radiotap(decoder: Decoder) -> str:
    decoder.name("radiotap")
    view = decoder.view
    length = struct.unpack("<H", view.data[2:4])[0] if len(view.data) >= 8 else 8
    if length < 8:
        raise End(MALFORMED, LINK)
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
    return "wlan"


def _radio_flags(decoder: Decoder, flags: int) -> None:
    view = decoder.view
    if flags & 0x10:  # the frame check sequence stands at the end
        view.clamp(max(view.wire - 4, 0))
    decoder.radio_pad = bool(flags & 0x20)


@reads
def prism(decoder: Decoder) -> str:
    view = decoder.view
    if len(view.data) >= 4 and u32(view.data, 0) >> 12 == 0x80211:  # AVS, by its magic number; below it the version
        return "avs"
    decoder.name("prism")
    view.take(144, LINK)
    decoder.name("wlan_radio")
    return "wlan"


@reads
def avs(decoder: Decoder) -> str:
    decoder.name("wlancap")
    view = decoder.view
    length = u32(view.data, 4) if len(view.data) >= 8 else 8
    if length < 8:
        raise End(MALFORMED, LINK)
    view.take(length, LINK)
    decoder.name("wlan_radio")
    return "wlan"


@reads
def ppi(decoder: Decoder) -> str:
    decoder.name("ppi")
    view = decoder.view
    _version, _flags, length, link_type = struct.unpack("<BBHI", view.take(8, LINK))
    if length < 8:
        raise End(MALFORMED, LINK)
    fields = view.take(length - 8, LINK)
    while len(fields) >= 4:  # the common 802.11 field (2) has flags: bit 0 is a frame check sequence
        kind, size = struct.unpack_from("<HH", fields)
        if kind == 2 and size >= 10 and len(fields) >= 14 and struct.unpack_from("<H", fields, 12)[0] & 1:
            view.clamp(max(view.wire - 4, 0))
        fields = fields[4 + size :]
    layer = FRAMED_LINK_LAYERS.get(link_type)
    if layer is None:
        raise End(UNSUPPORTED, LINK)
    if layer == "wlan":
        decoder.name("wlan_radio")
    return layer


@reads
def wlan(decoder: Decoder) -> str:
    """An 802.11 frame; data frames that are not encrypted go on with LLC."""
    decoder.name("wlan")
    view = decoder.view
    control = int.from_bytes(view.take(2, LINK), "big" if decoder.swapped else "little")
    padded, decoder.swapped, decoder.radio_pad = decoder.radio_pad, False, False
    kind, subtype = control >> 2 & 3, control >> 4 & 15
    if kind != 2 or control & 3:  # data frames of protocol version 0 alone
        raise End(UNSUPPORTED, LINK)
    length = 22 + (6 if control & 0x300 == 0x300 else 0)  # all four addresses between two access points
    if subtype & 8:  # quality of service
        length += 2 + (4 if control & 0x8000 else 0)
    if padded:
        length += -(length + 2) % 4
    header = view.take(length, LINK)
    if subtype & 4:  # no data
        raise End(UNSUPPORTED, LINK)
    if control & 0x4000:  # encrypted
        raise End(UNSUPPORTED, LINK)
    if subtype & 8 and header[22 + (6 if control & 0x300 == 0x300 else 0)] & 0x80:  # several frames in one
        raise End(UNSUPPORTED, LINK)
    return "llc"
