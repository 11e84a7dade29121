"""One frame to one `packet_t`: the loop that goes from layer to layer.

What is nearly all of every capture goes straight through (straight.pxd); everything else takes the loop. A frame never
fails: decode_status says how far reading came and decode_layer where it ended.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from cursor cimport cursor_t, enter, note_outer_transport, unknown
from juniper cimport read_juniper
from link cimport (
    LINK_PPP_WITH_DIRECTION, is_isl, layer_of_link_type, read_ethernet, read_mpls, read_pppoe, read_pseudowire,
    read_service_tag, read_vlan,
)
from llc cimport (
    read_ap1394, read_arcnet, read_clip, read_fddi, read_ipoib, read_lane, read_llc, read_sunatm, read_token_ring,
)
from network cimport read_ah, read_arp, read_ipv4, read_ipv6
from packet cimport (
    DECODE_MALFORMED, DECODE_OK, DECODE_UNSUPPORTED, HAS_TIME, LAYER_LINK, LAYER_NONE, LAYER_TRANSPORT,
    MAX_CONVERSATIONS, MAX_DEPTH, NO_EXTRA, NO_SCALE, NO_VLAN, decode_status_t, decoder_t, packet_t,
)
from paths cimport (
    KIND_LINK_TYPE, NAME_8021AD, NAME_8021AH, NAME_8021CB, NAME_AH, NAME_AP1394, NAME_ARCNET, NAME_ARP, NAME_ATM,
    NAME_AVS, NAME_AVSP, NAME_AYIYA, NAME_BATADV, NAME_BCP, NAME_CAPWAP, NAME_CFP, NAME_CHDLC, NAME_CLIP, NAME_CMD,
    NAME_ENC, NAME_ERSPAN, NAME_ETAG, NAME_ETH, NAME_ETHERIP, NAME_FDDI, NAME_FR, NAME_GENEVE, NAME_GRE, NAME_GTP,
    NAME_GTPPRIME, NAME_HSR, NAME_ICMP, NAME_ICMPV6, NAME_IP, NAME_IPNET, NAME_IPOIB, NAME_IPV6, NAME_ISL, NAME_JUNIPER,
    NAME_L2TP, NAME_LANE, NAME_LISP, NAME_LLC, NAME_MACSEC, NAME_MP, NAME_MPLS, NAME_NETLINK, NAME_NFLOG, NAME_NONE,
    NAME_NSH, NAME_NULL, NAME_PFLOG, NAME_PKTAP, NAME_PPI, NAME_PPP, NAME_PPPOES, NAME_PRISM, NAME_PW_CONTROL,
    NAME_PW_ETH, NAME_RADIOTAP, NAME_RAW, NAME_SCTP, NAME_SLL, NAME_TCP, NAME_TEREDO, NAME_TR, NAME_TRILL, NAME_TZSP,
    NAME_UDP, NAME_UDPLITE, NAME_USER_DLT, NAME_VLAN, NAME_VNTAG, NAME_VXLAN, NAME_WLAN, ROOT,
)
from ppp cimport is_chdlc, read_bridged, read_chdlc, read_frame_relay, read_multilink, read_ppp
from pseudo cimport (
    is_ppp, read_enc, read_ipnet, read_netlink, read_nflog, read_null, read_pflog, read_pktap, read_ppi, read_raw,
    read_sll, read_user_dlt,
)
from straight cimport decode_straight
from tags cimport is_macsec, read_arista, read_batman, read_fabric_path, read_macsec, read_tag, read_trill, read_vn_tag
from transport cimport read_icmp, read_icmpv6, read_sctp, read_tcp, read_udp
from tunnel cimport (
    gtp_name, is_ayiya, is_l2tp, is_lisp, is_tzsp, read_ayiya, read_capwap, read_erspan, read_etherip, read_geneve,
    read_gre, read_gtp, read_l2tp, read_lisp, read_nsh, read_teredo, read_tzsp, read_vxlan,
)
from wire cimport has, skip
from wireless cimport is_avs, read_avs, read_prism, read_radiotap, read_wlan

cdef enum:
    MAX_LAYERS = 2 * MAX_DEPTH      # an encapsulation is a shim and a header


cdef inline decode_status_t read_layer(cursor_t* cursor, packet_t* packet, uint32_t name) noexcept nogil:
    """Read one header; it says in cursor.next what follows."""
    if name == NAME_IP: return read_ipv4(cursor, packet)
    elif name == NAME_IPV6: return read_ipv6(cursor, packet)
    elif name == NAME_TCP: return read_tcp(cursor, packet)
    elif name == NAME_UDP: return read_udp(cursor, packet, False)
    elif name == NAME_VLAN: return read_vlan(cursor, packet)
    elif name == NAME_8021AD: return read_service_tag(cursor, packet)
    elif name == NAME_ETH: return read_ethernet(cursor, packet)
    elif name == NAME_ARP: return read_arp(cursor, packet)
    elif name == NAME_ICMP: return read_icmp(cursor, packet)
    elif name == NAME_ICMPV6: return read_icmpv6(cursor, packet)
    elif name == NAME_SCTP: return read_sctp(cursor, packet)
    elif name == NAME_UDPLITE: return read_udp(cursor, packet, True)
    elif name == NAME_AH: return read_ah(cursor, packet)
    elif name == NAME_MPLS: return read_mpls(cursor, packet)
    elif name == NAME_PW_ETH: return read_pseudowire(cursor, packet)
    elif name == NAME_PPPOES: return read_pppoe(cursor, packet)
    elif name == NAME_PPP: return read_ppp(cursor, packet)
    elif name == NAME_LLC: return read_llc(cursor, packet)
    elif name == NAME_SLL: return read_sll(cursor, packet)
    elif name == NAME_NULL: return read_null(cursor, packet)
    elif name == NAME_RAW: return read_raw(cursor, packet)
    elif name == NAME_CHDLC: return read_chdlc(cursor, packet)
    elif name == NAME_FR: return read_frame_relay(cursor, packet)
    elif name == NAME_FDDI: return read_fddi(cursor, packet)
    elif name == NAME_TR: return read_token_ring(cursor, packet)
    elif name == NAME_ARCNET: return read_arcnet(cursor, packet)
    elif name == NAME_IPNET: return read_ipnet(cursor, packet)
    elif name == NAME_IPOIB: return read_ipoib(cursor, packet)
    elif name == NAME_NFLOG: return read_nflog(cursor, packet)
    elif name == NAME_CLIP: return read_clip(cursor, packet)
    elif name == NAME_NETLINK: return read_netlink(cursor, packet)
    elif name == NAME_WLAN: return read_wlan(cursor, packet)
    elif name == NAME_RADIOTAP: return read_radiotap(cursor, packet)
    elif name == NAME_PRISM: return read_prism(cursor, packet)
    elif name == NAME_AVS: return read_avs(cursor, packet)
    elif name == NAME_PPI: return read_ppi(cursor, packet)
    elif name == NAME_USER_DLT: return read_user_dlt(cursor, packet)
    elif name == NAME_PKTAP: return read_pktap(cursor, packet)
    elif name == NAME_GRE: return read_gre(cursor, packet)
    elif name == NAME_ERSPAN: return read_erspan(cursor, packet)
    elif name == NAME_VXLAN: return read_vxlan(cursor, packet)
    elif name == NAME_GENEVE: return read_geneve(cursor, packet)
    elif name == NAME_GTP or name == NAME_GTPPRIME: return read_gtp(cursor, packet)
    elif name == NAME_TEREDO: return read_teredo(cursor, packet)
    elif name == NAME_L2TP: return read_l2tp(cursor, packet)
    elif name == NAME_NSH: return read_nsh(cursor, packet)
    elif name == NAME_ETAG or name == NAME_8021AH or name == NAME_8021CB or name == NAME_HSR or name == NAME_CMD:
        return read_tag(cursor, name)
    elif name == NAME_VNTAG: return read_vn_tag(cursor, packet)
    elif name == NAME_MACSEC: return read_macsec(cursor, packet)
    elif name == NAME_AVSP: return read_arista(cursor, packet)
    elif name == NAME_TRILL: return read_trill(cursor, packet)
    elif name == NAME_CFP: return read_fabric_path(cursor, packet)
    elif name == NAME_BATADV: return read_batman(cursor, packet)
    elif name == NAME_BCP: return read_bridged(cursor, packet)
    elif name == NAME_MP: return read_multilink(cursor, packet)
    elif name == NAME_LISP: return read_lisp(cursor, packet)
    elif name == NAME_CAPWAP: return read_capwap(cursor, packet)
    elif name == NAME_TZSP: return read_tzsp(cursor, packet)
    elif name == NAME_JUNIPER: return read_juniper(cursor, packet)
    elif name == NAME_ETHERIP: return read_etherip(cursor, packet)
    elif name == NAME_AYIYA: return read_ayiya(cursor, packet)
    elif name == NAME_AP1394: return read_ap1394(cursor, packet)
    elif name == NAME_ATM: return read_sunatm(cursor, packet)
    elif name == NAME_LANE: return read_lane(cursor, packet)
    elif name == NAME_ENC: return read_enc(cursor, packet)
    elif name == NAME_PFLOG: return read_pflog(cursor, packet)
    return DECODE_UNSUPPORTED


cdef inline uint32_t shown_from(uint32_t name) noexcept nogil:
    """Bytes of a header that tshark reads before the layer appears in its hierarchy."""
    if name == NAME_TCP or name == NAME_UDP or name == NAME_UDPLITE: return 4
    elif name == NAME_ETH: return 14
    elif name == NAME_SCTP: return 12
    elif name == NAME_ICMP: return 6
    return 1


cdef inline void show(cursor_t* cursor, uint32_t name) noexcept nogil:
    """Count a layer, and take the step down the path that tshark takes for it."""
    cursor.depth += 1
    if cursor.view.size < shown_from(name):
        if cursor.path == ROOT and name != NAME_ETH:
            enter(cursor, name)
    else:
        enter_as_shown(cursor, name)


cdef inline void enter_as_shown(cursor_t* cursor, uint32_t name) noexcept nogil:
    """Where the bytes contradict the name that announced them, tshark shows what they are."""
    cdef uint8_t first = cursor.view.data[0]
    if name == NAME_GTP or name == NAME_GTPPRIME:
        name = gtp_name(name, first)
    elif name == NAME_L2TP and not is_l2tp(&cursor.view):
        return
    elif name == NAME_LISP and not is_lisp(&cursor.view):
        return
    elif name == NAME_MACSEC and not is_macsec(&cursor.view):
        return
    elif name == NAME_TZSP and not is_tzsp(&cursor.view):
        return
    elif name == NAME_AYIYA and not is_ayiya(&cursor.view):
        return
    elif name == NAME_ETH and is_isl(&cursor.view):
        name = NAME_ISL
    elif name == NAME_PRISM and is_avs(&cursor.view):
        name = NAME_AVS
    elif name == NAME_PW_ETH:
        enter(cursor, NAME_PW_CONTROL)
    elif name == NAME_PPP and not cursor.bare and is_chdlc(&cursor.view):
        return
    elif name == NAME_NULL and is_ppp(&cursor.view):
        return
    elif name == NAME_IP and first >> 4 == 6 and not cursor.by_ethertype:
        # tshark has two readers of IPv4: that of ethertypes shows itself even where it finds IPv6 and hands over.
        return
    if name != NAME_NONE:
        enter(cursor, name)


cdef inline decode_status_t read_layers(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Go from layer to layer until one ends, fails, or the nesting is absurd."""
    cdef decode_status_t status = DECODE_OK
    cdef uint32_t name
    while status == DECODE_OK and cursor.next != NAME_NONE:
        if cursor.depth == MAX_LAYERS:
            return DECODE_UNSUPPORTED
        name = cursor.next
        cursor.next = NAME_NONE
        show(cursor, name)
        cursor.by_ethertype = 0
        status = read_layer(cursor, packet, name)
    return status


cdef inline void reset(packet_t* packet) noexcept nogil:
    """Forget what the record held before, except what the walker wrote."""
    cdef uint16_t present = packet.present & HAS_TIME
    cdef uint16_t link_type = packet.link_type
    memset(&packet.payload_length, 0, sizeof(packet_t) - (<uint8_t*>&packet.payload_length - <uint8_t*>packet))
    packet.present = present
    packet.link_type = link_type
    packet.vlan_id = NO_VLAN
    packet.inner_vlan_id = NO_VLAN
    packet.tcp_scale = NO_SCALE
    packet.extra = NO_EXTRA


cdef inline void read_quotes(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """Note the transport headers inside an ICMP error, and inside an error that it quotes.

    They change no column and no status of the packet: only the conversations in its side record.
    """
    cdef packet_t quote
    cdef int _
    for _ in range(MAX_CONVERSATIONS):
        if cursor.quote.size == 0:
            return
        memset(&quote, 0, sizeof(packet_t))
        reset(&quote)
        quote.link_type = packet.link_type
        cursor.view = cursor.quote
        cursor.quote.size = 0
        cursor.quoted = 1
        cursor.hidden = 1
        cursor.depth = 0
        cursor.next = cursor.quoted_layer
        read_layers(cursor, &quote)
        note_outer_transport(cursor, &quote)


cdef inline void decode_frame(decoder_t* decoder, const uint8_t* frame, packet_t* packet) noexcept nogil:
    """Decode the `captured_length` bytes at `frame`; the record's own fields are set, all others are filled here.

    decoder.extras needs room for one more. Reads nothing outside the frame whatever the packet says.
    """
    cdef cursor_t cursor
    cdef decode_status_t status = DECODE_OK
    if decode_straight(decoder, frame, packet):
        return
    reset(packet)
    cursor.view.data = frame
    cursor.view.size = packet.captured_length
    # Some records keep more than they say was on the wire: tshark believes the bytes, so do we.
    cursor.view.wire = max(packet.original_length, packet.captured_length)
    cursor.frame = frame
    cursor.decoder = decoder
    cursor.owner = packet
    cursor.path = ROOT
    cursor.layer = LAYER_NONE
    cursor.quoted = 0
    cursor.hidden = 0
    cursor.pad = 0
    cursor.swapped = 0
    cursor.depth = 0
    cursor.flawed = 0
    cursor.by_ethertype = 0
    cursor.bare = 0
    cursor.quote.size = 0
    cursor.next = layer_of_link_type(packet.link_type)
    if packet.link_type == LINK_PPP_WITH_DIRECTION and has(&cursor.view, 1):
        skip(&cursor.view, 1)
    if cursor.next == NAME_NONE:
        status = unknown(&cursor, KIND_LINK_TYPE, packet.link_type, LAYER_LINK)
    else:
        status = read_layers(&cursor, packet)
    if status == DECODE_OK and cursor.flawed:
        # It was a UDP header that lied, whatever could be read behind it.
        status = DECODE_MALFORMED
        cursor.layer = LAYER_TRANSPORT
    packet.path = cursor.path
    packet.decode_status = <uint8_t>status
    packet.decode_layer = cursor.layer if status != DECODE_OK else LAYER_NONE
    if cursor.quote.size != 0:
        read_quotes(&cursor, packet)
