"""Connections through a SOCKS proxy: Wireshark gives the connection behind the proxy a stream number of its own.

It dissects what follows the SOCKS exchange (RFC 1928, SOCKS 4) as TCP payload of that connection, and opens a stream
for it with the first such packet. No packet of ours belongs to it; the number is passed over, so that all later ones
agree.
"""
from libc.stdint cimport uint8_t, uint32_t

from packet cimport packet_t
from tcp cimport MARK_FAST_RETRANSMISSION, MARK_RETRANSMISSION, MARK_SPURIOUS_RETRANSMISSION

cdef enum:
    SOCKS_PORT = 1080

cdef enum socks_state_t:
    SOCKS_NEW = 0
    SOCKS4_ASKED = 1
    SOCKS5_GREETED = 2
    SOCKS5_SIGNS_IN = 3
    SOCKS5_READY = 4
    SOCKS5_ASKED = 5
    SOCKS_OPEN = 6
    SOCKS_OVER = 7                   # numbered, refused, or no SOCKS after all


cdef inline bint is_socks(const packet_t* packet) noexcept nogil:
    """Whether a TCP packet may belong to a SOCKS exchange."""
    return (packet.dst_port == SOCKS_PORT or packet.src_port == SOCKS_PORT) and packet.payload_length


cdef inline bint is_dissected(uint32_t marks) noexcept nogil:
    """Whether Wireshark looks into a segment with these marks: not into what it has seen, if it is not acknowledged."""
    cdef uint32_t again = MARK_RETRANSMISSION | MARK_SPURIOUS_RETRANSMISSION | MARK_FAST_RETRANSMISSION
    return marks & again != MARK_RETRANSMISSION


cdef inline uint8_t from_client(uint8_t state, const uint8_t* payload, uint32_t size) noexcept nogil:
    """The state after a segment to the proxy."""
    if state == SOCKS_NEW and size:
        if payload[0] == 4:
            return SOCKS4_ASKED
        return SOCKS5_GREETED if payload[0] == 5 else SOCKS_OVER
    if state == SOCKS5_READY and size >= 2:
        return SOCKS5_ASKED if payload[1] == 1 else SOCKS_OVER
    return state


cdef inline uint8_t from_proxy(uint8_t state, const uint8_t* payload, uint32_t size) noexcept nogil:
    """The state after a segment from the proxy."""
    if state == SOCKS4_ASKED or state == SOCKS5_ASKED:
        return SOCKS_OPEN
    if state == SOCKS5_SIGNS_IN:
        return SOCKS5_READY
    if state == SOCKS5_GREETED and size >= 2:
        if payload[1] == 0:
            return SOCKS5_READY
        return SOCKS5_SIGNS_IN if payload[1] == 2 else SOCKS_OVER
    return state


cdef inline bint opens_stream(
    uint8_t* state, const packet_t* packet, const uint8_t* payload, uint32_t size
) noexcept nogil:
    """Follow one segment with payload; True for the one with which Wireshark opens the stream behind the proxy."""
    if state[0] == SOCKS_OVER:
        return False
    if state[0] == SOCKS_OPEN:
        state[0] = SOCKS_OVER
        return True
    if packet.dst_port == SOCKS_PORT:
        state[0] = from_client(state[0], payload, size)
    else:
        state[0] = from_proxy(state[0], payload, size)
    return False
