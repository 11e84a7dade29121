"""What a flow is found by: addresses, ports and protocol, the same for both directions.

A packet's two addresses lie one behind the other, and so do its two ports: the key of a packet that goes the other way
is read with its halves turned, without a branch. Which way a packet goes is random, and a wrong guess costs 15 cycles.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from packet cimport (
    DECODE_MALFORMED,
    DECODE_TRUNCATED,
    HAS_ECHO,
    HAS_FRAGMENT,
    HAS_ICMP,
    HAS_SCTP,
    HAS_TCP,
    HAS_UDP,
    packet_t,
)
from wire cimport load32, load64

cdef extern from * nogil:
    """
    static inline uint64_t pcap_mix(uint64_t a, uint64_t b) {
        unsigned __int128 wide = (unsigned __int128)a * b;
        return (uint64_t)wide ^ (uint64_t)(wide >> 64);
    }
    /* The side that a sender is: 0, which is a, where its address, or of equal ones its port, is the smaller. */
    static inline unsigned pcap_side_of(const uint8_t *addresses, const uint8_t *ports) {
        uint64_t s0, s1, d0, d1;
        uint16_t s, d;
        memcpy(&s0, addresses, 8); memcpy(&s1, addresses + 8, 8);
        memcpy(&d0, addresses + 16, 8); memcpy(&d1, addresses + 24, 8);
        unsigned __int128 src = (unsigned __int128)s1 << 64 | s0, dst = (unsigned __int128)d1 << 64 | d0;
        if (__builtin_expect(src != dst, 1))
            return src > dst;
        memcpy(&s, ports, 2); memcpy(&d, ports + 2, 2);
        return s > d;
    }
    /* The last eight bytes of a key in one store: they are read again in one load. ports: as they lie in the packet. */
    static inline uint64_t pcap_pack_tail(
        uint32_t ports, unsigned side, uint64_t kind, uint64_t protocol, uint64_t ip_version) {
        unsigned turn = 16 * side;
        ports = ports << turn | ports >> (-turn & 31);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        return (uint64_t)ports << 32 | kind << 24 | protocol << 16 | ip_version << 8;
    #else
        return ports | kind << 32 | protocol << 40 | ip_version << 48;
    #endif
    }
    /* Whether two addresses and the rest of a key are that of a flow, canonical already; without making it. */
    static inline int pcap_has_key(const uint8_t *key, const uint8_t *addresses, unsigned side, uint64_t tail) {
        uint64_t k[5], a[2], b[2];
        memcpy(k, key, 40);
        memcpy(a, addresses + 16 * side, 16);
        memcpy(b, addresses + 16 - 16 * side, 16);
        return ((k[0] ^ a[0]) | (k[1] ^ a[1]) | (k[2] ^ b[0]) | (k[3] ^ b[1]) | (k[4] ^ tail)) == 0;
    }
    """
    uint64_t mix "pcap_mix"(uint64_t a, uint64_t b) noexcept
    uint32_t side_of "pcap_side_of"(const uint8_t* addresses, const uint8_t* ports) noexcept
    uint64_t pack_tail "pcap_pack_tail"(
        uint32_t ports, uint32_t side, uint64_t kind, uint64_t protocol, uint64_t ip_version
    ) noexcept
    bint has_key "pcap_has_key"(const uint8_t* key, const uint8_t* addresses, uint32_t side, uint64_t tail) noexcept

cdef enum kind_t:
    KIND_ADDRESSES = 0               # counted for the endpoints only: no flow
    KIND_TCP = 1
    KIND_UDP = 2
    KIND_SCTP = 3
    KIND_ICMP = 4
    KIND_OTHER = 5
    KIND_BESIDE = 6                  # no flow: the entry beside one of UDP, see snmp.pxd

ctypedef struct flow_key_t:          # canonical: the smaller of (address, port) is a
    uint64_t a[2]
    uint64_t b[2]
    uint16_t a_port
    uint16_t b_port
    uint8_t kind
    uint8_t protocol
    uint8_t ip_version
    uint8_t zero


cdef inline void fill_key(
    flow_key_t* key, const uint8_t* addresses, uint32_t ports, uint32_t side,
    uint8_t kind, uint8_t protocol, uint8_t ip_version
) noexcept nogil:
    """The canonical key of both directions. side: what side_of says."""
    cdef uint64_t tail = pack_tail(ports, side, kind, protocol, ip_version)
    memcpy(key.a, addresses + 16 * side, 16)
    memcpy(key.b, addresses + 16 * (1 - side), 16)
    memcpy(&key.a_port, &tail, 8)


cdef inline uint32_t hash_key(const flow_key_t* key, const uint64_t* seed) noexcept nogil:
    """Keyed, so that a capture cannot be made to collide."""
    cdef uint64_t tail = load64(<const uint8_t*>&key.a_port)
    cdef uint64_t wide = mix(key.a[0] ^ seed[0], key.a[1] ^ seed[1]) ^ mix(key.b[0] ^ seed[1], key.b[1] ^ seed[2])
    wide = mix(wide ^ tail ^ seed[3], seed[0] | 1)
    return <uint32_t>(wide ^ (wide >> 32))


cdef inline bint same_key(const flow_key_t* one, const flow_key_t* other) noexcept nogil:
    return (
        one.a[0] == other.a[0] and one.a[1] == other.a[1] and one.b[0] == other.b[0] and one.b[1] == other.b[1]
        and load64(<const uint8_t*>&one.a_port) == load64(<const uint8_t*>&other.a_port)
    )


# ---------------------------------------------------------------- of packets

cdef inline uint32_t key_ports(const packet_t* packet, uint8_t kind) noexcept nogil:
    """The two ports in a packet's key, as they would lie in memory."""
    cdef uint16_t[2] both
    if kind == KIND_TCP or kind == KIND_UDP or kind == KIND_SCTP:
        return load32(<const uint8_t*>&packet.src_port)
    if kind == KIND_ICMP and packet.present & HAS_ECHO:
        both[0] = both[1] = packet.icmp_id
        return load32(<const uint8_t*>both)
    return 0


