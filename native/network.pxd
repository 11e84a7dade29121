"""Network headers: IPv4 with options and fragments, IPv6 with its extension headers, AH, ARP."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from cursor cimport cursor_t, extra_of, lacking, note_outer_transport, unknown
from packet cimport (
    DECODE_MALFORMED, DECODE_OK, HAS_ARP, HAS_FRAGMENT, HAS_IP, HAS_IP_ID, HAS_TIME, HAS_TUNNEL, IN_FRAGMENT,
    LAYER_NETWORK, LAYER_TRANSPORT, MORE_FRAGMENTS, NO_SCALE, decode_status_t, extra_t, packet_t,
)
from paths cimport (
    KIND_IP_PROTOCOL, NAME_AH, NAME_ETH, NAME_ETHERIP, NAME_GRE, NAME_ICMP, NAME_ICMPV6, NAME_IP, NAME_IPV6, NAME_MPLS,
    NAME_NONE, NAME_SCTP, NAME_TCP, NAME_UDP, NAME_UDPLITE,
)
from wire cimport be16, be32, clamp, has, mapped_half, skip, view_t

cdef enum:
    IPV4_HEADER = 20
    IP_OPTION_END = 0
    IP_OPTION_NONE = 1
    IP_OPTION_LOOSE_ROUTE = 0x83
    IP_OPTION_STRICT_ROUTE = 0x89
    IPV6_HEADER = 40
    ARP_HEADER = 8
    JUMBO_OPTION = 0xC2             # RFC 2675 section 2
    LONGEST_PLAIN = 0xFFFF          # a jumbogram must be longer
    IPPROTO_HOP_BY_HOP = 0
    IPPROTO_ROUTING_HEADER = 43
    IPPROTO_FRAGMENT_HEADER = 44
    IPPROTO_AUTHENTICATION = 51
    IPPROTO_NO_NEXT = 59
    IPPROTO_DESTINATION_OPTIONS = 60
    IPPROTO_SHIM6 = 140


cdef inline uint32_t layer_of_protocol(uint32_t protocol) noexcept nogil:
    """The layer behind an IP protocol number, NAME_NONE if we read none."""
    if protocol == 6: return NAME_TCP
    elif protocol == 17: return NAME_UDP
    elif protocol == 1: return NAME_ICMP
    elif protocol == 58: return NAME_ICMPV6
    elif protocol == 132: return NAME_SCTP
    elif protocol == 4: return NAME_IP
    elif protocol == 41: return NAME_IPV6
    elif protocol == 47: return NAME_GRE
    elif protocol == 51: return NAME_AH
    elif protocol == 97: return NAME_ETHERIP
    elif protocol == 136: return NAME_UDPLITE
    elif protocol == 137: return NAME_MPLS
    elif protocol == 143: return NAME_ETH       # RFC 8986 section 4.9
    return NAME_NONE


cdef inline decode_status_t follow_protocol(cursor_t* cursor, packet_t* packet, uint32_t protocol) noexcept nogil:
    """Go to the layer of an IP protocol number; its bytes are the payload where it is not read."""
    packet.protocol = <uint8_t>protocol
    if cursor.view.wire == 0:
        # Nothing was sent behind the header, which is no fault of this one.
        return DECODE_OK
    cursor.next = layer_of_protocol(protocol)
    if cursor.next != NAME_NONE:
        return DECODE_OK
    packet.payload_length = cursor.view.wire
    if protocol == IPPROTO_NO_NEXT and packet.ip_version == 6:
        return DECODE_OK
    return unknown(cursor, KIND_IP_PROTOCOL, protocol, LAYER_TRANSPORT)


cdef inline void enter_tunnel(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """A further IP header was found: its columns replace those of the one around it, which go to the side record."""
    cdef extra_t* extra
    note_outer_transport(cursor, packet)
    if not packet.present & HAS_TUNNEL and not cursor.quoted:
        extra = extra_of(cursor.decoder, packet)
        memcpy(extra.outer_src, packet.src, 16)
        memcpy(extra.outer_dst, packet.dst, 16)
        extra.outer_version = packet.ip_version
    packet.present = (packet.present & (HAS_TIME | IN_FRAGMENT)) | HAS_TUNNEL
    packet.payload_length = 0
    packet.src_port = 0
    packet.dst_port = 0
    packet.tcp_seq = 0
    packet.tcp_ack = 0
    packet.tcp_flags = 0
    packet.tcp_window = 0
    packet.tcp_options = 0
    packet.tcp_scale = NO_SCALE
    packet.ip_id = 0
    packet.fragment_offset = 0
    packet.transport_offset = 0
    packet.transport_length = 0


cdef inline void store_ipv4(uint8_t* address, const uint8_t* at) noexcept nogil:
    """::ffff:a.b.c.d, so that one column holds both versions (RFC 4291 section 2.5.5.2)."""
    cdef uint64_t[2] halves
    halves[0] = 0
    halves[1] = mapped_half(at)
    # In halves, as the flow table reads them again a moment later: a load that spans two stores waits for both.
    memcpy(address, halves, 16)


cdef inline bint find_destination(
    const view_t* view, uint32_t header, const uint8_t** destination
) noexcept nogil:
    """Where a packet goes: to the end of its source route, if it is still on it (RFC 791 section 3.1), as in tshark.

    False where the capture lacks what must be looked at for that. tshark shows nothing of such a header.
    """
    cdef const uint8_t* data = view.data
    cdef uint32_t at = IPV4_HEADER, kind, length
    destination[0] = data + 16
    while at < header:
        if not has(view, at + 1):
            return False
        kind = data[at]
        if kind == IP_OPTION_END:
            return True
        if kind == IP_OPTION_NONE:
            at += 1
            continue
        if header - at < 2:
            return True
        if not has(view, at + 2):
            return False
        length = data[at + 1]
        if length < 2 or length > header - at:
            return True
        if kind == IP_OPTION_LOOSE_ROUTE or kind == IP_OPTION_STRICT_ROUTE:
            if length < 3:
                return True
            if not has(view, at + 3):
                return False
            if data[at + 2] < 4 or data[at + 2] & 3 or data[at + 2] + 3 > length:
                return True
            destination[0] = data + at + length - 4
            return has(view, header)
        at += length
    return True


cdef inline decode_status_t read_ipv4(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IPv4 header, RFC 791. On DECODE_OK the view holds the payload, without link-layer padding."""
    cdef view_t* view = &cursor.view
    cdef const uint8_t* data = view.data
    cdef const uint8_t* destination
    cdef uint32_t header, total, fragment
    cursor.layer = LAYER_NETWORK
    if has(view, 1) and data[0] >> 4 == 6:
        # Announced as IPv4; tshark believes the version.
        cursor.next = NAME_IPV6
        return DECODE_OK
    if not has(view, IPV4_HEADER):
        return lacking(view, IPV4_HEADER)
    header = (data[0] & 15) * 4
    if data[0] >> 4 != 4 or header < IPV4_HEADER:
        return DECODE_MALFORMED
    total = be16(data + 2)
    if total < header:
        if total != 0:
            return DECODE_MALFORMED
        # The network card was to cut this up (TSO) and would have filled in the length: the rest of the frame.
        total = view.wire
    if not find_destination(view, header, &destination):
        return lacking(view, header)
    if packet.present & HAS_IP:
        enter_tunnel(cursor, packet)
    clamp(view, total)
    fragment = be16(data + 6)
    packet.ip_version = 4
    packet.traffic_class = data[1]
    packet.ip_id = be16(data + 4)
    packet.ttl = data[8]
    packet.protocol = data[9]
    store_ipv4(packet.src, data + 12)
    store_ipv4(packet.dst, destination)
    packet.present = (packet.present & ~IN_FRAGMENT) | HAS_IP | HAS_IP_ID
    if fragment & 0x3FFF:
        note_fragment(packet, (fragment & 0x1FFF) * 8, fragment & 0x2000)
    if not has(view, header):
        return lacking(view, header)
    skip(view, header)
    if fragment & 0x1FFF:
        packet.payload_length = view.wire
        return DECODE_OK
    return follow_protocol(cursor, packet, data[9])


