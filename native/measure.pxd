"""Our own measures of TCP, beside Wireshark's marks: bytes seen twice and missed, round trips, what holds a sender up.

Called for each segment that is not plain (plain.pxd) before judge(), with which it shares the list of unacknowledged
segments: that is as it was before the segment. Sequence numbers are raw; one that lies further than a window from the
highest captured byte belongs to another sequence space. Time that runs backwards stands still. acks.pxd, data.pxd and
limits.pxd are what is asked of every segment, repairs.pxd what is asked of few. tests/reference/tcp_measures.py is the
same in plain Python.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from acks cimport take_ack
from coverage cimport missed_bytes_before
from data cimport take_data
from limits cimport limit_of, start, stop, take_window
from packet cimport HAS_TIME, OPTION_SACK_PERMITTED, OPTION_SCALE, OPTIONS_CUT, packet_t
from repairs cimport measured_t
from sack cimport sack_t
from tcp cimport (
    SIDE_ZERO_OPEN,
    STATE_ACKNOWLEDGED,
    STATE_SACK_PERMITTED,
    STATE_SCALED,
    STATE_STOOD_STILL,
    STATE_SYN,
    TCP_ACK,
    TCP_CONTROL,
    TCP_SYN,
    side_t,
    tcp_t,
    troubles_of,
    troubles_t,
)

cdef enum:
    MAX_SCALE = 14                   # of a window (RFC 7323)


cdef inline void stand_still(tcp_t* tcp, uint64_t frame) noexcept nogil:
    """Time ran backwards. The last such stretch is remembered: its segments are listed with their own times."""
    cdef troubles_t* troubles = troubles_of(&tcp.side[0])
    if troubles == NULL or (tcp.side[0].states & STATE_STOOD_STILL and troubles.still == tcp.now):
        return
    tcp.side[0].states |= STATE_STOOD_STILL
    troubles.still = tcp.now
    troubles.still_frame = frame


cdef inline int64_t pass_time(tcp_t* tcp, const packet_t* packet, uint64_t frame) noexcept nogil:
    """The time of a segment, never before that of the last; what has passed goes to what held each side up."""
    cdef int64_t now = packet.timestamp if packet.present & HAS_TIME else tcp.now, elapsed = now - tcp.now
    if tcp.started and elapsed < 0:
        stand_still(tcp, frame)
    elif tcp.started:
        tcp.now = now
    stop(&tcp.side[0], tcp.now)
    stop(&tcp.side[1], tcp.now)
    if not tcp.started:                          # what was before the first time took none
        tcp.started = packet.present & HAS_TIME
        tcp.now = now
    return tcp.now


cdef inline void take_options(side_t* own, const packet_t* packet) noexcept nogil:
    """What a SYN settles for its side; where its options were cut, no more than what they say."""
    own.states &= ~<uint16_t>(STATE_SYN | STATE_SCALED | STATE_SACK_PERMITTED)
    if packet.tcp_options & OPTION_SCALE or not packet.tcp_options & OPTIONS_CUT:
        own.states |= STATE_SYN
    if packet.tcp_options & OPTION_SCALE:
        own.states |= STATE_SCALED
        own.shift = packet.tcp_scale if packet.tcp_scale < MAX_SCALE else MAX_SCALE
    if packet.tcp_options & OPTION_SACK_PERMITTED:
        own.states |= STATE_SACK_PERMITTED


cdef inline uint32_t measure(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, const sack_t* sack, measured_t* measured
) noexcept nogil:
    """Take a segment into the measures of its stream; MARK_SEEN_TWICE or 0.

    sender: 0 or 1, the side it came from.  sack: read only with OPTION_SACK.
    measured: what is of interest for an event; nothing but `found` is written for most segments.
    """
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef int64_t now = pass_time(tcp, packet, frame)
    cdef uint32_t mark
    measured.found = 0
    if packet.tcp_flags & TCP_SYN:
        take_options(own, packet)
    if packet.tcp_flags & TCP_ACK:
        take_ack(tcp, sender, packet, sack, now, measured)
    mark = take_data(tcp, sender, packet, frame, now, measured)
    take_window(own, other, packet, now)
    if packet.payload_length or packet.tcp_flags & TCP_CONTROL:  # else nothing that its own limit depends on
        own.limit = limit_of(own, other)
    other.limit = limit_of(other, own)
    start(own, now)
    start(other, now)
    return mark


cdef inline uint64_t unique_bytes(const side_t* side, uint64_t payload_bytes) noexcept nogil:
    """Of the payload of all measured segments, what was captured for the first time."""
    cdef const troubles_t* troubles = side.troubles
    if troubles == NULL:
        return payload_bytes
    return payload_bytes - troubles.again_bytes - <uint64_t>troubles.left_out_bytes


cdef inline uint64_t missed_acknowledged_bytes(const side_t* side) noexcept nogil:
    """Bytes that the other side has and the capture missed."""
    if not side.states & STATE_ACKNOWLEDGED:
        return 0
    return missed_bytes_before(&side.coverage, side.acknowledged)


cdef inline uint64_t closed_time(const tcp_t* tcp, int sender) noexcept nogil:
    """ns for which the window that a side announced was closed, up to the last packet."""
    cdef const troubles_t* troubles = tcp.side[sender].troubles
    if troubles == NULL:
        return 0
    if tcp.side[sender].bits & SIDE_ZERO_OPEN:
        return troubles.zero_ns + <uint64_t>(tcp.now - troubles.zero_since)
    return troubles.zero_ns
