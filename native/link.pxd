"""Ethernet and its tags, MPLS, PPPoE; and the numbers of all link types and ethertypes that are read."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from cursor cimport cursor_t, enter, lacking, unknown
from packet cimport DECODE_OK, DECODE_UNSUPPORTED, LAYER_LINK, LAYER_NETWORK, NO_VLAN, decode_status_t, packet_t
from paths cimport (
    KIND_ETHERTYPE, KIND_LLC_SAP, NAME_8021AD, NAME_8021AH, NAME_8021CB, NAME_AP1394, NAME_ARCNET, NAME_ARP, NAME_ATM,
    NAME_AVS, NAME_AVSP, NAME_BATADV, NAME_CFP, NAME_CHDLC, NAME_CLIP, NAME_CMD, NAME_ENC, NAME_ETAG, NAME_ETH,
    NAME_FDDI, NAME_FR, NAME_HSR, NAME_IP, NAME_IPNET, NAME_IPOIB, NAME_IPV6, NAME_JUNIPER, NAME_LLC, NAME_MACSEC,
    NAME_MPLS, NAME_NETLINK, NAME_NFLOG, NAME_NONE, NAME_NSH, NAME_NULL, NAME_PFLOG, NAME_PKTAP, NAME_PPI, NAME_PPP,
    NAME_PPPOES, NAME_PRISM, NAME_PW_ETH, NAME_PW_PLAIN, NAME_RADIOTAP, NAME_RAW, NAME_SLL, NAME_TR, NAME_TRILL,
    NAME_USER_DLT, NAME_VLAN, NAME_VNTAG, NAME_WLAN,
)
from wire cimport be16, be32, clamp, cut_off, has, skip, view_t

cdef enum:
    LINK_NULL = 0
    LINK_ETHERNET = 1
    LINK_TOKEN_RING = 6
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
    LINK_C_HDLC_BSD = 112
    LINK_SLL = 113
    LINK_PFLOG = 117
    LINK_PRISM = 119
    LINK_SUNATM = 123
    LINK_RADIOTAP = 127
    LINK_ARCNET_LINUX = 129
    LINK_USER_FIRST = 147
    LINK_USER2 = 149            # Apple wrote PKTAP under it; tshark follows
    LINK_USER_LAST = 162
    LINK_AVS = 163
    LINK_JUNIPER_MLPPP = 130
    LINK_JUNIPER_MLFR = 131
    LINK_JUNIPER_GGSN = 133
    LINK_JUNIPER_ATM2 = 135
    LINK_JUNIPER_SERVICES = 136
    LINK_JUNIPER_ATM1 = 137
    LINK_AP1394 = 138
    LINK_JUNIPER_PPPOE = 167
    LINK_JUNIPER_ETHER = 178
    LINK_JUNIPER_PPP = 179
    LINK_JUNIPER_FRELAY = 180
    LINK_JUNIPER_CHDLC = 181
    LINK_JUNIPER_VP = 183
    LINK_PPI = 192
    LINK_PPP_WITH_DIRECTION = 204
    LINK_IPNET = 226
    LINK_IPV4 = 228
    LINK_IPV6 = 229
    LINK_NFLOG = 239
    LINK_IPOIB = 242
    LINK_NETLINK = 253
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
    ETHERTYPE_LLC = 0x8870      # frames longer than a length field can say
    ETHERTYPE_8021AH = 0x88E7
    ETHERTYPE_8021CB = 0xF1C1
    ETHERTYPE_ARISTA = 0xD28B
    ETHERTYPE_BATMAN = 0x4305
    ETHERTYPE_CMD = 0x8909      # Cisco MetaData (security group tag)
    ETHERTYPE_ETAG = 0x893F
    ETHERTYPE_FABRIC_PATH = 0x8903
    ETHERTYPE_HSR = 0x892F
    ETHERTYPE_MACSEC = 0x88E5
    ETHERTYPE_NSH = 0x894F
    ETHERTYPE_TRILL = 0x22F3
    ETHERTYPE_VNTAG = 0x8926
    ETHERNET_HEADER = 14
    FRAME_CHECK = 4
    ISL_REST = 12               # of its header, behind the length
    ISL_ETHERNET = 0
    ISL_TOKEN_RING = 1
    BACKBONE_HEADER = 22        # tag, I-tag, the customer's addresses and ethertype
    LABEL_CHANNEL = 13          # behind it stands maintenance, no packet (RFC 5586)
    LABEL_ALERT = 14            # RFC 3429


cdef inline bint is_juniper(uint32_t link_type) noexcept nogil:
    """Link types of Juniper's routers that tshark knows."""
    return (
        LINK_JUNIPER_ETHER <= link_type <= LINK_JUNIPER_CHDLC or link_type == LINK_JUNIPER_MLPPP
        or link_type == LINK_JUNIPER_MLFR or link_type == LINK_JUNIPER_GGSN or link_type == LINK_JUNIPER_ATM2
        or link_type == LINK_JUNIPER_SERVICES or link_type == LINK_JUNIPER_ATM1 or link_type == LINK_JUNIPER_PPPOE
        or link_type == LINK_JUNIPER_VP
    )


