"""Tunnels: from the outer packet to the inner one. GRE and its kin, and what hides behind well-known UDP ports.

A wrong guess does no harm: the outer columns are replaced only when a sound inner IP header has been read.
"""
from libc.stdint cimport uint8_t, uint32_t

from cursor cimport cursor_t, enter, lacking, unknown
from link cimport (
    ETHERTYPE_ARP, ETHERTYPE_CMD, ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_UPPER, ETHERTYPE_NSH, follow_ethertype, follow_frame, layer_of_ethertype,
)
from packet cimport (
    DECODE_MALFORMED, DECODE_OK, DECODE_TRUNCATED, DECODE_UNSUPPORTED, HAS_UDP, LAYER_LINK, LAYER_NETWORK,
    LAYER_TRANSPORT, decode_status_t, packet_t,
)
from paths cimport (
    KIND_ETHERTYPE, KIND_IP_PROTOCOL, NAME_AVS, NAME_AYIYA, NAME_CAPWAP, NAME_CMD, NAME_ERSPAN, NAME_ETH, NAME_FR,
    NAME_GENEVE, NAME_GRE, NAME_GTP, NAME_GTPPRIME, NAME_IP, NAME_IPV6, NAME_L2TP, NAME_LISP, NAME_MPLS, NAME_NONE,
    NAME_NSH, NAME_PPP, NAME_PRISM, NAME_TEREDO, NAME_TZSP, NAME_VXLAN, NAME_WLAN,
)
from wire cimport be16, clamp, has, skip, view_t

cdef enum:
    PORT_L2TP = 1701
    PORT_GTP_CONTROL = 2123
    PORT_GTP_USER = 2152
    PORT_GTP_PRIME = 3386
    PORT_TEREDO = 3544
    PORT_GRE = 4754                 # RFC 8086
    PORT_VXLAN = 4789
    PORT_VXLAN_GPE = 4790
    PORT_GENEVE = 6081
    PORT_LISP = 4341                # RFC 6830
    PORT_AYIYA = 5072
    PORT_CAPWAP = 5247              # RFC 5415, data
    PORT_MPLS = 6635                # RFC 7510
    PORT_TZSP = 37008               # TaZmen Sniffer Protocol
    WELL_KNOWN_PORTS = 1024
    GRE_CHECKSUM = 0x8000
    GRE_ROUTING = 0x4000
    GRE_KEY = 0x2000
    GRE_SEQUENCE = 0x1000
    GRE_ACKNOWLEDGMENT = 0x0080     # version 1 only, RFC 2637
    GRE_ETHERNET_OLD = 0x6400
    GRE_FRAME_RELAY = 0x6559
    GRE_PPP = 0x880B
    GRE_ERSPAN_2 = 0x88BE
    GRE_ERSPAN_3 = 0x22EB
    GRE_WCCP = 0x883E
    GRE_ARUBA_FIRST = 0x8200        # Aruba access points send 802.11 frames under 0x8200, 0x8210, … 0x8370
    GRE_ARUBA_LAST = 0x8370
    TEREDO_ORIGIN = 0
    TEREDO_AUTHENTICATION = 1
    GTP_DATA = 255                  # G-PDU, the only message with a packet inside
    GTP_TYPE = 0x10
    GTP_PRIME_HEADER = 6
    L2TP_CONTROL = 0x8000
    L2TP_VERSION = 15
    LISP_HEADER = 8
    CAPWAP_SECURE = 1               # DTLS behind the preamble
    CAPWAP_KEEP_ALIVE = 0x08
    CAPWAP_FRAGMENT = 0x80
    CAPWAP_WLAN = 1                 # binding
    IPPROTO_IPV4 = 4
    IPPROTO_IPV6 = 41
    AYIYA_FORWARD = 1               # the operation that carries a packet
    AYIYA_METHODS = 4               # of authentication and of hashing, that exist
    TZSP_VERSION = 1
    TZSP_KEEP_ALIVE = 4             # of its packet types those without a frame
    TZSP_PORT = 5
    TZSP_PADDING = 0
    TZSP_END = 1
    TZSP_ETHERNET = 1
    TZSP_WLAN = 18
    TZSP_PRISM = 119
    TZSP_AVS = 127
    TZSP_NOTHING = 0
    GTP_EXTENDED = 4
    GTP_OPTIONAL = 7                # any of the extension, sequence and N-PDU bits


