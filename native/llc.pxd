"""LLC and SNAP, and the local networks beside Ethernet: FDDI, Token Ring, ARCNET, InfiniBand, ATM."""
from libc.stdint cimport uint32_t

from cursor cimport cursor_t, lacking, unknown
from link cimport LINK_ARCNET_LINUX, follow_ethertype, follow_frame, follow_last_ethertype
from packet cimport DECODE_OK, DECODE_UNSUPPORTED, LAYER_LINK, LAYER_NETWORK, decode_status_t, packet_t
from paths cimport (
    KIND_ARCNET, KIND_LLC_OUI, KIND_LLC_SAP, KIND_NLPID, NAME_ARP, NAME_ETH, NAME_FDDI, NAME_IP, NAME_IPV6, NAME_LANE,
    NAME_LLC, NAME_TR,
)
from wire cimport be16, be32, cut_off, has, skip, view_t

cdef enum:
    SNAP_SAP = 0xAA
    OUI_BRIDGED = 0x0080C2
    BRIDGE_PADDING = 2               # behind LLC
    CONTROL_UI = 0x03
    BRIDGE_CHECKSUM = 4              # bytes behind a bridged frame of Ethernet
    AP1394_HEADER = 18               # two addresses of eight bytes, an ethertype
    SUNATM_UNKNOWN = 0               # what a circuit carries
    SUNATM_LANE = 1
    SUNATM_LLC = 2
    LANE_CONTROL = 0xFF00


