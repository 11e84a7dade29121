"""The short way of a segment into the counters of its flow: of a TCP stream that is under way, with nothing new to it.

Most packets of most captures. open_flow(), touch_tcp() and count_packet() ask of a packet whatever it could be; of this
one the answers are known, so it is counted in one go. Where anything is not as it should be nothing was changed, and it
goes the long way. Both leave the same counters (tests/scan/test_plain_segments.py).
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from flow cimport BASES, FLOW_COUNTED, FLOW_SUPERSEDED, FLOW_TIMED, direction_t, flow_t, set_last_frame
from flow_key cimport KIND_TCP, has_packet_key
from packet cimport HAS_TIME, IN_FRAGMENT, packet_t
from sizes cimport carry_of_square, stay_or_add
from tcp cimport TCP_ACK, TCP_PSH, TCP_SELDOM

cdef enum:
    STATE_STEADY = 89                # FLOW_COUNTED, BASES, FLOW_TIMED
    STATE_ASKED = 13437              # those and what must not be: FLOW_SUPERSEDED, RETURNED, OPENING, MOVED, LONE
    TOLD_ACK = 324                   # LETTER_WINDOW, LETTER_ACK, COMPLETE_ACK
    TOLD_DATA = 712                  # LETTER_WINDOW, LETTER_DATA, LETTER_PAID, COMPLETE_DATA


cdef inline bint is_steady(const flow_t* flow, const packet_t* packet, uint32_t side) noexcept nogil:
    """Whether a whole TCP header belongs to a flow and tells nothing of it that was not told before.

    side: of the flow's key that the packet comes from, 0 or 1.
    """
    cdef uint32_t letters = TOLD_DATA if packet.payload_length else TOLD_ACK
    return (
        flow.state & STATE_ASKED == STATE_STEADY
        and packet.tcp_flags & (TCP_SELDOM | TCP_ACK) == TCP_ACK
        and packet.present & (HAS_TIME | IN_FRAGMENT) == HAS_TIME
        and flow.direction[side].letters & letters == letters
        and has_packet_key(&flow.key, packet, KIND_TCP, side)
        and flow.tcp != NULL
    )


cdef inline void widen_sizes(direction_t* direction, uint32_t length) noexcept nogil:
    if length < direction.shortest:
        direction.shortest = length
    else:
        direction.longest = length


cdef inline void widen_windows(direction_t* direction, uint16_t window) noexcept nogil:
    if window < direction.window_min:
        direction.window_min = window
    else:
        direction.window_max = window


cdef inline void count_steady(
    flow_t* flow, const packet_t* packet, uint64_t frame_number, uint32_t side
) noexcept nogil:
    """What count_packet() does with a steady segment."""
    cdef direction_t* direction = &flow.direction[side]
    cdef int64_t now = packet.timestamp
    cdef uint32_t length = packet.original_length, payload = packet.payload_length, carry
    cdef uint16_t window = packet.tcp_window
    cdef uint32_t* upper
    set_last_frame(flow, frame_number)
    if now > flow.last_seen:
        flow.last_seen = now
    elif now < flow.first_seen:
        flow.first_seen = now
    if payload:
        direction.last_payload = now
        direction.payload_bytes += payload
    # In each pair of bounds at once: a number below the lower one is, less that, a very great one.
    if length - direction.shortest > direction.longest - direction.shortest:
        widen_sizes(direction, length)
    if <uint16_t>(window - direction.window_min) > <uint16_t>(direction.window_max - direction.window_min):
        widen_windows(direction, window)
    direction.window_last = window
    direction.packets += 1
    direction.bytes += length
    direction.pushes += (packet.tcp_flags & TCP_PSH) != 0
    carry = carry_of_square(&direction.squares, length)
    if carry:
        upper = &flow.tcp.heading.squares[side]
        upper[0] = stay_or_add(upper[0], carry)