cdef inline uint32_t tunnel_of_port(uint32_t port) noexcept nogil:
    """The tunnel that is spoken on a UDP port, NAME_NONE for all others."""
    if port == PORT_VXLAN or port == PORT_VXLAN_GPE: return NAME_VXLAN
    elif port == PORT_GTP_USER or port == PORT_GTP_CONTROL: return NAME_GTP
    elif port == PORT_GTP_PRIME: return NAME_GTPPRIME
    elif port == PORT_GENEVE: return NAME_GENEVE
    elif port == PORT_TEREDO: return NAME_TEREDO
    elif port == PORT_L2TP: return NAME_L2TP
    elif port == PORT_GRE: return NAME_GRE
    elif port == PORT_MPLS: return NAME_MPLS
    elif port == PORT_LISP: return NAME_LISP
    elif port == PORT_AYIYA: return NAME_AYIYA
    elif port == PORT_CAPWAP: return NAME_CAPWAP
    elif port == PORT_TZSP: return NAME_TZSP
    return NAME_NONE


cdef inline uint32_t tunnel_of_ports(uint32_t source, uint32_t destination) noexcept nogil:
    """The tunnel of a port pair: the lower port speaks first, as in tshark.

    A well-known lower port means that the higher one is only a client's choice: DNS answers to port 4789 are no VXLAN.
    tshark concludes so only of the well-known ports that it has a dissector for, and takes answers from port 443 to
    port 4789 for VXLAN; that difference is meant.
    """
    cdef uint32_t low = source if source < destination else destination
    cdef uint32_t name = tunnel_of_port(low)
    if name != NAME_NONE or low < WELL_KNOWN_PORTS:
        return name
    return tunnel_of_port(source ^ destination ^ low)


cdef inline decode_status_t follow_ip_version(cursor_t* cursor, uint32_t layer) noexcept nogil:
    """IPv4 or IPv6, told by the first nibble."""
    cdef uint32_t version
    if not has(&cursor.view, 1):
        return lacking(&cursor.view, 1)
    version = cursor.view.data[0] >> 4
    if version == 4:
        cursor.next = NAME_IP
    elif version == 6:
        cursor.next = NAME_IPV6
    else:
        cursor.layer = <uint8_t>layer
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline uint32_t gre_options(uint32_t flags) noexcept nogil:
    """Bytes between the four fixed ones of a GRE header and its payload, source routes aside."""
    cdef uint32_t length = 0
    if flags & (GRE_CHECKSUM | GRE_ROUTING):
        length += 4
    if flags & GRE_KEY:
        length += 4
    if flags & GRE_SEQUENCE:
        length += 4
    if flags & 7 == 1 and flags & GRE_ACKNOWLEDGMENT:
        length += 4
    return length


cdef inline decode_status_t skip_source_routes(view_t* view) noexcept nogil:
    """Source route entries, RFC 1701: family, offset, length, routes; the last has family and length 0."""
    cdef uint32_t length
    while True:
        if not has(view, 4):
            return lacking(view, 4)
        length = view.data[3]
        if be16(view.data) == 0 and length == 0:
            skip(view, 4)
            return DECODE_OK
        if not has(view, 4 + length):
            return lacking(view, 4 + length)
        skip(view, 4 + length)


