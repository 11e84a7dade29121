"""Headers that never were on a wire: the capturing host made them up to say what it saw, and where."""
from libc.stdint cimport uint8_t, uint32_t

from cursor cimport cursor_t, enter, lacking, unknown
from link cimport ETHERTYPE_FIRST, LINK_LOOP, LINK_SLL2, LINK_USER2, LINK_WLAN, follow_ethertype, layer_of_link_type
from packet cimport (
    DECODE_MALFORMED, DECODE_OK, DECODE_UNSUPPORTED, LAYER_LINK, LAYER_NETWORK, decode_status_t, packet_t,
)
from paths cimport (
    KIND_FAMILY, KIND_LINK_TYPE, NAME_ARCNET, NAME_ARP, NAME_ETH, NAME_IP, NAME_IPV6, NAME_JUNIPER, NAME_LLC,
    NAME_NETFILTER, NAME_NFLOG, NAME_NONE, NAME_PKTAP, NAME_PPP, NAME_USER_DLT,
)
from wire cimport be16, be32, be64, clamp, has, le16, le32, skip, view_t
from wireless cimport follow_wlan_radio

cdef enum:
    SLL_ETHERNET = 3            # Linux numbers these itself: they have no ethertype
    SLL_LLC = 4
    SLL_PPP = 7
    IRIX_END = 0x00060000       # families below 6 in the upper half of the word
    NETLINK_HEADERS = 32        # the cooked one and a message's
    NETLINK_MESSAGE = 16
    NETLINK_NETFILTER = 12      # the family, in the cooked header
    NETFILTER_QUEUED = 0x0300   # message types: a packet for a queue, a packet for the log
    NETFILTER_LOGGED = 0x0400
    PKTAP_LEAST = 108           # bytes of Apple's structure
    LOG_PAYLOAD = 9             # kinds of attributes
    QUEUE_PAYLOAD = 10