cdef inline void note_fragment(packet_t* packet, uint32_t offset, bint more) noexcept nogil:
    """The innermost IP packet is a fragment, `offset` bytes into its datagram."""
    packet.fragment_offset = <uint16_t>offset
    packet.present = (packet.present & ~MORE_FRAGMENTS) | HAS_FRAGMENT | IN_FRAGMENT | (MORE_FRAGMENTS if more else 0)


cdef inline uint32_t jumbo_length(const uint8_t* options, uint32_t left) noexcept nogil:
    """The jumbo payload length in a hop-by-hop header's options, 0 without one (RFC 2675): nothing follows then."""
    cdef uint32_t length
    while left >= 2:
        if options[0] == JUMBO_OPTION and options[1] == 4 and left >= 6:
            return be32(options + 2)
        length = 1 if options[0] == 0 else 2 + <uint32_t>options[1]
        if length > left:
            return 0
        options += length
        left -= length
    return 0


cdef inline uint32_t extension_length(uint32_t kind, uint32_t field) noexcept nogil:
    """Bytes of an extension header by its length field; at least 8."""
    if kind == IPPROTO_FRAGMENT_HEADER:
        return 8
    if kind == IPPROTO_AUTHENTICATION:
        return (field + 2) * 4      # RFC 4302 section 2.2: words of four bytes
    return (field + 1) * 8