cdef inline decode_status_t read_gre(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """GRE, RFC 2784 and 2890; version 1 with PPP, RFC 2637 (PPTP); NVGRE is GRE with a key and Ethernet."""
    cdef view_t* view = &cursor.view
    cdef uint32_t flags, kind, length
    cdef decode_status_t status
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 4):
        return lacking(view, 4)
    flags = be16(view.data)
    kind = be16(view.data + 2)
    length = 4 + gre_options(flags)
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    if flags & GRE_ROUTING:
        status = skip_source_routes(view)
        if status != DECODE_OK:
            return status
    if not packet.present & HAS_UDP:
        packet.payload_length = view.wire
    if view.wire == 0 and not flags & GRE_SEQUENCE:
        # A keep-alive, or a PPTP acknowledgement: whatever the type says, nothing is missing.
        return DECODE_OK
    return follow_gre(cursor, kind, flags & GRE_SEQUENCE)


cdef inline decode_status_t follow_gre(cursor_t* cursor, uint32_t kind, bint sequenced) noexcept nogil:
    """Go to what a GRE protocol type announces: mostly an ethertype."""
    cdef view_t* view = &cursor.view
    if kind == ETHERTYPE_CMD:
        # Of six bytes as elsewhere, but behind the type of what follows, not before it.
        if has(view, 1):
            enter(cursor, NAME_CMD)
        cursor.layer = LAYER_LINK
        if not has(view, 8):
            return lacking(view, 8)
        kind = be16(view.data)
        skip(view, 8)
    if kind == GRE_ERSPAN_2 or kind == GRE_ERSPAN_3:
        cursor.next = NAME_ERSPAN
        if kind == GRE_ERSPAN_2 and not sequenced:
            # Type I has neither a sequence number nor a header of its own.
            enter(cursor, NAME_ERSPAN)
            cursor.next = NAME_ETH
        return DECODE_OK
    if kind == GRE_PPP:
        cursor.next = NAME_PPP
        return DECODE_OK
    if kind == GRE_WCCP:
        # Version 2 puts a redirect header of four bytes in front of the packet; only its absence shows.
        if has(view, 1) and view.data[0] >> 4 != 4:
            if not has(view, 4):
                return lacking(view, 4)
            skip(view, 4)
        cursor.next = NAME_IP
        return DECODE_OK
    if GRE_ARUBA_FIRST <= kind <= GRE_ARUBA_LAST and kind & 15 == 0:
        cursor.next = NAME_WLAN
        return DECODE_OK
    if kind == GRE_FRAME_RELAY:
        cursor.next = NAME_FR
        return DECODE_OK
    if kind == GRE_ETHERNET_OLD:
        kind = ETHERTYPE_ETHERNET
    if kind == ETHERTYPE_IPV4 or kind == ETHERTYPE_IPV6 or kind == ETHERTYPE_ETHERNET or kind == ETHERTYPE_MPLS \
            or kind == ETHERTYPE_MPLS_UPPER or kind == ETHERTYPE_ARP or kind == ETHERTYPE_NSH:
        cursor.next = layer_of_ethertype(kind)
        return DECODE_OK
    # Tags and PPPoE have no business here: tshark follows no other ethertype.
    return unknown(cursor, KIND_ETHERTYPE, kind, LAYER_NETWORK)


cdef inline decode_status_t read_erspan(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """ERSPAN type II (8 bytes) and III (12 bytes, and 8 more with the O bit), draft-foschiano-erspan."""
    cdef view_t* view = &cursor.view
    cdef uint32_t version, length
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 2):
        return lacking(view, 2)
    version = view.data[0] >> 4
    length = 8
    if version == 2:
        if not has(view, 12):
            return lacking(view, 12)
        length = 20 if view.data[11] & 1 else 12
    elif version != 1:
        return DECODE_UNSUPPORTED
    return follow_frame(cursor, length)


