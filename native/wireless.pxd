"""IEEE 802.11 frames, bare or behind what a radio driver puts in front: radiotap, Prism, AVS."""
from libc.stdint cimport uint32_t

from cursor cimport cursor_t, enter, lacking, unknown
from packet cimport DECODE_MALFORMED, DECODE_OK, LAYER_LINK, decode_status_t, packet_t
from paths cimport KIND_WLAN, NAME_LLC, NAME_WLAN, NAME_WLAN_RADIO
from wire cimport be16, be32, clamp, cut_off, has, le16, le32, skip, view_t

cdef enum:
    AVS_MAGIC = 0x80211
    PRISM_HEADER = 144
    WLAN_DATA = 2


cdef inline decode_status_t read_wlan(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IEEE 802.11: data frames that are not encrypted lead to LLC."""
    cdef view_t* view = &cursor.view
    cdef uint32_t control, flags, quality, length = 24, first = cursor.swapped
    cdef bint padded = cursor.pad
    cursor.swapped = cursor.pad = 0
    cursor.layer = LAYER_LINK
    if not has(view, 2):
        return lacking(view, 2)
    control = view.data[first]
    flags = view.data[1 - first]
    if (control >> 2) & 3 != WLAN_DATA or control & 3:
        return unknown(cursor, KIND_WLAN, (control & 0x0C) << 2 | control >> 4, LAYER_LINK)
    if flags & 3 == 3:
        length += 6         # to and from the distribution system: a fourth address
    if control & 0x80:
        length += 2         # QoS
        if flags & 0x80:
            length += 4     # HT control
    if not has(view, length):
        return lacking(view, length)
    if control & 0x40:
        return DECODE_OK    # null function: no data
    quality = view.data[24 + (6 if flags & 3 == 3 else 0)] if control & 0x80 else 0
    if flags & 0x40:
        # Encrypted.
        return unknown(cursor, KIND_WLAN, (control & 0x0C) << 2 | control >> 4, LAYER_LINK)
    if padded:
        length = (length + 3) & 0xFC
        if not has(view, length):
            return lacking(view, length)
    skip(view, length)
    cursor.next = NAME_LLC
    if quality & 0x80:
        return read_subframe(cursor)
    return DECODE_OK


cdef inline decode_status_t read_subframe(cursor_t* cursor) noexcept nogil:
    """Of several packets in one frame (A-MSDU) the first: two addresses and a length stand before it."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    if not has(view, 14):
        return lacking(view, 14)
    length = be16(view.data + 12)
    skip(view, 14)
    clamp(view, length)
    return DECODE_OK


cdef inline decode_status_t read_radiotap(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Radiotap: of its fields only the flags matter: is the 802.11 header padded, does a checksum follow."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length, present, at = 8, flags = 0
    cursor.layer = LAYER_LINK
    if not has(view, 8):
        return lacking(view, 8)
    length = le16(view.data + 2)
    present = le32(view.data + 4)
    if length < 8:
        return DECODE_MALFORMED
    if not has(view, length):
        return lacking(view, length)
    while length - at >= 4 and le32(view.data + at - 4) >> 31:
        at += 4
    if present & 2:
        if present & 1:
            at = ((at + 7) & ~<uint32_t>7) + 8
        if at < length:
            flags = view.data[at]
    skip(view, length)
    if flags & 0x10:
        cut_off(view, 4)
    cursor.pad = flags & 0x20 != 0
    return follow_wlan_radio(cursor)


cdef inline decode_status_t follow_wlan_radio(cursor_t* cursor) noexcept nogil:
    """The 802.11 frame behind a radio header; tshark gives the radio part an entry of its own."""
    enter(cursor, NAME_WLAN_RADIO)
    cursor.next = NAME_WLAN
    return DECODE_OK


cdef inline bint is_avs(const view_t* view) noexcept nogil:
    """Whether an AVS header stands where a Prism header was announced."""
    return has(view, 4) and be32(view.data) >> 12 == AVS_MAGIC


cdef inline decode_status_t read_prism(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Prism, or an AVS header in its place. Wireshark takes 144 bytes, whatever length the header states."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_LINK
    if is_avs(view):
        return read_avs(cursor, packet)
    if not has(view, PRISM_HEADER):
        return lacking(view, PRISM_HEADER)
    skip(view, PRISM_HEADER)
    return follow_wlan_radio(cursor)


cdef inline decode_status_t read_avs(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """AVS wireless header: version, length."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    cursor.layer = LAYER_LINK
    if not has(view, 8):
        return lacking(view, 8)
    length = be32(view.data + 4)
    if length < 8:
        return DECODE_MALFORMED
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    return follow_wlan_radio(cursor)
