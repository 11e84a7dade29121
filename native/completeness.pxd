"""tcp.completeness as Wireshark counts it: what of a connection was captured, as bits.

Found by comparing packets with tshark's answers, and tested so: a stream's first packet counts only when it is a pure
SYN, and a segment counts as data or, when it is empty, as an acknowledgement.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef extern from * nogil:
    """
    /* SYN 1, SYN/ACK 2, ACK 4, data 8, FIN 16, RST 32. Without branches: flags are random. */
    static inline uint8_t pcap_completeness(uint32_t flags, int payload, int first) {
        uint32_t fin = flags & 1, syn = flags >> 1 & 1, rst = flags >> 2 & 1, ack = flags >> 4 & 1;
        uint32_t bits = (first & syn) | (syn & ack) << 1 | (ack & !syn & !payload) << 2 | (uint32_t)(payload != 0) << 3
            | fin << 4 | rst << 5;
        return (uint8_t)(bits & -(uint32_t)!(first & !(syn & !ack)));
    }
    """
    uint8_t completeness_bits "pcap_completeness"(uint32_t flags, bint payload, bint first) noexcept