cdef inline decode_status_t read_vxlan(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """VXLAN, RFC 7348, and VXLAN-GPE on its own port, which names what follows."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 8):
        return lacking(view, 8)
    kind = 3
    # Where both ports are used, the lower one says what it is.
    if (packet.src_port == PORT_VXLAN_GPE or packet.dst_port == PORT_VXLAN_GPE) \
            and packet.src_port != PORT_VXLAN and packet.dst_port != PORT_VXLAN:
        kind = view.data[3]
    skip(view, 8)
    return follow_next_protocol(cursor, kind)


cdef inline decode_status_t follow_next_protocol(cursor_t* cursor, uint32_t kind) noexcept nogil:
    """The next protocol numbers that VXLAN-GPE and NSH share (RFC 8300 section 2.2)."""
    if kind == 1:
        cursor.next = NAME_IP
    elif kind == 2:
        cursor.next = NAME_IPV6
    elif kind == 3:
        cursor.next = NAME_ETH
    elif kind == 4:
        cursor.next = NAME_NSH
    elif kind == 5:
        return follow_ethertype(cursor, 0x8847)
    else:
        return DECODE_UNSUPPORTED
    return DECODE_OK


cdef inline decode_status_t read_nsh(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Network service header, RFC 8300: its length counts words of four bytes."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length, kind
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 8):
        return lacking(view, 8)
    length = (be16(view.data) & 0x3F) * 4
    kind = view.data[3]
    if length < 8:
        return DECODE_MALFORMED
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    return follow_next_protocol(cursor, kind)


cdef inline decode_status_t read_geneve(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Geneve, RFC 8926."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length, kind
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 8):
        return lacking(view, 8)
    length = 8 + (view.data[0] & 0x3F) * 4
    kind = be16(view.data + 2)
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    return follow_ethertype(cursor, kind)


cdef inline decode_status_t skip_gtp_extensions(view_t* view, bint extended) noexcept nogil:
    """The optional word of a GTP-U header and the extension headers behind it, 3GPP TS 29.281 section 5.2."""
    cdef uint32_t length
    cdef uint32_t following
    if not has(view, 4):
        return lacking(view, 4)
    # The word stands there as soon as one of its fields is announced; the others mean nothing then.
    following = view.data[3] if extended else 0
    skip(view, 4)
    while following != 0:
        if not has(view, 1):
            return lacking(view, 1)
        length = <uint32_t>view.data[0] * 4
        if length == 0:
            return DECODE_MALFORMED
        if not has(view, length):
            return lacking(view, length)
        following = view.data[length - 1]
        skip(view, length)
    return DECODE_OK


cdef inline uint32_t gtp_name(uint32_t announced, uint32_t flags) noexcept nogil:
    """Which of its family stands on a GTP port, NAME_NONE for what has no entry of ours: version 2, and no GTP at all.

    Both versions are found on the ports of both. Without the protocol type bit it is GTP', which carries bills.
    """
    cdef uint32_t version = flags >> 5
    if version > 2 or (version == 2 and announced == NAME_GTP):
        return NAME_NONE
    return NAME_GTP if flags & GTP_TYPE else NAME_GTPPRIME


cdef inline uint32_t gtp_header(uint32_t flags) noexcept nogil:
    """Bytes of a header of version 0 or 1 before its options. Version 0 says itself whether it is the one of GTP'."""
    if flags & GTP_TYPE:
        return 8 if flags >> 5 else 20
    return GTP_PRIME_HEADER if flags >> 5 or flags & 1 else 20


cdef inline decode_status_t read_gtp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """GTP-U, 3GPP TS 29.281, and GTP version 0, GSM 09.60. Signalling messages are complete with their header."""
    cdef view_t* view = &cursor.view
    cdef uint32_t flags, message, length, header
    cdef decode_status_t status
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 1):
        return lacking(view, 1)
    flags = view.data[0]
    if flags >> 5 > 1:
        # Version 2 is signalling alone.
        return DECODE_OK
    header = gtp_header(flags)
    if not has(view, header):
        return lacking(view, header)
    message = view.data[1]
    length = be16(view.data + 2)
    if message != GTP_DATA or header == GTP_PRIME_HEADER:
        return DECODE_OK
    skip(view, header)
    clamp(view, length)
    if header == 8 and flags & GTP_OPTIONAL:
        status = skip_gtp_extensions(view, flags & GTP_EXTENDED)
        if status != DECODE_OK:
            return status
    if view.wire == 0:
        return DECODE_OK
    return follow_ip_version(cursor, LAYER_TRANSPORT)