cdef inline decode_status_t read_extensions(cursor_t* cursor, packet_t* packet, bint jumbo) noexcept nogil:
    """IPv6 extension headers, RFC 8200 section 4, up to the first that is none. packet.protocol is the next header.

    Each takes at least eight bytes, so the frame bounds the loop.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t kind, length, announced, fragment
    while True:
        kind = packet.protocol
        if kind != IPPROTO_HOP_BY_HOP and kind != IPPROTO_ROUTING_HEADER and kind != IPPROTO_DESTINATION_OPTIONS \
                and kind != IPPROTO_FRAGMENT_HEADER and kind != IPPROTO_AUTHENTICATION and kind != IPPROTO_SHIM6:
            return follow_protocol(cursor, packet, kind)
        if view.wire == 0:
            return DECODE_OK
        if not has(view, 8):
            return lacking(view, 8)
        length = extension_length(kind, view.data[1])
        if not has(view, length):
            return lacking(view, length)
        if kind == IPPROTO_HOP_BY_HOP and jumbo:
            # Without the option, or with a length that needed none, nothing says how much follows.
            announced = jumbo_length(view.data + 2, length - 2)
            if announced <= LONGEST_PLAIN:
                return DECODE_MALFORMED
            clamp(view, announced)
            jumbo = False
        packet.protocol = view.data[0]
        if kind == IPPROTO_FRAGMENT_HEADER:
            fragment = be16(view.data + 2)
            # Offset 0 and nothing more to come is an atomic fragment: a whole packet (RFC 6946).
            if fragment & 0xFFF9:
                note_fragment(packet, fragment & 0xFFF8, fragment & 1)
            if fragment & 0xFFF8:
                skip(view, length)
                packet.payload_length = view.wire
                return DECODE_OK
        skip(view, length)


cdef inline decode_status_t read_ipv6(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """IPv6 header, RFC 8200. On DECODE_OK the view holds the payload behind the extension headers."""
    cdef view_t* view = &cursor.view
    cdef const uint8_t* data = view.data
    cdef uint32_t length
    cursor.layer = LAYER_NETWORK
    if not has(view, IPV6_HEADER):
        return lacking(view, IPV6_HEADER)
    if data[0] >> 4 != 6:
        return DECODE_MALFORMED
    if packet.present & HAS_IP:
        enter_tunnel(cursor, packet)
    length = be16(data + 4)
    packet.ip_version = 6
    packet.traffic_class = <uint8_t>(be16(data) >> 4)
    packet.protocol = data[6]
    packet.ttl = data[7]
    memcpy(packet.src, data + 8, 16)
    memcpy(packet.dst, data + 24, 16)
    packet.present |= HAS_IP
    skip(view, IPV6_HEADER)
    # IPv6 payload length 0 announces a jumbogram (RFC 2675) when a hop-by-hop header follows, else nothing follows.
    if length != 0 or packet.protocol != IPPROTO_HOP_BY_HOP:
        clamp(view, length)
    if packet.protocol == 6 or packet.protocol == 17:
        return follow_protocol(cursor, packet, packet.protocol)
    return read_extensions(cursor, packet, length == 0)


cdef inline decode_status_t read_ah(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Authentication header in IPv4, RFC 4302: the payload behind it is in clear."""
    cdef view_t* view = &cursor.view
    cdef uint32_t protocol, length
    cursor.layer = LAYER_TRANSPORT
    if not has(view, 8):
        return lacking(view, 8)
    protocol = view.data[0]
    # Of less than 12 bytes none is sound; tshark reads on behind what the header says, as in IPv6.
    length = extension_length(IPPROTO_AUTHENTICATION, view.data[1])
    if not has(view, length):
        return lacking(view, length)
    skip(view, length)
    return follow_protocol(cursor, packet, protocol)


cdef inline decode_status_t read_arp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """ARP, RFC 826: counted, its addresses are no endpoints of a flow."""
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    cursor.layer = LAYER_NETWORK
    if not has(view, ARP_HEADER):
        return lacking(view, ARP_HEADER)
    packet.present |= HAS_ARP
    length = ARP_HEADER + 2 * (<uint32_t>view.data[4] + view.data[5])
    if not has(view, length):
        return lacking(view, length)
    return DECODE_OK
