"""Headers between Ethernet and what it carries: of providers, data centres, plants and meshes.

Most have a fixed length and end with the ethertype of what follows.
"""
from libc.stdint cimport uint32_t

from cursor cimport cursor_t, lacking, unknown
from link cimport ETHERTYPE_MACSEC, FRAME_CHECK, follow_frame, follow_last_ethertype, follow_type_or_length
from packet cimport DECODE_TRUNCATED, DECODE_UNSUPPORTED, LAYER_LINK, LAYER_NETWORK, decode_status_t, packet_t
from paths cimport KIND_ETHERTYPE, NAME_8021CB, NAME_CMD, NAME_ETAG, NAME_HSR
from wire cimport be16, cut_off, has, skip, view_t

cdef enum:
    MACSEC_VERSION = 0x80
    MACSEC_CHANNEL = 0x20           # a channel identifier of eight bytes follows
    MACSEC_SEALED = 0x0C            # encrypted, or changed in another way
    MACSEC_CHECK = 16               # bytes of the integrity check value
    TIMESTAMP_SUBTYPE = 1           # of Arista's header
    TIMESTAMP_64 = 0x10
    TIMESTAMP_48 = 0x20
    TIMESTAMP_UTC = 0x100
    BATMAN_VERSION = 15
    BATMAN_BROADCAST = 0x01
    BATMAN_UNICAST = 0x40
    BATMAN_UNICAST_4 = 0x42         # with the address of the one who sent it


cdef inline uint32_t tag_length(uint32_t name) noexcept nogil:
    """Bytes of a header up to the ethertype of what follows, which is its last field."""
    if name == NAME_8021CB: return 6        # R-tag, IEEE 802.1CB
    elif name == NAME_HSR: return 6         # IEC 62439-3
    elif name == NAME_ETAG: return 8        # IEEE 802.1BR
    elif name == NAME_CMD: return 8         # Cisco MetaData: a security group
    return 18                               # I-tag and the customer's addresses, IEEE 802.1ah


cdef inline decode_status_t read_tag(cursor_t* cursor, uint32_t name) noexcept nogil:
    """A header that has nothing but the ethertype of what follows for us."""
    cursor.layer = LAYER_LINK
    return follow_last_ethertype(cursor, tag_length(name))


cdef inline decode_status_t read_vn_tag(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Cisco's tag of a virtual port: behind it stands an ethertype or, as behind 802.1Q, a length."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, 6):
        return lacking(view, 6)
    kind = be16(view.data + 4)
    skip(view, 6)
    return follow_type_or_length(cursor, kind)


cdef inline uint32_t macsec_length(const view_t* view) noexcept nogil:
    """Bytes of the security tag; the frame has one at least."""
    return 14 if view.data[0] & MACSEC_CHANNEL else 6


cdef inline bint is_macsec(const view_t* view) noexcept nogil:
    """Whether tshark takes it for MACsec: a version that it knows, and something between tag and check value."""
    return has(view, 1) and not view.data[0] & MACSEC_VERSION and has(view, macsec_length(view) + MACSEC_CHECK + 1)


cdef inline decode_status_t read_macsec(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """MACsec, IEEE 802.1AE. What is only authenticated can be read; the check value behind it is a trailer."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_LINK
    if not is_macsec(view):
        if not has(view, 1):
            return lacking(view, 1)
        if view.data[0] & MACSEC_VERSION or view.size >= view.wire or view.wire <= macsec_length(view) + MACSEC_CHECK:
            return unknown(cursor, KIND_ETHERTYPE, ETHERTYPE_MACSEC, LAYER_NETWORK)
        return DECODE_TRUNCATED
    if view.data[0] & MACSEC_SEALED:
        return DECODE_UNSUPPORTED
    return follow_last_ethertype(cursor, macsec_length(view) + 2)


cdef inline decode_status_t read_arista(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Arista's header of the time at which a switch saw the frame: subtype, version, 48 or 64 bits, ethertype."""
    cdef view_t* view = &cursor.view
    cdef uint32_t version
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    version = be16(view.data + 2) & ~<uint32_t>TIMESTAMP_UTC
    if be16(view.data) != TIMESTAMP_SUBTYPE or (version != TIMESTAMP_64 and version != TIMESTAMP_48):
        return DECODE_UNSUPPORTED
    return follow_last_ethertype(cursor, 14 if version == TIMESTAMP_64 else 12)


cdef inline decode_status_t read_trill(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """TRILL, RFC 6325 section 3.2: six bytes, options in words of four, a frame."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_LINK
    if not has(view, 6):
        return lacking(view, 6)
    return follow_frame(cursor, 6 + (be16(view.data) >> 6 & 0x1F) * 4)


cdef inline decode_status_t read_fabric_path(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Cisco FabricPath: a forwarding tag behind the switches' addresses, a frame, the outer frame's check sequence."""
    cdef decode_status_t status
    cursor.layer = LAYER_LINK
    status = follow_frame(cursor, 2)
    cut_off(&cursor.view, FRAME_CHECK)
    return status


cdef inline decode_status_t read_batman(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """B.A.T.M.A.N. advanced, version 15: of its packets broadcast and unicast carry a frame."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_LINK
    if not has(view, 2):
        return lacking(view, 2)
    if view.data[1] != BATMAN_VERSION:
        return DECODE_UNSUPPORTED
    if view.data[0] == BATMAN_UNICAST:
        return follow_frame(cursor, 10)
    if view.data[0] == BATMAN_UNICAST_4:
        return follow_frame(cursor, 18)
    if view.data[0] == BATMAN_BROADCAST:
        return follow_frame(cursor, 14)
    return DECODE_UNSUPPORTED
