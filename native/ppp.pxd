"""Point-to-point links: PPP, Cisco HDLC, Frame Relay."""
from libc.stdint cimport uint32_t

from cursor cimport cursor_t, lacking, unknown
from link cimport (
    ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS, ETHERTYPE_MPLS_UPPER, layer_of_ethertype,
)
from llc cimport BRIDGE_CHECKSUM, read_snap
from packet cimport DECODE_OK, DECODE_UNSUPPORTED, LAYER_LINK, LAYER_NETWORK, decode_status_t, packet_t
from paths cimport (
    KIND_ETHERTYPE, KIND_NLPID, KIND_PPP, NAME_BCP, NAME_CHDLC, NAME_ETH, NAME_IP, NAME_IPV6, NAME_MP, NAME_MPLS,
    NAME_PPP,
)
from wire cimport be16, cut_off, has, skip, view_t

cdef enum:
    CONTROL_UNNUMBERED = 3          # its lower two bits are those of every unnumbered frame
    CONTROL_XID = 0xAF
    BRIDGE_CONTROL = 0x10
    BRIDGE_CHECKED = 0x80           # the frame has its checksum
    LAN_ETHERNET = 1
    MULTILINK_WHOLE = 0xC0          # begin and end of a packet


cdef inline bint is_chdlc(const view_t* view) noexcept nogil:
    """Whether Cisco HDLC stands where PPP was announced: its two addresses are no PPP protocols."""
    return view.size != 0 and (view.data[0] == 0x0F or view.data[0] == 0x8F)


cdef inline decode_status_t read_ppp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """PPP, RFC 1661, with or without address and control (RFC 1662) and with a protocol field of one byte or two."""
    cdef view_t* view = &cursor.view
    cdef bint bare = cursor.bare
    cursor.layer = LAYER_LINK
    cursor.bare = 0
    if not bare and is_chdlc(view):
        cursor.next = NAME_CHDLC
        return DECODE_OK
    if not has(view, 1):
        return lacking(view, 1)
    if not bare and view.data[0] == 0xFF:
        # The control byte should be 3; tshark does not ask.
        if not has(view, 3):
            return lacking(view, 3)
        skip(view, 2)
    return follow_ppp_protocol(cursor)


cdef inline decode_status_t follow_ppp_protocol(cursor_t* cursor) noexcept nogil:
    """The protocol field, of one byte or two."""
    cdef view_t* view = &cursor.view
    cdef uint32_t protocol
    if not has(view, 1):
        return lacking(view, 1)
    protocol = view.data[0]
    if protocol & 1:
        # An odd first byte is a compressed protocol field.
        skip(view, 1)
    else:
        if not has(view, 2):
            return lacking(view, 2)
        protocol = be16(view.data)
        skip(view, 2)
    # Some implementations put an ethertype in the protocol's place.
    if protocol == 0x21 or protocol == ETHERTYPE_IPV4:
        cursor.next = NAME_IP
    elif protocol == 0x57 or protocol == ETHERTYPE_IPV6:
        cursor.next = NAME_IPV6
    elif protocol == 0x0281 or protocol == 0x0283:
        cursor.next = NAME_MPLS
    elif protocol == 0x31:
        cursor.next = NAME_BCP
    elif protocol == 0x3D:
        cursor.next = NAME_MP
    else:
        return unknown(cursor, KIND_PPP, protocol, LAYER_NETWORK)
    return DECODE_OK


cdef inline decode_status_t read_bridged(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """A bridged frame, RFC 3518 section 4.2: flags with the number of pad bytes behind the frame, type of the LAN."""
    cdef view_t* view = &cursor.view
    cdef uint32_t flags, kind
    cursor.layer = LAYER_LINK
    if not has(view, 2):
        return lacking(view, 2)
    flags = view.data[0]
    kind = view.data[1]
    skip(view, 2)
    if flags & BRIDGE_CONTROL or kind != LAN_ETHERNET:
        return DECODE_UNSUPPORTED
    cut_off(view, (flags & 0x0F) + (BRIDGE_CHECKSUM if flags & BRIDGE_CHECKED else 0))
    cursor.next = NAME_ETH
    return DECODE_OK


cdef inline decode_status_t read_multilink(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Multilink PPP, RFC 1990, with the long sequence number: a whole packet can be read, a fragment not.

    Of one that was cut, tshark knows no more than what was captured; here its own lengths are believed, as elsewhere.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t flags
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    flags = view.data[0]
    skip(view, 4)
    if flags & MULTILINK_WHOLE != MULTILINK_WHOLE:
        return DECODE_UNSUPPORTED
    return follow_ppp_protocol(cursor)


cdef inline decode_status_t read_chdlc(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Cisco HDLC: address, control, ethertype."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    kind = be16(view.data + 2)
    skip(view, 4)
    return follow_cisco(cursor, kind)


cdef inline decode_status_t follow_cisco(cursor_t* cursor, uint32_t kind) noexcept nogil:
    """What Cisco's routers send behind an ethertype on serial lines, Frame Relay too. RARP's is a keep-alive."""
    if kind == ETHERTYPE_IPV4 or kind == ETHERTYPE_IPV6 or kind == ETHERTYPE_MPLS or kind == ETHERTYPE_MPLS_UPPER \
            or kind == ETHERTYPE_ETHERNET:
        cursor.next = layer_of_ethertype(kind)
        return DECODE_OK
    return unknown(cursor, KIND_ETHERTYPE, kind, LAYER_NETWORK)


cdef inline decode_status_t read_frame_relay(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Frame Relay, RFC 2427: an address of two to four bytes, then UI and an NLPID, or Cisco's ethertype."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cdef uint32_t length = 1
    cursor.layer = LAYER_LINK
    # The last address byte has its lowest bit set.
    while has(view, length) and not view.data[length - 1] & 1 and length < 4:
        length += 1
    if not has(view, length + 1):
        return lacking(view, length + 1)
    kind = view.data[length]
    if kind & 0xEF == 0 or kind == CONTROL_XID:
        # Nothing that carries a packet, and no ethertype begins so.
        return unknown(cursor, KIND_NLPID, kind, LAYER_NETWORK)
    if not has(view, length + 2):
        return lacking(view, length + 2)
    skip(view, length)
    if kind & CONTROL_UNNUMBERED != CONTROL_UNNUMBERED:
        kind = be16(view.data)
        skip(view, 2)
        return follow_cisco(cursor, kind)
    kind = view.data[1]
    skip(view, 2)
    if kind == 0:
        # A pad byte aligns what follows.
        if not has(view, 1):
            return lacking(view, 1)
        kind = view.data[0]
        skip(view, 1)
    if kind == 0xCC:
        cursor.next = NAME_IP
        return DECODE_OK
    if kind == 0x8E:
        cursor.next = NAME_IPV6
        return DECODE_OK
    if kind == 0xCF:
        cursor.next = NAME_PPP
        cursor.bare = 1
        return DECODE_OK
    if kind == 0x80:
        return read_snap(cursor, 0)
    return unknown(cursor, KIND_NLPID, kind, LAYER_NETWORK)
