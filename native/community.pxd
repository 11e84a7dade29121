"""Community ID v1: a name for a flow that every tool gives it alike, from its addresses, ports and protocol.

"1:" and base64 of SHA-1 over seed, addresses, protocol, a zero and the ports, the smaller end first. ICMP has its type
for a port, and the type that answers it for the other; a type that nothing answers is one-way: nothing is swapped.
https://github.com/corelight/community-id-spec; SHA-1: RFC 3174, base64: RFC 4648.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from conversation cimport flow_row_t
from flow_key cimport KIND_ICMP, KIND_SCTP, KIND_TCP, KIND_UDP

cdef enum:
    COMMUNITY_SIZE = 30              # characters
    DIGEST_WORDS = 5
    ONE_WAY = 0xFFFF                 # instead of the type that answers
    PROTOCOL_ICMP = 1
    PROTOCOL_ICMP6 = 58

cdef extern from * nogil:
    """
    static const char pcap_base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static inline uint32_t pcap_rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

    /* SHA-1 of a message that fits one block with its padding: at most 55 bytes, the rest of `block` zero. */
    static void pcap_sha1_block(const uint8_t *block, uint32_t length, uint32_t *digest) {
        static const uint32_t start[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
        uint32_t w[80], a = start[0], b = start[1], c = start[2], d = start[3], e = start[4];
        for (int t = 0; t < 16; t++)
            w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8
                | block[4 * t + 3];
        w[length / 4] |= 0x80000000u >> (length % 4 * 8);
        w[15] = length * 8;
        for (int t = 16; t < 80; t++)
            w[t] = pcap_rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        for (int t = 0; t < 80; t++) {
            uint32_t odd = b ^ c ^ d, f = t < 20 ? (b & c) | (~b & d) : t / 20 == 2 ? (b & c) | (b & d) | (c & d) : odd;
            uint32_t k = t < 20 ? 0x5A827999 : t < 40 ? 0x6ED9EBA1 : t < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
            uint32_t next = pcap_rotate(a, 5) + f + e + w[t] + k;
            e = d, d = c, c = pcap_rotate(b, 30), b = a, a = next;
        }
        digest[0] = start[0] + a, digest[1] = start[1] + b, digest[2] = start[2] + c;
        digest[3] = start[3] + d, digest[4] = start[4] + e;
    }

    /* 20 bytes as 28 characters, the last of them "=". */
    static void pcap_base64_digest(const uint32_t *digest, char *out) {
        uint8_t bytes[21] = {0};
        for (int at = 0; at < 20; at++)
            bytes[at] = (uint8_t)(digest[at / 4] >> (24 - at % 4 * 8));
        for (int at = 0; at < 7; at++) {
            uint32_t three = (uint32_t)bytes[3 * at] << 16 | (uint32_t)bytes[3 * at + 1] << 8 | bytes[3 * at + 2];
            for (int six = 0; six < 4; six++)
                out[4 * at + six] = pcap_base64[three >> (18 - 6 * six) & 63];
        }
        out[27] = '=';
    }
    """
    void sha1_block "pcap_sha1_block"(const uint8_t* block, uint32_t length, uint32_t* digest) noexcept
    void base64_digest "pcap_base64_digest"(const uint32_t* digest, char* out) noexcept

ctypedef struct community_t:         # what is hashed of a flow
    const uint8_t* src
    const uint8_t* dst
    uint16_t src_port
    uint16_t dst_port
    uint8_t ports                    # the protocol has some
    uint8_t one_way


cdef inline uint16_t answering_icmp(uint8_t kind) noexcept nogil:
    """The ICMP type that answers a type, or is answered by it."""
    if kind == 0:                                # echo
        return 8
    if kind == 8:
        return 0
    if kind == 9 or kind == 13 or kind == 15 or kind == 17:
        return kind + 1                          # router advertisement; timestamp, information, mask requests
    if kind == 10 or kind == 14 or kind == 16 or kind == 18:
        return kind - 1
    return ONE_WAY


cdef inline uint16_t answering_icmp6(uint8_t kind) noexcept nogil:
    """The same for ICMPv6."""
    if kind == 128 or kind == 130 or kind == 144:            # echo, listener query, home agent discovery
        return kind + 1
    if kind == 129 or kind == 131 or kind == 145:
        return kind - 1
    if kind == 133 or kind == 135 or kind == 139:            # router and neighbour solicitation, who are you
        return kind + 1
    if kind == 134 or kind == 136 or kind == 140:
        return kind - 1
    return ONE_WAY


cdef inline bint has_community(const flow_row_t* row) noexcept nogil:
    """False where the protocol has ports but no header of it was read."""
    if row.kind == KIND_TCP or row.kind == KIND_UDP or row.kind == KIND_SCTP or row.kind == KIND_ICMP:
        return True
    return not (
        row.protocol == 6 or row.protocol == 17 or row.protocol == 132 or row.protocol == PROTOCOL_ICMP
        or row.protocol == PROTOCOL_ICMP6
    )


cdef inline void community_ends(community_t* ends, const flow_row_t* row) noexcept nogil:
    """Both ends as the flow's first packet had them; the client sent ICMP's first."""
    cdef uint16_t answer
    ends.src, ends.dst = row.client, row.server
    ends.src_port, ends.dst_port = row.client_port, row.server_port
    ends.one_way = False
    ends.ports = row.kind == KIND_TCP or row.kind == KIND_UDP or row.kind == KIND_SCTP or row.kind == KIND_ICMP
    if row.kind != KIND_ICMP:
        return
    answer = answering_icmp6(row.icmp_type) if row.protocol == PROTOCOL_ICMP6 else answering_icmp(row.icmp_type)
    ends.one_way = answer == ONE_WAY
    ends.src_port = row.icmp_type
    ends.dst_port = row.icmp_code if ends.one_way else answer


cdef inline bint is_swapped(const community_t* ends, uint32_t size) noexcept nogil:
    """Whether the destination is the smaller end. size: bytes of an address."""
    cdef int order = memcmp(ends.src, ends.dst, size)
    if ends.one_way:
        return False
    return order > 0 or (order == 0 and ends.src_port > ends.dst_port)


cdef inline uint32_t community_message(uint8_t* block, const flow_row_t* row) noexcept nogil:
    """What is hashed, with the default seed 0; its length."""
    cdef community_t ends
    cdef uint32_t size = 4 if row.ip_version == 4 else 16, at = 2
    cdef bint swapped
    cdef uint16_t first, second
    community_ends(&ends, row)
    if size == 4:
        ends.src += 12                           # IPv4 as ::ffff:a.b.c.d
        ends.dst += 12
    swapped = is_swapped(&ends, size)
    memcpy(block + at, ends.dst if swapped else ends.src, size)
    memcpy(block + at + size, ends.src if swapped else ends.dst, size)
    at += 2 * size
    block[at] = row.protocol
    at += 2
    if not ends.ports:
        return at
    first, second = (ends.dst_port, ends.src_port) if swapped else (ends.src_port, ends.dst_port)
    block[at] = <uint8_t>(first >> 8)
    block[at + 1] = <uint8_t>(first & 0xFF)
    block[at + 2] = <uint8_t>(second >> 8)
    block[at + 3] = <uint8_t>(second & 0xFF)
    return at + 4


cdef inline void community_id(const flow_row_t* row, char* out) noexcept nogil:
    """COMMUNITY_SIZE characters; zeros where the flow has none."""
    cdef uint8_t[64] block
    cdef uint32_t[DIGEST_WORDS] digest
    memset(out, 0, COMMUNITY_SIZE)
    if not has_community(row):
        return
    memset(block, 0, sizeof(block))
    sha1_block(block, community_message(block, row), digest)
    out[0], out[1] = c"1", c":"
    base64_digest(digest, out + 2)