cdef inline uint32_t layer_of_link_type(uint32_t link_type) noexcept nogil:
    """The first layer of a frame, NAME_NONE for a link type that we do not read."""
    if link_type == LINK_ETHERNET: return NAME_ETH
    elif link_type == LINK_NULL or link_type == LINK_LOOP: return NAME_NULL
    elif link_type == LINK_RAW or link_type == LINK_RAW_BSD or link_type == LINK_RAW_OPENBSD: return NAME_RAW
    elif link_type == LINK_IPV4: return NAME_IP
    elif link_type == LINK_IPV6: return NAME_IPV6
    elif link_type == LINK_SLL or link_type == LINK_SLL2: return NAME_SLL
    elif link_type == LINK_PPP or link_type == LINK_PPP_HDLC or link_type == LINK_PPP_WITH_DIRECTION: return NAME_PPP
    elif link_type == LINK_PPP_ETHER: return NAME_PPPOES
    elif link_type == LINK_C_HDLC or link_type == LINK_C_HDLC_BSD: return NAME_CHDLC
    elif link_type == LINK_FRELAY: return NAME_FR
    elif link_type == LINK_WLAN: return NAME_WLAN
    elif link_type == LINK_RADIOTAP: return NAME_RADIOTAP
    elif link_type == LINK_PRISM: return NAME_PRISM
    elif link_type == LINK_AVS: return NAME_AVS
    elif link_type == LINK_PPI: return NAME_PPI
    elif link_type == LINK_FDDI: return NAME_FDDI
    elif link_type == LINK_TOKEN_RING: return NAME_TR
    elif link_type == LINK_ARCNET_BSD or link_type == LINK_ARCNET_LINUX: return NAME_ARCNET
    elif link_type == LINK_ATM_CLIP or link_type == LINK_ATM_CLIP_LINUX or link_type == LINK_ATM_CLIP_BSD:
        return NAME_CLIP
    elif link_type == LINK_ATM_RFC1483 or link_type == LINK_ATM_RFC1483_BSD: return NAME_LLC
    elif link_type == LINK_SUNATM: return NAME_ATM
    elif link_type == LINK_AP1394: return NAME_AP1394
    elif link_type == LINK_IPNET: return NAME_IPNET
    elif link_type == LINK_IPOIB: return NAME_IPOIB
    elif link_type == LINK_NFLOG: return NAME_NFLOG
    elif link_type == LINK_NETLINK: return NAME_NETLINK
    elif link_type == LINK_PKTAP: return NAME_PKTAP
    elif link_type == LINK_PFLOG: return NAME_PFLOG
    elif link_type == LINK_ENC: return NAME_ENC
    elif is_juniper(link_type): return NAME_JUNIPER
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
    elif ethertype == ETHERTYPE_LLC: return NAME_LLC
    elif ethertype == ETHERTYPE_8021AH: return NAME_8021AH
    elif ethertype == ETHERTYPE_VNTAG: return NAME_VNTAG
    elif ethertype == ETHERTYPE_ETAG: return NAME_ETAG
    elif ethertype == ETHERTYPE_8021CB: return NAME_8021CB
    elif ethertype == ETHERTYPE_HSR: return NAME_HSR
    elif ethertype == ETHERTYPE_MACSEC: return NAME_MACSEC
    elif ethertype == ETHERTYPE_ARISTA: return NAME_AVSP
    elif ethertype == ETHERTYPE_TRILL: return NAME_TRILL
    elif ethertype == ETHERTYPE_BATMAN: return NAME_BATADV
    return NAME_NONE