cdef inline decode_status_t read_teredo(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Teredo, RFC 4380 section 5.1.1: authentication and origin indication may stand before the IPv6 packet."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 1):
        return lacking(view, 1)
    if view.data[0] == 0:
        if not has(view, 2):
            return lacking(view, 2)
        if be16(view.data) == TEREDO_AUTHENTICATION:
            if not has(view, 4):
                return lacking(view, 4)
            length = 13 + <uint32_t>view.data[2] + view.data[3]
            if not has(view, length):
                return lacking(view, length)
            skip(view, length)
    if has(view, 2) and be16(view.data) == TEREDO_ORIGIN:
        if not has(view, 8):
            return lacking(view, 8)
        skip(view, 8)
    if not has(view, 1):
        return lacking(view, 1)
    if view.data[0] >> 4 != 6:
        return DECODE_UNSUPPORTED
    cursor.next = NAME_IPV6
    return DECODE_OK


cdef inline bint is_l2tp(const view_t* view) noexcept nogil:
    """Whether what came to L2TP's port is L2TP: tshark asks for the version first."""
    cdef uint32_t version
    if not has(view, 2):
        return False
    version = be16(view.data) & L2TP_VERSION
    return version == 2 or version == 3


cdef inline uint32_t l2tp_header(uint32_t flags) noexcept nogil:
    """Bytes of an L2TP data header up to the offset padding, RFC 2661 section 3.1."""
    cdef uint32_t length = 6
    if flags & 0x4000:
        length += 2
    if flags & 0x0800:
        length += 4
    if flags & 0x0200:
        length += 2
    return length


cdef inline decode_status_t read_l2tp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """L2TP version 2, RFC 2661. Control messages are complete with their header; what version 3 carries has no name."""
    cdef view_t* view = &cursor.view
    cdef uint32_t flags, length
    cursor.layer = LAYER_TRANSPORT
    if not is_l2tp(view):
        return DECODE_TRUNCATED if not has(view, 2) and view.wire >= 2 else DECODE_OK
    flags = be16(view.data)
    if flags & L2TP_VERSION == 3:
        return DECODE_OK if flags & L2TP_CONTROL else DECODE_UNSUPPORTED
    length = l2tp_header(flags)
    if not has(view, length):
        return lacking(view, length)
    if flags & L2TP_CONTROL:
        return DECODE_OK
    if flags & 0x0200:
        length += be16(view.data + length - 2)
        if not has(view, length):
            return lacking(view, length)
    skip(view, length)
    cursor.next = NAME_PPP if view.wire != 0 else NAME_NONE
    return DECODE_OK


cdef inline decode_status_t read_etherip(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """EtherIP, RFC 3378: two bytes, then a frame."""
    cursor.layer = LAYER_TRANSPORT
    return follow_frame(cursor, 2)


cdef inline bint is_lisp(const view_t* view) noexcept nogil:
    """Whether what came to LISP's port has its header: tshark asks before it says so."""
    return has(view, LISP_HEADER)


cdef inline decode_status_t read_lisp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """LISP data, RFC 6830 section 5.3."""
    cursor.layer = LAYER_TRANSPORT
    if not is_lisp(&cursor.view):
        return DECODE_TRUNCATED if cursor.view.wire >= LISP_HEADER else DECODE_OK
    skip(&cursor.view, LISP_HEADER)
    return follow_ip_version(cursor, LAYER_TRANSPORT)


cdef inline decode_status_t read_capwap(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """CAPWAP data, RFC 5415 section 4.3: an Ethernet or an 802.11 frame, the latter with its control field swapped.

    So access points of the largest maker send it, and so tshark reads it unless told otherwise.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t length, binding, flags
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 1):
        return lacking(view, 1)
    if view.data[0] & 0x0F == CAPWAP_SECURE:
        return DECODE_UNSUPPORTED
    if not has(view, 8):
        return lacking(view, 8)
    length = (view.data[1] >> 3) * 4
    binding = view.data[2]
    flags = view.data[3]
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    if flags & CAPWAP_KEEP_ALIVE:
        return DECODE_OK
    if flags & CAPWAP_FRAGMENT:
        return DECODE_UNSUPPORTED
    if not binding & 1:
        cursor.next = NAME_ETH
        return DECODE_OK
    if binding >> 1 & 0x1F != CAPWAP_WLAN:
        return DECODE_UNSUPPORTED
    cursor.next = NAME_WLAN
    cursor.swapped = 1
    return DECODE_OK


cdef inline bint is_ayiya(const view_t* view) noexcept nogil:
    """Whether what came to AYIYA's port looks like it; tshark does not ask."""
    return (
        has(view, 4) and view.data[1] & 0x0F < AYIYA_METHODS and view.data[2] >> 4 < AYIYA_METHODS
    )


cdef inline decode_status_t read_ayiya(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """AYIYA (draft-massar-v6ops-ayiya): lengths, methods, operation, IP protocol, time, identity, signature, packet."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length, operation, protocol
    cursor.layer = LAYER_TRANSPORT
    if not is_ayiya(view):
        return DECODE_TRUNCATED if view.size < 4 and view.wire >= 4 else DECODE_OK
    length = 8 + (1u << (view.data[0] >> 4)) + (view.data[1] >> 4) * 4
    operation = view.data[2] & 0x0F
    protocol = view.data[3]
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    if operation != AYIYA_FORWARD:
        return DECODE_OK
    if protocol == IPPROTO_IPV4:
        cursor.next = NAME_IP
    elif protocol == IPPROTO_IPV6:
        cursor.next = NAME_IPV6
    else:
        return unknown(cursor, KIND_IP_PROTOCOL, protocol, LAYER_TRANSPORT)
    return DECODE_OK


cdef inline bint is_tzsp(const view_t* view) noexcept nogil:
    """Whether what came to TZSP's port, which may be any client's, looks like it; tshark does not ask."""
    return has(view, 1) and view.data[0] == TZSP_VERSION


cdef inline decode_status_t read_tzsp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """TZSP: version, type, encapsulation, tagged fields, a frame."""
    cdef view_t* view = &cursor.view
    cdef uint32_t kind, encapsulation, tag, length, name = NAME_NONE
    cursor.layer = LAYER_TRANSPORT
    if not is_tzsp(view):
        return DECODE_TRUNCATED if not has(view, 1) and view.wire >= 1 else DECODE_OK
    if not has(view, 4):
        return lacking(view, 4)
    kind = view.data[1]
    encapsulation = be16(view.data + 2)
    skip(view, 4)
    if kind == TZSP_KEEP_ALIVE or kind == TZSP_PORT:
        return DECODE_OK
    # Before the fields: who only has the port is not malformed.
    if encapsulation == TZSP_ETHERNET:
        name = NAME_ETH
    elif encapsulation == TZSP_WLAN:
        name = NAME_WLAN
    elif encapsulation == TZSP_PRISM:
        name = NAME_PRISM
    elif encapsulation == TZSP_AVS:
        name = NAME_AVS
    elif encapsulation != TZSP_NOTHING:
        return DECODE_UNSUPPORTED
    tag = TZSP_PADDING
    while tag != TZSP_END:
        if not has(view, 1):
            return lacking(view, 1)
        tag = view.data[0]
        length = 1
        if tag > TZSP_END:
            if not has(view, 2):
                return lacking(view, 2)
            length = 2 + <uint32_t>view.data[1]
        if not has(view, length):
            return lacking(view, length)
        skip(view, length)
    cursor.next = name
    return DECODE_OK
