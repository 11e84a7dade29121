"""Link layers: from a link type to an ethertype, an IP version or a PPP protocol."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from cursor cimport cursor_t, enter, lacking, unknown
from packet cimport (
    DECODE_MALFORMED, DECODE_OK, DECODE_UNSUPPORTED, LAYER_LINK, LAYER_NETWORK, NO_VLAN, decode_status_t, packet_t,
)
from paths cimport (
    KIND_ARCNET, KIND_ETHERTYPE, KIND_FAMILY, KIND_LINK_TYPE, KIND_LLC_OUI, KIND_LLC_SAP, KIND_NLPID, KIND_PPP,
    KIND_WLAN, NAME_8021AD, NAME_ARCNET, NAME_ARP, NAME_AVS, NAME_CHDLC, NAME_CLIP, NAME_CMD, NAME_ENC, NAME_ETH,
    NAME_FDDI,
    NAME_FR, NAME_IP, NAME_IPNET, NAME_IPOIB, NAME_IPV6, NAME_LLC, NAME_MPLS, NAME_NFLOG, NAME_NONE, NAME_NSH,
    NAME_NULL, NAME_PFLOG, NAME_PKTAP, NAME_PPI, NAME_PPP, NAME_PPPOES, NAME_PRISM, NAME_PW_CONTROL, NAME_PW_ETH, NAME_RADIOTAP,
    NAME_RAW, NAME_SLL, NAME_USER_DLT, NAME_VLAN, NAME_WLAN, NAME_WLAN_RADIO,
)
from wire cimport be16, be32, clamp, has, le16, le32, skip, view_t

cdef enum:
    LINK_NULL = 0
    LINK_ETHERNET = 1
    LINK_ARCNET_BSD = 7
    LINK_PPP = 9
    LINK_FDDI = 10
    LINK_ATM_RFC1483_BSD = 11
    LINK_RAW_BSD = 12
    LINK_RAW_OPENBSD = 14
    LINK_ATM_CLIP_BSD = 18
    LINK_ATM_CLIP_LINUX = 19
    LINK_PPP_HDLC = 50
    LINK_PPP_ETHER = 51
    LINK_ATM_RFC1483 = 100
    LINK_RAW = 101
    LINK_C_HDLC = 104
    LINK_WLAN = 105
    LINK_ATM_CLIP = 106
    LINK_FRELAY = 107
    LINK_LOOP = 108
    LINK_ENC = 109
    LINK_SLL = 113
    LINK_PFLOG = 117
    LINK_PRISM = 119
    LINK_RADIOTAP = 127
    LINK_ARCNET_LINUX = 129
    LINK_USER_FIRST = 147
    LINK_USER2 = 149            # Apple wrote PKTAP under it; tshark follows
    LINK_USER_LAST = 162
    LINK_AVS = 163
    LINK_PPI = 192
    LINK_IPNET = 226
    LINK_IPV4 = 228
    LINK_IPV6 = 229
    LINK_NFLOG = 239
    LINK_IPOIB = 242
    LINK_PKTAP = 258
    LINK_SLL2 = 276

cdef enum:
    ETHERTYPE_FIRST = 0x0600    # below, the field is a length (IEEE 802.3 clause 3.2.6)
    LONGEST_802_3 = 1500
    ETHERTYPE_IPV4 = 0x0800
    ETHERTYPE_ARP = 0x0806
    ETHERTYPE_RARP = 0x8035
    ETHERTYPE_ETHERNET = 0x6558
    ETHERTYPE_VLAN = 0x8100
    ETHERTYPE_QINQ_OLD = 0x9100
    ETHERTYPE_8021AD = 0x88A8
    ETHERTYPE_IPV6 = 0x86DD
    ETHERTYPE_MPLS = 0x8847
    ETHERTYPE_MPLS_UPPER = 0x8848
    ETHERTYPE_PPPOE = 0x8864
    ETHERTYPE_CMD = 0x8909      # Cisco MetaData (security group tag)
    ETHERTYPE_NSH = 0x894F
    ETHERNET_HEADER = 14
    SNAP_SAP = 0xAA
    AVS_MAGIC = 0x80211
    WLAN_DATA = 2


cdef inline uint32_t layer_of_link_type(uint32_t link_type) noexcept nogil:
    """The first layer of a frame, NAME_NONE for a link type that we do not read."""
    if link_type == LINK_ETHERNET: return NAME_ETH
    elif link_type == LINK_NULL or link_type == LINK_LOOP: return NAME_NULL
    elif link_type == LINK_RAW or link_type == LINK_RAW_BSD or link_type == LINK_RAW_OPENBSD: return NAME_RAW
    elif link_type == LINK_IPV4: return NAME_IP
    elif link_type == LINK_IPV6: return NAME_IPV6
    elif link_type == LINK_SLL or link_type == LINK_SLL2: return NAME_SLL
    elif link_type == LINK_PPP or link_type == LINK_PPP_HDLC: return NAME_PPP
    elif link_type == LINK_PPP_ETHER: return NAME_PPPOES
    elif link_type == LINK_C_HDLC: return NAME_CHDLC
    elif link_type == LINK_FRELAY: return NAME_FR
    elif link_type == LINK_WLAN: return NAME_WLAN
    elif link_type == LINK_RADIOTAP: return NAME_RADIOTAP
    elif link_type == LINK_PRISM: return NAME_PRISM
    elif link_type == LINK_AVS: return NAME_AVS
    elif link_type == LINK_PPI: return NAME_PPI
    elif link_type == LINK_FDDI: return NAME_FDDI
    elif link_type == LINK_ARCNET_BSD or link_type == LINK_ARCNET_LINUX: return NAME_ARCNET
    elif link_type == LINK_ATM_CLIP or link_type == LINK_ATM_CLIP_LINUX or link_type == LINK_ATM_CLIP_BSD:
        return NAME_CLIP
    elif link_type == LINK_ATM_RFC1483 or link_type == LINK_ATM_RFC1483_BSD: return NAME_LLC
    elif link_type == LINK_IPNET: return NAME_IPNET
    elif link_type == LINK_IPOIB: return NAME_IPOIB
    elif link_type == LINK_NFLOG: return NAME_NFLOG
    elif link_type == LINK_PKTAP: return NAME_PKTAP
    elif link_type == LINK_PFLOG: return NAME_PFLOG
    elif link_type == LINK_ENC: return NAME_ENC
    elif LINK_USER_FIRST <= link_type <= LINK_USER_LAST: return NAME_USER_DLT
    return NAME_NONE


cdef inline uint32_t layer_of_ethertype(uint32_t ethertype) noexcept nogil:
    """The layer behind an ethertype, NAME_NONE if we read none."""
    if ethertype == ETHERTYPE_IPV4: return NAME_IP
    elif ethertype == ETHERTYPE_IPV6: return NAME_IPV6
    elif ethertype == ETHERTYPE_VLAN or ethertype == ETHERTYPE_QINQ_OLD: return NAME_VLAN
    elif ethertype == ETHERTYPE_8021AD: return NAME_8021AD
    elif ethertype == ETHERTYPE_ARP or ethertype == ETHERTYPE_RARP: return NAME_ARP
    elif ethertype == ETHERTYPE_MPLS or ethertype == ETHERTYPE_MPLS_UPPER: return NAME_MPLS
    elif ethertype == ETHERTYPE_PPPOE: return NAME_PPPOES
    elif ethertype == ETHERTYPE_ETHERNET: return NAME_ETH
    elif ethertype == ETHERTYPE_NSH: return NAME_NSH
    elif ethertype == ETHERTYPE_CMD: return NAME_CMD
    return NAME_NONE


cdef inline decode_status_t follow_ethertype(cursor_t* cursor, uint32_t ethertype) noexcept nogil:
    """Go to the layer of an ethertype, or count the number."""
    cursor.next = layer_of_ethertype(ethertype)
    if cursor.next != NAME_NONE:
        return DECODE_OK
    return unknown(cursor, KIND_ETHERTYPE, ethertype, LAYER_NETWORK)


cdef inline decode_status_t follow_type_or_length(cursor_t* cursor, uint32_t kind) noexcept nogil:
    """The field behind the addresses or a tag: an ethertype, or the length of an 802.3 frame with LLC inside."""
    cdef view_t* view = &cursor.view
    if kind >= ETHERTYPE_FIRST:
        return follow_ethertype(cursor, kind)
    if kind > LONGEST_802_3:
        return unknown(cursor, KIND_ETHERTYPE, kind, LAYER_NETWORK)
    clamp(view, kind)
    if has(view, 2) and be16(view.data) == 0xFFFF:
        # Novell's IPX straight behind the length: no LLC header starts so.
        return unknown(cursor, KIND_LLC_SAP, 0xFF, LAYER_NETWORK)
    cursor.next = NAME_LLC
    return DECODE_OK


cdef inline decode_status_t read_ethernet(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Ethernet II or IEEE 802.3 header."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, ETHERNET_HEADER):
        return lacking(view, ETHERNET_HEADER)
    kind = be16(view.data + 12)
    skip(view, ETHERNET_HEADER)
    return follow_type_or_length(cursor, kind)


cdef inline decode_status_t read_vlan(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """An 802.1Q or 802.1ad tag; the two outermost are kept."""
    cdef view_t* view = &cursor.view
    cdef uint32_t identifier, kind
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    identifier = be16(view.data) & 0x0FFF
    kind = be16(view.data + 2)
    if packet.vlan_id == NO_VLAN:
        packet.vlan_id = <uint16_t>identifier
    elif packet.inner_vlan_id == NO_VLAN:
        packet.inner_vlan_id = <uint16_t>identifier
    skip(view, 4)
    return follow_type_or_length(cursor, kind)


cdef inline bint plain_ethernet(const view_t* view) noexcept nogil:
    """Whether an Ethernet header without a control word is the better reading of what follows a label."""
    cdef uint32_t with_word, without
    if not has(view, 18):
        return False
    without = be16(view.data + 12)
    with_word = be16(view.data + 16)
    return layer_of_ethertype(with_word) == NAME_NONE and layer_of_ethertype(without) != NAME_NONE


cdef inline decode_status_t read_mpls(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """One MPLS label, RFC 3032. Nothing names what the last one carries: the first nibble is the guess (RFC 4928)."""
    cdef view_t* view = &cursor.view
    cdef uint32_t entry, version
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    entry = be32(view.data)
    skip(view, 4)
    if not entry & 0x100:
        cursor.next = NAME_MPLS
        return DECODE_OK
    if not has(view, 1):
        return lacking(view, 1)
    version = view.data[0] >> 4
    if version == 4:
        cursor.next = NAME_IP
    elif version == 6:
        cursor.next = NAME_IPV6
    elif version == 0:
        if plain_ethernet(view):
            cursor.next = NAME_ETH
        else:
            cursor.next = NAME_PW_ETH
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline decode_status_t read_pseudowire(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Ethernet behind a control word, RFC 4448 section 4.6."""
    cursor.layer = LAYER_LINK
    if not has(&cursor.view, 4):
        return lacking(&cursor.view, 4)
    skip(&cursor.view, 4)
    cursor.next = NAME_ETH
    return DECODE_OK