cdef inline decode_status_t read_llc(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IEEE 802.2 LLC, with SNAP behind it where both SAPs say so."""
    cdef view_t* view = &cursor.view
    cdef uint32_t sap, length
    cdef bint snap, bridged
    cursor.layer = LAYER_LINK
    if not has(view, 3):
        return lacking(view, 3)
    sap = view.data[0]
    # Unnumbered frames have one control byte, all others two. Only UI and I frames carry packets; but what is bridged
    # tshark reads behind any.
    length = 3 if view.data[2] & 3 == 3 else 4
    if not has(view, length):
        return lacking(view, length)
    snap = sap == SNAP_SAP and view.data[1] == SNAP_SAP
    bridged = snap and has(view, length + 5) and be32(view.data + length) >> 8 == OUI_BRIDGED
    if view.data[2] & 1 and view.data[2] != CONTROL_UI and not bridged:
        return unknown(cursor, KIND_LLC_SAP, sap, LAYER_NETWORK)
    if not snap:
        return follow_sap(cursor, sap, length)
    skip(view, length)
    return read_snap(cursor, BRIDGE_PADDING)


cdef inline decode_status_t follow_bridged(cursor_t* cursor, uint32_t kind, uint32_t padding) noexcept nogil:
    """A frame of another network, with its checksum or without (RFC 2684 section 5.2, RFC 2427 section 4.2)."""
    if kind == 1 or kind == 7:
        if kind == 1:
            cut_off(&cursor.view, BRIDGE_CHECKSUM)
        cursor.next = NAME_ETH
    elif kind == 3 or kind == 9:
        cursor.next = NAME_TR
    elif kind == 4 or kind == 10:
        cursor.next = NAME_FDDI
        padding += 1                 # in place of Token Ring's access control
    else:
        return unknown(cursor, KIND_LLC_OUI, OUI_BRIDGED, LAYER_NETWORK)
    if not has(&cursor.view, padding):
        return lacking(&cursor.view, padding)
    skip(&cursor.view, padding)
    return DECODE_OK


cdef inline decode_status_t follow_sap(cursor_t* cursor, uint32_t sap, uint32_t length) noexcept nogil:
    """What an LLC service access point announces behind a header of `length` bytes."""
    cdef view_t* view = &cursor.view
    if sap != 0x06 and sap != 0xFE:
        return unknown(cursor, KIND_LLC_SAP, sap, LAYER_NETWORK)
    if not has(view, length + 1):
        return lacking(view, length + 1)
    skip(view, length)
    if sap == 0x06:
        cursor.next = NAME_IP
        return DECODE_OK
    # Routed ISO protocols name themselves by an NLPID (RFC 2684 section 5.1).
    length = view.data[0]
    if length != 0xCC and length != 0x8E:
        return unknown(cursor, KIND_NLPID, length, LAYER_NETWORK)
    skip(view, 1)
    cursor.next = NAME_IP if length == 0xCC else NAME_IPV6
    return DECODE_OK


cdef inline decode_status_t read_snap(cursor_t* cursor, uint32_t padding) noexcept nogil:
    """A SNAP header, behind LLC or without; padding: bytes between it and a bridged frame."""
    cdef view_t* view = &cursor.view
    cdef uint32_t oui, kind
    if not has(view, 5):
        return lacking(view, 5)
    oui = be32(view.data) >> 8
    kind = be16(view.data + 3)
    skip(view, 5)
    if oui == 0x000000 or oui == 0x0000F8:      # Cisco's, likewise
        return follow_ethertype(cursor, kind)
    if oui == OUI_BRIDGED:
        return follow_bridged(cursor, kind, padding)
    return unknown(cursor, KIND_LLC_OUI, oui, LAYER_NETWORK)


cdef inline decode_status_t read_fddi(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """FDDI: frame control and two addresses; only LLC frames carry packets."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_LINK
    if not has(view, 13):
        return lacking(view, 13)
    if view.data[0] & 0xF0 != 0x50:
        return DECODE_UNSUPPORTED
    skip(view, 13)
    cursor.next = NAME_LLC
    return DECODE_OK


cdef inline decode_status_t read_token_ring(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Token Ring, IEEE 802.5: access control, frame control, two addresses, and a route where the source says so."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length = 14
    cursor.layer = LAYER_LINK
    if not has(view, 15):
        return lacking(view, 15)
    if view.data[1] >> 6 != 1:       # not LLC's, but the ring's own
        return DECODE_UNSUPPORTED
    if view.data[8] & 0x80:
        length += view.data[14] & 0x1F
        if not has(view, length):
            return lacking(view, length)
    skip(view, length)
    cursor.next = NAME_LLC
    return DECODE_OK


cdef inline decode_status_t read_ap1394(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IP over IEEE 1394 as Apple captures it."""
    cursor.layer = LAYER_LINK
    return follow_last_ethertype(cursor, AP1394_HEADER)


cdef inline decode_status_t read_sunatm(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """ATM: a byte of direction and kind, the circuit, and what was put together of its cells."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    kind = view.data[0] & 0x0F
    skip(view, 4)
    if kind == SUNATM_UNKNOWN:
        if not has(view, 3):
            return lacking(view, 3)
        if be16(view.data) == 0xAAAA and view.data[2] == CONTROL_UI:
            kind = SUNATM_LLC
    if kind == SUNATM_LLC:
        cursor.next = NAME_LLC
    elif kind == SUNATM_LANE:
        cursor.next = NAME_LANE
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline decode_status_t read_lane(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """LAN emulation over ATM: who sent a frame of Ethernet, or a frame of its own control."""
    cursor.layer = LAYER_LINK
    if not has(&cursor.view, 2):
        return lacking(&cursor.view, 2)
    if be16(cursor.view.data) == LANE_CONTROL:
        return DECODE_UNSUPPORTED
    return follow_frame(cursor, 2)


cdef inline decode_status_t read_arcnet(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """ARCNET, RFC 1201 and 1051; Linux puts an offset before the protocol, BSD may send an exception frame."""
    cdef view_t* view = &cursor.view
    cdef uint32_t protocol
    cdef uint32_t length = 5 if packet.link_type == LINK_ARCNET_LINUX else 3
    cursor.layer = LAYER_LINK
    if not has(view, length):
        return lacking(view, length)
    protocol = view.data[length - 1]
    skip(view, length)
    # RFC 1051 and diagnosis know no fragments; all others, whatever they are, begin with two fields for them.
    if protocol != 240 and protocol != 241 and protocol != 205 and protocol != 128:
        length = 3
        if packet.link_type != LINK_ARCNET_LINUX and has(view, 1) and view.data[0] == 0xFF:
            length = 7
        if not has(view, length):
            return lacking(view, length)
        skip(view, length)
    if protocol == 212 or protocol == 240:
        cursor.next = NAME_IP
    elif protocol == 213 or protocol == 214 or protocol == 241:
        cursor.next = NAME_ARP
    elif protocol == 196:
        cursor.next = NAME_IPV6
    elif protocol == 205:
        cursor.next = NAME_LLC      # BACnet
    else:
        return unknown(cursor, KIND_ARCNET, protocol, LAYER_NETWORK)
    return DECODE_OK


cdef inline decode_status_t read_ipoib(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IP over InfiniBand: two addresses of 20 bytes, then an ethertype and two reserved bytes (RFC 4391)."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, 44):
        return lacking(view, 44)
    kind = be16(view.data + 40)
    skip(view, 44)
    return follow_ethertype(cursor, kind)


cdef inline decode_status_t read_clip(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Classical IP over ATM as Linux hands it over: no header at all."""
    cursor.layer = LAYER_LINK
    cursor.next = NAME_IP
    return DECODE_OK