cdef inline uint32_t packet_side(const packet_t* packet, uint8_t kind) noexcept nogil:
    """The side of its key that a packet's sender is."""
    cdef uint32_t ports = key_ports(packet, kind)
    return side_of(packet.src, <const uint8_t*>&ports)


cdef inline void packet_key(flow_key_t* key, const packet_t* packet, uint8_t kind, uint32_t side) noexcept nogil:
    """The key under which a packet is counted."""
    cdef uint8_t protocol = packet.protocol if kind != KIND_ADDRESSES else 0
    if kind == KIND_UDP:
        protocol = 17                            # UDP-Lite shares UDP's streams in Wireshark
    fill_key(key, packet.src, key_ports(packet, kind), side, kind, protocol, packet.ip_version)


cdef inline bint has_packet_key(
    const flow_key_t* key, const packet_t* packet, uint8_t kind, uint32_t side
) noexcept nogil:
    """Whether a packet of a kind that has a flow is counted under a key: same_key without making the packet's."""
    cdef uint8_t protocol = 17 if kind == KIND_UDP else packet.protocol
    return has_key(
        <const uint8_t*>key, packet.src, side,
        pack_tail(key_ports(packet, kind), side, kind, protocol, packet.ip_version),
    )


cdef inline uint8_t stream_kind(const packet_t* packet) noexcept nogil:
    """Which of Wireshark's stream counters the packet's transport header belongs to; 0 where to none."""
    if packet.present & HAS_TCP:
        return KIND_TCP
    if packet.present & HAS_UDP:
        return KIND_UDP
    return 0


cdef inline uint8_t packet_kind(const packet_t* packet) noexcept nogil:
    """The kind of flow that a packet with an IP header is counted in."""
    if packet.decode_status == DECODE_MALFORMED:
        return KIND_ADDRESSES
    if packet.present & HAS_TCP:
        return KIND_TCP
    if packet.present & HAS_UDP:
        return KIND_UDP
    if packet.present & HAS_SCTP:
        return KIND_SCTP
    if packet.present & HAS_ICMP:
        return KIND_ICMP
    if packet.present & HAS_FRAGMENT and packet.fragment_offset:
        return KIND_ADDRESSES                    # IP reassembly is not done: no ports, no flow
    if packet.decode_status == DECODE_TRUNCATED:
        return KIND_ADDRESSES
    return KIND_OTHER
