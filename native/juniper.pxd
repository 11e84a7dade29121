"""What Juniper's routers put in front of the frames that they capture."""
from libc.stdint cimport uint32_t

from cursor cimport cursor_t, lacking
from link cimport LINK_JUNIPER_CHDLC, LINK_JUNIPER_ETHER, LINK_JUNIPER_FRELAY, LINK_JUNIPER_PPP
from packet cimport DECODE_OK, DECODE_UNSUPPORTED, LAYER_LINK, decode_status_t, packet_t
from paths cimport NAME_CHDLC, NAME_ETH, NAME_FR, NAME_IP, NAME_IPV6, NAME_MPLS, NAME_PPP
from wire cimport be16, be32, has, le32, skip, view_t

cdef enum:
    JUNIPER_MAGIC = 0x4D4743        # "MGC"
    JUNIPER_WITHOUT_LINK = 0x02     # no link layer: a number says what follows
    JUNIPER_EXTENDED = 0x80         # tagged fields behind the flags


cdef inline decode_status_t read_juniper(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Magic, flags, extensions. Without the magic tshark goes on as if there were no header."""
    cdef view_t* view = &cursor.view
    cdef uint32_t flags, length = 4
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    if be32(view.data) >> 8 != JUNIPER_MAGIC:
        return follow_juniper_link(cursor, packet.link_type)
    flags = view.data[3]
    if flags & JUNIPER_EXTENDED:
        if not has(view, 6):
            return lacking(view, 6)
        length = 6 + be16(view.data + 4)
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    if flags & JUNIPER_WITHOUT_LINK:
        return follow_juniper_number(cursor)
    return follow_juniper_link(cursor, packet.link_type)


cdef inline decode_status_t follow_juniper_link(cursor_t* cursor, uint32_t link_type) noexcept nogil:
    """The link layer of the interface. PPP has its address and control. Of services, cells and bundles none is read."""
    if link_type == LINK_JUNIPER_ETHER:
        cursor.next = NAME_ETH
    elif link_type == LINK_JUNIPER_FRELAY:
        cursor.next = NAME_FR
    elif link_type == LINK_JUNIPER_CHDLC:
        cursor.next = NAME_CHDLC
    elif link_type == LINK_JUNIPER_PPP:
        if not has(&cursor.view, 2):
            return lacking(&cursor.view, 2)
        skip(&cursor.view, 2)
        cursor.next = NAME_PPP
        cursor.bare = 1
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline decode_status_t follow_juniper_number(cursor_t* cursor) noexcept nogil:
    """What follows where there is no link layer: IPv4, MPLS, IPv6, each with more than one number."""
    cdef view_t* view = &cursor.view
    cdef uint32_t number
    if not has(view, 4):
        return lacking(view, 4)
    number = le32(view.data)
    skip(view, 4)
    if number == 2 or number == 3:
        cursor.next = NAME_IP
        cursor.by_ethertype = 1
    elif number == 4 or number == 5 or number == 8:
        cursor.next = NAME_MPLS
    elif number == 6 or number == 7:
        cursor.next = NAME_IPV6
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK
