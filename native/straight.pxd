"""The straight way through a frame that holds no surprise: Ethernet, IPv4 or IPv6 without options, TCP or UDP.

Nearly every frame of most captures. Each field of the row is written once, where the loop of decode.pxd clears it
first; what one of the layers' own functions would treat in any special way is left to them. Both give the same row.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from network cimport store_ipv4
from packet cimport (
    DECODE_OK, HAS_IP, HAS_IP_ID, HAS_PORTS, HAS_TCP, HAS_TIME, HAS_UDP, LAYER_NONE, NO_EXTRA, NO_SCALE, NO_VLAN,
    OPTION_TIMESTAMPS, decoder_t, packet_t,
)
from paths cimport NAME_ETH, NAME_IP, NAME_IPV6, NAME_NONE, NAME_TCP, NAME_UDP, ROOT, named, paths_t
from transport cimport ONLY_TIMESTAMPS, read_tcp_options
from tunnel cimport tunnel_of_ports
from wire cimport be16, be32, seldom

cdef enum:
    LINK_ETHERNET = 1
    TO_NETWORK = 14
    TO_TRANSPORT_4 = 34
    TO_TRANSPORT_6 = 54
    TCP_LEAST = 20
    TCP_STAMPED = 32                 # with the timestamps option alone
    UDP_LEAST = 8
    SHORTEST = TO_TRANSPORT_4 + UDP_LEAST


cdef inline void fill_rest(packet_t* packet) noexcept nogil:
    """What such a frame has not."""
    packet.fragment_offset = 0
    packet.vlan_id = NO_VLAN
    packet.inner_vlan_id = NO_VLAN
    packet.decode_status = DECODE_OK
    packet.decode_layer = LAYER_NONE
    packet.icmp_type = 0
    packet.icmp_code = 0
    packet.icmp_id = 0
    packet.tcp_mss = 0
    packet.tcp_scale = NO_SCALE
    packet.tcp_options = 0
    packet.tcp_tsval = 0
    packet.tcp_tsecr = 0
    packet.extra = NO_EXTRA
    packet.hash = 0


cdef inline void fill_tcp(packet_t* packet, const uint8_t* at, uint32_t header, uint32_t wire) noexcept nogil:
    """A whole TCP header. wire: bytes of the segment."""
    packet.tcp_seq = be32(at + 4)
    packet.tcp_ack = be32(at + 8)
    packet.tcp_flags = be16(at + 12) & 0x0FFF
    packet.tcp_window = be16(at + 14)
    packet.payload_length = wire - header
    if header == TCP_STAMPED and be32(at + TCP_LEAST) == ONLY_TIMESTAMPS:
        packet.tcp_tsval = be32(at + 24)
        packet.tcp_tsecr = be32(at + 28)
        packet.tcp_options = OPTION_TIMESTAMPS
    elif header != TCP_LEAST:
        read_tcp_options(at + TCP_LEAST, header - TCP_LEAST, header - TCP_LEAST, packet)


cdef inline void fill_udp(packet_t* packet, uint32_t length) noexcept nogil:
    packet.tcp_seq = 0
    packet.tcp_ack = 0
    packet.tcp_flags = 0
    packet.tcp_window = 0
    packet.payload_length = length - UDP_LEAST


cdef inline uint16_t straight_path(paths_t* paths, uint32_t network, uint32_t transport) noexcept nogil:
    return named(paths, named(paths, named(paths, ROOT, NAME_ETH), network), transport)


cdef inline bint decode_straight(decoder_t* decoder, const uint8_t* frame, packet_t* packet) noexcept nogil:
    """The whole row of a plain frame; False, and nothing but the fields of the record sure, where it is none."""
    cdef uint32_t size = packet.captured_length, wire = packet.original_length
    cdef uint32_t kind, total, protocol, header, network, to_transport
    cdef uint16_t present = packet.present & HAS_TIME
    cdef const uint8_t* at
    cdef uint16_t* path
    if packet.link_type != LINK_ETHERNET or size < SHORTEST:
        return False
    if wire < size:
        wire = size
    kind = be16(frame + 12)
    if kind == 0x0800:
        total = be16(frame + 16)
        # No options, no fragment, and a length that holds its own header.
        if frame[14] != 0x45 or be16(frame + 20) & 0x3FFF or total < TO_TRANSPORT_4 - TO_NETWORK:
            return False
        total -= TO_TRANSPORT_4 - TO_NETWORK
        to_transport = TO_TRANSPORT_4
        protocol = frame[23]
        network = NAME_IP
    elif kind == 0x86DD and size >= TO_TRANSPORT_6 and frame[14] >> 4 == 6:
        total = be16(frame + 18)
        to_transport = TO_TRANSPORT_6
        protocol = frame[20]
        network = NAME_IPV6
    else:
        return False
    # From here on the transport's bytes: those captured, and those on the wire by the network header's length.
    at = frame + to_transport
    size -= to_transport
    wire -= to_transport
    size = total if total < size else size
    wire = total if total < wire else wire
    if protocol == 6:
        if size < TCP_LEAST:
            return False
        header = (at[12] >> 4) * 4
        if header < TCP_LEAST or header > size:
            return False
    elif protocol == 17:
        if size < UDP_LEAST:
            return False
        header = be16(at + 4)
        if header < UDP_LEAST or header > wire or tunnel_of_ports(be16(at), be16(at + 2)) != NAME_NONE:
            return False
    else:
        return False
    fill_rest(packet)
    if network == NAME_IP:
        store_ipv4(packet.src, frame + 26)
        store_ipv4(packet.dst, frame + 30)
        packet.ip_version = 4
        packet.traffic_class = frame[15]
        packet.ip_id = be16(frame + 18)
        packet.ttl = frame[22]
        present |= HAS_IP | HAS_IP_ID | HAS_PORTS
    else:
        memcpy(packet.src, frame + 22, 16)
        memcpy(packet.dst, frame + 38, 16)
        packet.ip_version = 6
        packet.traffic_class = <uint8_t>(be16(frame + 14) >> 4)
        packet.ip_id = 0
        packet.ttl = frame[21]
        present |= HAS_IP | HAS_PORTS
    packet.protocol = <uint8_t>protocol
    packet.src_port = be16(at)
    packet.dst_port = be16(at + 2)
    packet.transport_offset = <uint16_t>to_transport
    path = &decoder.straight[(network == NAME_IPV6) << 1 | (protocol == 17)]
    if seldom(path[0] == 0):
        path[0] = straight_path(<paths_t*>decoder.paths, network, NAME_TCP if protocol == 6 else NAME_UDP)
    packet.path = path[0]
    if protocol == 6:
        packet.present = present | HAS_TCP
        packet.transport_length = <uint16_t>header
        fill_tcp(packet, at, header, wire)
    else:
        packet.present = present | HAS_UDP
        packet.transport_length = UDP_LEAST
        fill_udp(packet, header)
    return True