cdef inline decode_status_t follow_ethertype(cursor_t* cursor, uint32_t ethertype) noexcept nogil:
    """Go to the layer of an ethertype, or count the number."""
    cursor.next = layer_of_ethertype(ethertype)
    if cursor.next != NAME_NONE:
        cursor.by_ethertype = 1
        return DECODE_OK
    return unknown(cursor, KIND_ETHERTYPE, ethertype, LAYER_NETWORK)


cdef inline decode_status_t follow_last_ethertype(cursor_t* cursor, uint32_t length) noexcept nogil:
    """A header of `length` bytes ends with the ethertype of what follows."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    if not has(view, length):
        return lacking(view, length)
    kind = be16(view.data + length - 2)
    skip(view, length)
    return follow_ethertype(cursor, kind)


cdef inline decode_status_t follow_frame(cursor_t* cursor, uint32_t length) noexcept nogil:
    """Behind a header of `length` bytes stands an Ethernet frame."""
    if not has(&cursor.view, length):
        return lacking(&cursor.view, length)
    skip(&cursor.view, length)
    cursor.next = NAME_ETH
    return DECODE_OK


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


cdef inline bint is_tagged_fabric_path(const view_t* view, uint32_t kind) noexcept nogil:
    """Whether FabricPath's header has a tag of its own, which tshark does not show."""
    if kind != ETHERTYPE_VLAN and kind != ETHERTYPE_8021AD:
        return False
    return has(view, 18) and be16(view.data + 16) == ETHERTYPE_FABRIC_PATH


cdef inline bint is_isl(const view_t* view) noexcept nogil:
    """Whether Cisco's ISL stands where Ethernet was announced: by the group that it is sent to, and a length."""
    cdef uint32_t group
    if not has(view, ETHERNET_HEADER) or be16(view.data + 12) > LONGEST_802_3:
        return False
    group = be32(view.data)
    return (group == 0x01000C00 or group == 0x0C000C00) and view.data[4] == 0


