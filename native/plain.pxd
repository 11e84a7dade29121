"""The short way of a segment that holds no surprise: in order, in a stream where nothing is being repaired.

Most segments of most captures. judge() and measure() ask of each whatever a segment could be; of this one all answers
are known but for a few, so it is taken into the state of its stream in one go, and has no marks. Where anything is
not as it should be nothing was changed, and it goes the long way. Both leave the same state: a test of the long way
that is missing here is one whose outcome a condition of is_quiet() or is_plain() settles, and what is_quiet() asks for
still holds behind a plain segment (tests/scan/test_plain_segments.py).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from acks cimport take_echo
from counters cimport count_in_bucket, trips_t
from coverage cimport MAX_SPAN
from data cimport note_identification, note_new_payload, note_top
from judge cimport bytes_in_flight, fills_window, judged_t, narrow_flight, widen_flight
from limits cimport has_waited, hold, holding, settle, start, stop, window_of
from packet cimport HAS_TIME, OPTION_SACK, OPTION_SCALE, OPTION_TIMESTAMPS, packet_t
from repairs cimport MAX_WINDOW
from serial cimport after
from spread cimport add_to_bucket, bucket_of
from tcp cimport (
    EPISODES,
    LIMIT_NONE,
    LIMIT_WAITING_RECEIVER,
    SIDE_AFTER_SYN,
    SIDE_FLIGHT_KNOWN,
    SIDE_INITIAL_RTT,
    SIDE_PROVABLE,
    SIDE_SACKED,
    SIDE_SEEN,
    SIDE_SYN_TIME,
    SIDE_ZERO_OPEN,
    STATE_PAYLOAD,
    STATE_REPAIRED,
    TCP_ACK,
    TCP_CONTROL,
    side_t,
    tcp_t,
)
from unacked cimport drop_first, keep_segment, segment_t, unacked_t


cdef enum:
    STATES_QUIET = 385               # STATE_ACKNOWLEDGED, WINDOW, FED_BACK
    STATES_ASKED = 34753             # those and what must not be: STATE_FIN, UNSURE, WINDOW_PROBE, STOOD_STILL


cdef inline bint is_quiet(const side_t* side, const side_t* other) noexcept nogil:
    """Whether all that is known of a direction ends at one number, and nothing of it is disputed."""
    cdef uint32_t next_seq = side.next_seq           # 0 stands for "not known yet"
    return (
        side.states & STATES_ASKED == STATES_QUIET and side.bits & (SIDE_SEEN | SIDE_ZERO_OPEN) == SIDE_SEEN
        and next_seq != 0 and side.contiguous != 0 and side.coverage.known
        and next_seq == side.top and next_seq == side.coverage.end
        and side.acknowledged == other.last_ack and next_seq - side.acknowledged <= <uint32_t>MAX_WINDOW
        and side.limit != LIMIT_WAITING_RECEIVER
    )


cdef inline void note_quiet(tcp_t* tcp) noexcept nogil:
    """Find whether the stream is quiet, behind whatever may have changed that."""
    tcp.quiet = (
        is_quiet(&tcp.side[0], &tcp.side[1]) and is_quiet(&tcp.side[1], &tcp.side[0])
        # No ACK is waited for to say how long the handshake took.
        and tcp.side[0].bits & (SIDE_INITIAL_RTT | SIDE_SYN_TIME) != SIDE_SYN_TIME
        and tcp.started
    )


cdef inline bint is_plain(
    const tcp_t* tcp, const side_t* own, const side_t* other, const packet_t* packet
) noexcept nogil:
    """Whether a segment of a quiet stream is the next payload, or acknowledges more, with nothing else to it."""
    cdef uint32_t seq = packet.tcp_seq, payload = packet.payload_length, end = seq + payload
    cdef uint32_t advance = packet.tcp_ack - other.acknowledged
    if packet.tcp_flags & (TCP_CONTROL | TCP_ACK) != TCP_ACK or packet.tcp_options & (OPTION_SACK | OPTION_SCALE):
        return False
    # As pass_time() compares: a difference that 64 bits do not hold is one to stand still at, too.
    if not packet.present & HAS_TIME or packet.timestamp - tcp.now < 0 or not packet.tcp_window:
        return False
    if seq != own.next_seq or advance > other.next_seq - other.acknowledged or after(packet.tcp_ack, other.contiguous):
        return False
    if advance:
        if other.states & STATE_REPAIRED or other.bits & EPISODES:
            return False
        if other.bits & SIDE_PROVABLE and packet.tcp_options & OPTION_TIMESTAMPS:
            return False
    elif payload == 0:
        return False
    if payload == 0:
        return True
    # One byte may be a probe or a keep-alive.
    if payload - 2 > <uint32_t>MAX_WINDOW - 2 or end - own.acknowledged > <uint32_t>MAX_WINDOW or end == 0:
        return False
    return end - own.coverage.begin <= <uint32_t>MAX_SPAN and not fills_window(other, packet)


cdef inline bint is_met(const unacked_t* unacked, uint32_t ack, bint advances, uint32_t* done) noexcept nogil:
    """Whether an ACK takes nothing from a list, or all up to a segment that ends exactly there: `done` segments.

    A list may be out of order, and its ends half the number space away, where each of two numbers is before the other:
    then judge() and measure() do not agree on what is met, and both are to be asked.
    """
    cdef const segment_t* items = unacked.first
    cdef uint32_t count = 0, left
    while count < unacked.count and ack - items[count].end - 1 < 0x7FFFFFFFu:
        count += 1
    if count < unacked.count and items[count].end == ack:
        count += 1
    elif count:
        return False
    done[0] = count
    left = unacked.count - count
    if count and not advances:
        return False
    if left == 0:
        return True
    return ack - items[count].end > 0x80000000u and after(items[unacked.count - 1].end, ack)


cdef inline void take_payload(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, judged_t* judged
) noexcept nogil:
    """The next payload, in both ways of looking at its side."""
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef uint32_t end = packet.tcp_seq + packet.payload_length
    cdef segment_t segment
    if own.contiguous == packet.tcp_seq:
        own.contiguous = end
    own.coverage.end = own.next_seq = end
    note_identification(own, packet.ip_id)
    note_top(tcp, sender, packet, end, packet.timestamp)
    if has_waited(own):
        stop(own, packet.timestamp)
        settle(tcp, sender)
        start(own, packet.timestamp)
    note_new_payload(tcp, sender, packet.payload_length, packet.timestamp)
    hold(own, holding(own, other), packet.timestamp)    # a quiet side has all else that limit_of() asks for
    segment.begin = packet.tcp_seq
    segment.end = end
    segment.frame = frame
    segment.time = packet.timestamp
    if keep_segment(&own.unacked, &segment, own.base):
        widen_flight(own, segment.begin, end)
    own.next_time = packet.timestamp
    judged.in_flight = bytes_in_flight(own, other, packet, own.base)
    if judged.in_flight > own.flight_most:
        own.flight_most = judged.in_flight


cdef inline bint take_plain(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, trips_t* trips, judged_t* judged
) noexcept nogil:
    """What measure() and judge() do with a plain segment. False, and nothing done, where it is none.

    trips: where its round trip is counted.  judged: of it `in_flight` and `ack_rtt` are set.
    """
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef uint32_t ack = packet.tcp_ack, done, bucket
    cdef int64_t now = packet.timestamp, trip = 0, measured
    cdef bint advances = ack != other.acknowledged
    if not tcp.quiet or not is_plain(tcp, own, other, packet):
        return False
    if not is_met(&other.unacked, ack, advances, &done):
        return False
    tcp.now = tcp.feedback[1 - sender] = tcp.ack_time[sender] = now
    own.window_bytes = window_of(own, other, packet)
    own.window = packet.tcp_window
    own.bits &= ~<uint16_t>(SIDE_AFTER_SYN | SIDE_SACKED)
    own.last_marks = 0
    other.bits |= SIDE_FLIGHT_KNOWN
    judged.in_flight = 0
    if advances:
        if done:
            trip = now - other.unacked.first[done - 1].time
            measured = trip if trip > 0 else 0   # of a segment that was not measured its time may lie ahead
            bucket = bucket_of(measured)
            add_to_bucket(&other.rtt, measured, bucket)
            count_in_bucket(trips, measured, bucket)
            drop_first(&other.unacked, done)
        take_echo(tcp, 1 - sender, packet, now)
        other.acknowledged = own.last_ack = ack
        other.duplicate_count = 0
        own.duplicates = 0
    judged.ack_rtt = trip
    narrow_flight(other, ack)
    if packet.payload_length:
        take_payload(tcp, sender, packet, frame, judged)
    hold(other, holding(other, own) if other.states & STATE_PAYLOAD else LIMIT_NONE, now)
    if own.limit == LIMIT_WAITING_RECEIVER or other.limit == LIMIT_WAITING_RECEIVER:
        tcp.quiet = 0
    return True