cdef inline decode_status_t read_sll(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Linux cooked capture, both versions."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cdef uint32_t length = 20 if packet.link_type == LINK_SLL2 else 16
    cursor.layer = LAYER_LINK
    if not has(view, length):
        return lacking(view, length)
    kind = be16(view.data) if length == 20 else be16(view.data + 14)
    skip(view, length)
    if kind == SLL_ETHERNET or kind == SLL_LLC or kind == SLL_PPP:
        cursor.next = NAME_ETH if kind == SLL_ETHERNET else NAME_LLC if kind == SLL_LLC else NAME_PPP
        return DECODE_OK
    return follow_ethertype(cursor, kind)


cdef inline decode_status_t follow_bsd_family(cursor_t* cursor, uint32_t family) noexcept nogil:
    """What a BSD address family announces; some systems put an ethertype in its place."""
    if family == 2:
        cursor.next = NAME_IP
    elif family == 24 or family == 28 or family == 30:
        cursor.next = NAME_IPV6
    elif family >= ETHERTYPE_FIRST:
        return follow_ethertype(cursor, family & 0xFFFF)
    else:
        return unknown(cursor, KIND_FAMILY, family, LAYER_NETWORK)
    return DECODE_OK


cdef inline bint is_ppp(const view_t* view) noexcept nogil:
    """Whether a PPP frame with address and control stands where loopback or raw IP was announced (old Linux)."""
    return has(view, 2) and be16(view.data) == 0xFF03


cdef inline decode_status_t read_null(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """BSD loopback: an address family in the capturing host's byte order.

    IPv6 has another number on every BSD: 24 NetBSD and OpenBSD, 28 FreeBSD, 30 macOS.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t family
    if packet.link_type == LINK_LOOP:
        return read_loop(cursor, packet)
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    if is_ppp(view):
        cursor.next = NAME_PPP
        return DECODE_OK
    family = null_family(view.data)
    skip(view, 4)
    return follow_bsd_family(cursor, family)


cdef inline uint32_t null_family(const uint8_t* at) noexcept nogil:
    """The family in a NULL header of either byte order, as tshark guesses it on a little-endian machine."""
    cdef uint32_t family = le32(at)
    # IRIX has 16 bits of family in front, in its own byte order or in the other.
    if family >> 16 and family < IRIX_END:
        return family >> 16
    if family >> 16:
        return be32(at)
    if family & 0xFF == 0 and family < ETHERTYPE_FIRST:
        return family >> 8
    return family


cdef inline decode_status_t read_loop(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """OpenBSD loopback: the family is big-endian, and never an ethertype."""
    cdef view_t* view = &cursor.view
    cdef uint32_t family
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    family = be32(view.data)
    if family >= ETHERTYPE_FIRST:
        return unknown(cursor, KIND_FAMILY, family, LAYER_NETWORK)
    skip(view, 4)
    return follow_bsd_family(cursor, family)


cdef inline decode_status_t read_raw(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """No link header: the first nibble is the IP version."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_LINK
    if not has(view, 1):
        return lacking(view, 1)
    if view.data[0] >> 4 == 4:
        cursor.next = NAME_IP
    elif view.data[0] >> 4 == 6:
        cursor.next = NAME_IPV6
    elif is_ppp(view):
        cursor.next = NAME_PPP
    elif has(view, 8) and be16(view.data + 6) == 0xFF03:
        # As tshark: PPP behind six bytes of something, IP behind ten zero bytes.
        skip(view, 6)
        cursor.next = NAME_PPP
    elif has(view, 10) and be64(view.data) == 0 and be16(view.data + 8) == 0:
        skip(view, 10)
        cursor.next = NAME_IP
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline decode_status_t read_enc(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """OpenBSD's view into IPsec: an address family in the host's byte order, SPI, flags."""
    cdef view_t* view = &cursor.view
    cdef uint32_t family
    cursor.layer = LAYER_LINK
    if not has(view, 12):
        return lacking(view, 12)
    family = be32(view.data)
    if family >> 16:
        family = le32(view.data) & 0xFFFF
    skip(view, 12)
    return follow_bsd_family(cursor, family)


cdef inline decode_status_t read_pflog(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """The log of BSD's packet filter: the header's length without padding, then an address family."""
    cdef view_t* view = &cursor.view
    cdef uint32_t family, length
    cursor.layer = LAYER_LINK
    if not has(view, 2):
        return lacking(view, 2)
    length = (<uint32_t>view.data[0] + 3) & 0x1FC
    family = view.data[1]
    if length < 4:
        return DECODE_MALFORMED
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    return follow_bsd_family(cursor, family)


cdef inline decode_status_t read_ipnet(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Solaris IP observability: 24 bytes, among them the address family and the packet's length."""
    cdef view_t* view = &cursor.view
    cdef uint32_t family, length
    cursor.layer = LAYER_LINK
    if not has(view, 24):
        return lacking(view, 24)
    family = view.data[1]
    length = be32(view.data + 4)
    skip(view, 24)
    clamp(view, length)
    if family == 2:
        cursor.next = NAME_IP
    elif family == 26:
        cursor.next = NAME_IPV6
    else:
        return unknown(cursor, KIND_FAMILY, family, LAYER_NETWORK)
    return DECODE_OK


cdef inline decode_status_t read_nflog(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Linux NFLOG: a family, then attributes."""
    return read_attributes(cursor, LOG_PAYLOAD, 0)


cdef inline decode_status_t read_netlink(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Linux netlink: behind a cooked header messages in the host's byte order, those of netfilter with packets inside.

    Of several messages in a frame the first is read.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t family, length, kind
    cursor.layer = LAYER_LINK
    if not has(view, NETLINK_HEADERS):
        return lacking(view, NETLINK_HEADERS)
    family = be16(view.data + 14)
    if family != NETLINK_NETFILTER:
        return unknown(cursor, KIND_FAMILY, family, LAYER_NETWORK)
    enter(cursor, NAME_NETFILTER)
    length = le32(view.data + 16)
    kind = le16(view.data + 20)
    if length > be32(view.data + 16):
        length = be32(view.data + 16)
        kind = be16(view.data + 20)
    if length < NETLINK_MESSAGE:
        return DECODE_MALFORMED
    skip(view, NETLINK_HEADERS)
    clamp(view, length - NETLINK_MESSAGE)
    if kind == NETFILTER_LOGGED:
        cursor.next = NAME_NFLOG
        return DECODE_OK
    if kind == NETFILTER_QUEUED:
        return read_attributes(cursor, QUEUE_PAYLOAD, 4)
    return DECODE_UNSUPPORTED


cdef inline decode_status_t read_attributes(cursor_t* cursor, uint32_t payload, uint32_t number) noexcept nogil:
    """A netfilter family and its attributes in the host's byte order; that of kind `payload` holds the packet.

    One holds a bridged packet's ethertype, behind `number` bytes of packet number.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t family, length, kind, ethertype = 0
    cdef bint little
    cursor.layer = LAYER_LINK
    if not has(view, 8):
        return lacking(view, 8)
    family = view.data[0]
    skip(view, 4)
    # A sound length is small: read in the wrong order it is at least 1024.
    little = le16(view.data) < be16(view.data)
    while True:
        if not has(view, 4):
            return lacking(view, 4)
        length = le16(view.data) if little else be16(view.data)
        kind = (le16(view.data + 2) if little else be16(view.data + 2)) & 0x7FFF
        if length < 4:
            return DECODE_MALFORMED
        if kind == payload:
            clamp(view, length)
            skip(view, 4)
            return follow_family(cursor, family, ethertype)
        if kind == 1 and length >= number + 6 and has(view, number + 6):
            ethertype = be16(view.data + number + 4)
        # Attributes are padded to four bytes.
        length = (length + 3) & 0xFFFC
        if not has(view, length) or length == 0:
            return lacking(view, length)
        skip(view, length)


cdef inline decode_status_t follow_family(cursor_t* cursor, uint32_t family, uint32_t ethertype) noexcept nogil:
    """What a netfilter family announces; bridged packets are named by their ethertype."""
    if family == 2:
        cursor.next = NAME_IP
    elif family == 10:
        cursor.next = NAME_IPV6
    elif family == 3:
        cursor.next = NAME_ARP
    elif family == 7:
        return follow_ethertype(cursor, ethertype)
    else:
        return unknown(cursor, KIND_FAMILY, family, LAYER_NETWORK)
    return DECODE_OK


cdef inline decode_status_t follow_link_type(cursor_t* cursor, uint32_t link_type) noexcept nogil:
    """The frame inside a frame; not where only the record's link type tells two forms of a header apart."""
    if link_type == LINK_WLAN:
        return follow_wlan_radio(cursor)
    cursor.next = layer_of_link_type(link_type)
    if cursor.next == NAME_ARCNET or cursor.next == NAME_USER_DLT or cursor.next == NAME_JUNIPER \
            or link_type == LINK_SLL2:
        cursor.next = NAME_NONE
    if cursor.next == NAME_NONE:
        return unknown(cursor, KIND_LINK_TYPE, link_type, LAYER_LINK)
    return DECODE_OK


cdef inline decode_status_t read_ppi(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Per-packet information: a length and the link type of what follows, both little-endian."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length, link_type
    cursor.layer = LAYER_LINK
    if not has(view, 8):
        return lacking(view, 8)
    length = le16(view.data + 2)
    link_type = le32(view.data + 4)
    if length < 8:
        return DECODE_MALFORMED
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    return follow_link_type(cursor, link_type)


cdef inline decode_status_t read_user_dlt(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """The link types for private use; under one of them Apple's tcpdump wrote PKTAP."""
    cursor.layer = LAYER_LINK
    if packet.link_type != LINK_USER2:
        return unknown(cursor, KIND_LINK_TYPE, packet.link_type, LAYER_LINK)
    cursor.next = NAME_PKTAP
    return DECODE_OK


cdef inline decode_status_t read_pktap(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Apple PKTAP: the header's length, a record type (1: a packet) and a link type, little-endian."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length, link_type
    cursor.layer = LAYER_LINK
    if not has(view, 12):
        return lacking(view, 12)
    length = le32(view.data)
    link_type = le32(view.data + 8)
    if length < PKTAP_LEAST:
        return DECODE_MALFORMED
    if not has(view, length):
        return lacking(view, length)
    if le32(view.data + 4) != 1:
        return DECODE_UNSUPPORTED
    skip(view, length)
    return follow_link_type(cursor, link_type)