cdef inline decode_status_t read_isl(cursor_t* cursor) noexcept nogil:
    """ISL: a frame with its check sequence behind 26 bytes, of which the length leaves out the first 14."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length = be16(view.data + 12), kind = view.data[5] >> 4
    skip(view, ETHERNET_HEADER)
    if length:
        clamp(view, length)
    if kind == ISL_TOKEN_RING:
        if not has(view, ISL_REST + 5):
            return lacking(view, ISL_REST + 5)
        skip(view, ISL_REST + 5)
        cursor.next = NAME_TR
        return DECODE_OK
    if not has(view, ISL_REST):
        return lacking(view, ISL_REST)
    if kind != ISL_ETHERNET:
        return DECODE_UNSUPPORTED
    cut_off(view, FRAME_CHECK)
    return follow_frame(cursor, ISL_REST)


cdef inline decode_status_t read_ethernet(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Ethernet II or IEEE 802.3 header."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if not has(view, ETHERNET_HEADER):
        return lacking(view, ETHERNET_HEADER)
    kind = be16(view.data + 12)
    if is_isl(view):
        return read_isl(cursor)
    if kind == ETHERTYPE_FABRIC_PATH or is_tagged_fabric_path(view, kind):
        skip(view, ETHERNET_HEADER if kind == ETHERTYPE_FABRIC_PATH else ETHERNET_HEADER + 4)
        cursor.next = NAME_CFP
        return DECODE_OK
    skip(view, ETHERNET_HEADER)
    if kind == 0:
        # No length of a frame: tshark takes it for a type, though not behind a tag.
        return unknown(cursor, KIND_ETHERTYPE, kind, LAYER_NETWORK)
    return follow_type_or_length(cursor, kind)


cdef inline void note_tag(packet_t* packet, const uint8_t* control) noexcept nogil:
    """Keep the identifier of a tag's control information, of the two outermost."""
    cdef uint16_t identifier = be16(control) & 0x0FFF
    if packet.vlan_id == NO_VLAN:
        packet.vlan_id = identifier
    elif packet.inner_vlan_id == NO_VLAN:
        packet.inner_vlan_id = identifier


cdef inline decode_status_t read_vlan(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """An 802.1Q tag. tshark shows the identifier before it looks for the rest."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_LINK
    if has(view, 2):
        note_tag(packet, view.data)
    if not has(view, 4):
        return lacking(view, 4)
    kind = be16(view.data + 2)
    skip(view, 4)
    return follow_type_or_length(cursor, kind)


cdef inline decode_status_t read_service_tag(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """An 802.1ad tag. Two of them are one layer in tshark, which looks for both identifiers before it shows any.

    So are a tag and the header of a provider's backbone (IEEE 802.1ah) behind it. A length is no ethertype here.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    cursor.layer = LAYER_LINK
    if not has(view, 4):
        return lacking(view, 4)
    length = 8 if be16(view.data + 2) == ETHERTYPE_8021AD else 4
    if not has(view, length - 2):
        return lacking(view, length)
    note_tag(packet, view.data)
    if length == 8:
        note_tag(packet, view.data + 4)
    elif be16(view.data + 2) == ETHERTYPE_8021AH:
        length = BACKBONE_HEADER
    return follow_last_ethertype(cursor, length)


cdef inline bint plain_ethernet(const view_t* view) noexcept nogil:
    """Whether an Ethernet header without a control word is the better reading of what follows a label.

    Such a word begins with 16 zero bits (RFC 4448 section 4.6). Where an address does, too, the ethertypes decide.
    """
    cdef uint32_t with_word, without
    if has(view, 2) and be16(view.data) != 0:
        return True
    if not has(view, 18):
        return False
    without = be16(view.data + 12)
    with_word = be16(view.data + 16)
    return layer_of_ethertype(with_word) == NAME_NONE and layer_of_ethertype(without) != NAME_NONE


cdef inline decode_status_t read_mpls(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """One MPLS label, RFC 3032. Nothing names what the last one carries: the first nibble is the guess (RFC 4928)."""
    cdef view_t* view = &cursor.view
    cdef uint32_t entry, label, version
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
    label = entry >> 12
    if label == LABEL_CHANNEL or label == LABEL_ALERT:
        return DECODE_UNSUPPORTED
    version = view.data[0] >> 4
    if version == 4:
        cursor.next = NAME_IP
    elif version == 6:
        cursor.next = NAME_IPV6
    elif version == 0:
        if plain_ethernet(view):
            enter(cursor, NAME_PW_PLAIN)
            cursor.next = NAME_ETH
        else:
            cursor.next = NAME_PW_ETH
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline decode_status_t read_pseudowire(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Ethernet behind a control word, RFC 4448 section 4.6."""
    cursor.layer = LAYER_LINK
    return follow_frame(cursor, 4)


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
    cursor.bare = 1
    return DECODE_OK