cdef inline decode_status_t read_pppoe(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """PPPoE session header, RFC 2516."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    cursor.layer = LAYER_LINK
    if not has(view, 6):
        return lacking(view, 6)
    length = be16(view.data + 4)
    skip(view, 6)
    clamp(view, length)
    cursor.next = NAME_PPP
    return DECODE_OK


cdef inline bint is_chdlc(const view_t* view) noexcept nogil:
    """Whether Cisco HDLC stands where PPP was announced: its two addresses are no PPP protocols."""
    return view.size != 0 and (view.data[0] == 0x0F or view.data[0] == 0x8F)


cdef inline decode_status_t read_ppp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """PPP, RFC 1661, with or without address and control (RFC 1662) and with a protocol field of one byte or two."""
    cdef view_t* view = &cursor.view
    cdef uint32_t protocol
    cursor.layer = LAYER_LINK
    if is_chdlc(view):
        cursor.next = NAME_CHDLC
        return DECODE_OK
    if has(view, 2) and be16(view.data) == 0xFF03:
        skip(view, 2)
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
    if protocol == 0x21:
        cursor.next = NAME_IP
    elif protocol == 0x57:
        cursor.next = NAME_IPV6
    elif protocol == 0x0281 or protocol == 0x0283:
        cursor.next = NAME_MPLS
    else:
        return unknown(cursor, KIND_PPP, protocol, LAYER_NETWORK)
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


cdef inline decode_status_t read_llc(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IEEE 802.2 LLC, with SNAP behind it where both SAPs say so."""
    cdef view_t* view = &cursor.view
    cdef uint32_t sap, oui, kind, length
    cursor.layer = LAYER_LINK
    if not has(view, 3):
        return lacking(view, 3)
    sap = view.data[0]
    # Unnumbered frames have one control byte, all others two. Only UI and I frames carry packets.
    length = 3 if view.data[2] & 3 == 3 else 4
    if view.data[2] & 1 and view.data[2] & 0xEF != 3:
        return unknown(cursor, KIND_LLC_SAP, sap, LAYER_NETWORK)
    if sap != SNAP_SAP or view.data[1] & 0xFE != SNAP_SAP:
        return follow_sap(cursor, sap, length)
    length += 5
    if not has(view, length):
        return lacking(view, length)
    oui = be32(view.data + length - 5) >> 8
    kind = be16(view.data + length - 2)
    skip(view, length)
    if oui == 0x000000 or oui == 0x0000F8:
        return follow_ethertype(cursor, kind)
    if oui == 0x0080C2 and (kind == 1 or kind == 7):
        # A bridged frame behind two bytes of padding (RFC 2684 section 5.2).
        if not has(view, 2):
            return lacking(view, 2)
        skip(view, 2)
        cursor.next = NAME_ETH
        return DECODE_OK
    return unknown(cursor, KIND_LLC_OUI, oui, LAYER_NETWORK)


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
    if kind == 4:
        cursor.next = NAME_LLC
        return DECODE_OK
    return follow_ethertype(cursor, kind)


cdef inline decode_status_t follow_bsd_family(cursor_t* cursor, uint32_t family) noexcept nogil:
    """What a BSD address family announces; some systems put an ethertype in its place."""
    if family == 2:
        cursor.next = NAME_IP
    elif family == 24 or family == 28 or family == 30:
        cursor.next = NAME_IPV6
    elif family >= ETHERTYPE_FIRST:
        return follow_ethertype(cursor, family)
    else:
        return unknown(cursor, KIND_FAMILY, family, LAYER_NETWORK)
    return DECODE_OK


cdef inline bint is_ppp(const view_t* view) noexcept nogil:
    """Whether a PPP frame with address and control stands where loopback or raw IP was announced (old Linux)."""
    return has(view, 2) and be16(view.data) == 0xFF03


cdef inline decode_status_t read_null(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """BSD loopback: an address family in the capturing host's byte order (NULL) or big-endian (LOOP).

    IPv6 has another number on every BSD: 24 NetBSD and OpenBSD, 28 FreeBSD, 30 macOS.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t family
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    if is_ppp(view):
        cursor.next = NAME_PPP
        return DECODE_OK
    family = be32(view.data)
    if family >> 16:
        # No family needs more than 16 bits: a 16-bit field in front (IRIX), or the other byte order.
        family = family >> 16 if family < 0x00060000 else le32(view.data) & 0xFFFF
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
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline decode_status_t read_chdlc(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Cisco HDLC: address, control, ethertype."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    kind = be16(view.data + 2)
    skip(view, 4)
    if kind == ETHERTYPE_RARP:
        # Cisco's keep-alive (SLARP) uses RARP's number.
        return unknown(cursor, KIND_ETHERTYPE, kind, LAYER_NETWORK)
    return follow_ethertype(cursor, kind)


cdef inline decode_status_t read_frame_relay(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Frame Relay, RFC 2427: an address of two to four bytes, then UI and an NLPID, or Cisco's ethertype."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cdef uint32_t length = 1
    cursor.layer = LAYER_LINK
    # The last address byte has its lowest bit set.
    while has(view, length) and not view.data[length - 1] & 1 and length < 4:
        length += 1
    if not has(view, length + 2):
        return lacking(view, length + 2)
    skip(view, length)
    if view.data[0] != 3:
        kind = be16(view.data)
        skip(view, 2)
        return follow_ethertype(cursor, kind)
    kind = view.data[1]
    skip(view, 2)
    if kind == 0 and has(view, 1):
        # A pad byte may align what follows.
        kind = view.data[0]
        skip(view, 1)
    if kind == 0xCC:
        cursor.next = NAME_IP
        return DECODE_OK
    if kind == 0x8E:
        cursor.next = NAME_IPV6
        return DECODE_OK
    if kind == 0x80:
        return read_snap(cursor)
    return unknown(cursor, KIND_NLPID, kind, LAYER_NETWORK)


cdef inline decode_status_t read_snap(cursor_t* cursor) noexcept nogil:
    """A SNAP header without LLC in front."""
    cdef view_t* view = &cursor.view
    cdef uint32_t oui, kind
    if not has(view, 5):
        return lacking(view, 5)
    oui = be32(view.data) >> 8
    kind = be16(view.data + 3)
    skip(view, 5)
    if oui == 0:
        return follow_ethertype(cursor, kind)
    if oui == 0x0080C2 and (kind == 1 or kind == 7):
        cursor.next = NAME_ETH
        return DECODE_OK
    return unknown(cursor, KIND_LLC_OUI, oui, LAYER_NETWORK)


cdef inline decode_status_t read_fddi(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """FDDI: frame control and two addresses; only LLC frames carry packets."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_LINK
    if not has(view, 13):
        return lacking(view, 13)
    if view.data[0] & 0x30 != 0x10:
        return DECODE_UNSUPPORTED
    skip(view, 13)
    cursor.next = NAME_LLC
    return DECODE_OK


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
    if protocol == 212 or protocol == 213 or protocol == 214 or protocol == 196:
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


cdef inline decode_status_t read_nflog(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Linux NFLOG: attributes in the host's byte order; one holds the packet, one the ethertype of a bridged packet."""
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
        if kind == 9:
            clamp(view, length)
            skip(view, 4)
            return follow_family(cursor, family, ethertype)
        if kind == 1 and length >= 8 and has(view, 8):
            ethertype = be16(view.data + 4)
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


cdef inline decode_status_t read_clip(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Classical IP over ATM as Linux hands it over: no header at all."""
    cursor.layer = LAYER_LINK
    cursor.next = NAME_IP
    return DECODE_OK


cdef inline decode_status_t read_wlan(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IEEE 802.11: data frames that are not encrypted lead to LLC."""
    cdef view_t* view = &cursor.view
    cdef uint32_t control, flags, quality, length = 24
    cursor.layer = LAYER_LINK
    if not has(view, 2):
        return lacking(view, 2)
    control = view.data[0]
    flags = view.data[1]
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
    if cursor.pad:
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
    """Radiotap: of its fields only the flags matter: whether the 802.11 header is padded, whether a checksum follows."""
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
        clamp(view, view.wire - 4 if view.wire >= 4 else 0)
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
    """Prism: a message code and the header's length in the host's byte order; an AVS header may stand in its place."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    cursor.layer = LAYER_LINK
    if not has(view, 8):
        return lacking(view, 8)
    if is_avs(view):
        return read_avs(cursor, packet)
    length = le32(view.data + 4)
    if length >> 16:
        length = be32(view.data + 4)
    if length < 8:
        return DECODE_MALFORMED
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
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


cdef inline decode_status_t follow_link_type(cursor_t* cursor, uint32_t link_type) noexcept nogil:
    """The frame inside a frame. SLL and ARCNET have two forms that only the record's link type tells apart: not here."""
    if link_type == LINK_WLAN:
        return follow_wlan_radio(cursor)
    cursor.next = layer_of_link_type(link_type)
    if cursor.next == NAME_NONE or cursor.next == NAME_USER_DLT:
        cursor.next = NAME_NONE
        return unknown(cursor, KIND_LINK_TYPE, link_type, LAYER_LINK)
    return DECODE_OK


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
    if length < 12:
        return DECODE_MALFORMED
    if le32(view.data + 4) != 1:
        return DECODE_UNSUPPORTED
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    return follow_link_type(cursor, link_type)


cdef inline decode_status_t read_cisco_metadata(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Cisco MetaData: version, option count, a security group tag, then the ethertype."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, 8):
        return lacking(view, 8)
    kind = be16(view.data + 6)
    skip(view, 8)
    return follow_type_or_length(cursor, kind)


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
