"""The short way of a segment that holds no surprise: in order, in a stream where nothing is being repaired.

Most segments of most captures. judge() and measure() ask of each whatever a segment could be; of this one all answers
are known but for a few, so it is taken into the state of its stream in one go, and has no marks. Where anything is
not as it should be nothing was changed, and it goes the long way. Both leave the same state: a test of the long way
that is missing here is one whose outcome a condition of is_plain() settles (tests/scan/test_plain_segments.py).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from acks cimport take_echo
from counters cimport count_in_bucket, trips_t
from coverage cimport MAX_SPAN
from data cimport note_identification, note_new_payload, note_top
from judge cimport bytes_in_flight, fills_window, judged_t, narrow_flight, note_initial_rtt, widen_flight
from limits cimport limit_of, spend, window_of
from packet cimport HAS_TIME, OPTION_SACK, OPTION_SCALE, OPTION_TIMESTAMPS, packet_t
from repairs cimport MAX_WINDOW
from serial cimport after
from spread cimport add_to_bucket, bucket_of
from tcp cimport (
    EPISODES,
    LIMIT_WAITING_RECEIVER,
    SIDE_AFTER_SYN,
    SIDE_FLIGHT_KNOWN,
    SIDE_PROVABLE,
    SIDE_SACKED,
    SIDE_SEEN,
    SIDE_ZERO_OPEN,
    STATE_ACKNOWLEDGED,
    STATE_FED_BACK,
    STATE_REPAIRED,
    STATE_STOOD_STILL,
    STATE_UNSURE,
    STATE_WINDOW,
    TCP_ACK,
    TCP_CONTROL,
    side_t,
    tcp_t,
)
from unacked cimport count_upto, drop_first, keep_segment, segment_t


cdef inline bint is_plain(const tcp_t* tcp, int sender, const packet_t* packet, bint advances) noexcept nogil:
    """Whether a segment is the next payload, or acknowledges more without any, with nothing else to it.

    advances: what it acknowledges is not what was acknowledged before.
    """
    cdef const side_t* own = &tcp.side[sender]
    cdef const side_t* other = &tcp.side[1 - sender]
    cdef uint32_t seq = packet.tcp_seq, ack = packet.tcp_ack, payload = packet.payload_length
    if packet.tcp_flags & (TCP_CONTROL | TCP_ACK) != TCP_ACK or packet.tcp_options & (OPTION_SACK | OPTION_SCALE):
        return False
    if not packet.present & HAS_TIME or not packet.tcp_window:
        return False
    # 0 stands for "not known yet" in next_seq.
    if seq != own.next_seq or seq != own.top or seq == 0 or not own.coverage.known or not other.coverage.known:
        return False
    if not tcp.started or packet.timestamp < tcp.now or tcp.side[0].states & STATE_STOOD_STILL:
        return False
    if own.limit == LIMIT_WAITING_RECEIVER or other.limit == LIMIT_WAITING_RECEIVER or own.bits & SIDE_ZERO_OPEN:
        return False
    if other.contiguous and after(ack, other.contiguous):
        return False
    if ack - other.coverage.end + <uint32_t>MAX_WINDOW > 2 * <uint32_t>MAX_WINDOW:
        return False
    if payload:
        # One byte may be a probe or a keep-alive.
        if seq != own.coverage.end or payload == 1 or payload > <uint32_t>MAX_WINDOW:
            return False
        if seq + payload - own.coverage.begin > <uint32_t>MAX_SPAN or fills_window(other, packet):
            return False
        if other.last_ack and not after(seq + payload, other.last_ack):
            return False
        if not advances:
            return True
    elif ack == own.last_ack:
        return False
    if other.states & STATE_ACKNOWLEDGED and not after(ack, other.acknowledged):
        return False
    if other.states & STATE_REPAIRED or other.bits & EPISODES:
        return False
    return not other.bits & SIDE_PROVABLE or not packet.tcp_options & OPTION_TIMESTAMPS


cdef inline void take_payload(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, uint32_t base, judged_t* judged
) noexcept nogil:
    """The next payload, in both ways of looking at its side."""
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef uint32_t end = packet.tcp_seq + packet.payload_length
    cdef segment_t segment
    own.coverage.end = end
    note_identification(own, packet.ip_id)
    own.states &= ~<uint16_t>STATE_UNSURE
    note_top(tcp, sender, packet, end, packet.timestamp)
    note_new_payload(tcp, sender, packet.payload_length, packet.timestamp)
    own.limit = limit_of(own, other)
    segment.begin = packet.tcp_seq
    segment.end = end
    segment.frame = frame
    segment.time = packet.timestamp
    if keep_segment(&own.unacked, &segment, base):
        widen_flight(own, segment.begin, end)
    if own.contiguous == packet.tcp_seq:
        own.contiguous = end
    own.next_seq = end
    own.next_time = packet.timestamp
    judged.in_flight = bytes_in_flight(own, other, packet, base)
    if judged.in_flight > own.flight_most:
        own.flight_most = judged.in_flight


cdef inline bint take_plain(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, uint32_t base, trips_t* trips, judged_t* judged
) noexcept nogil:
    """What measure() and judge() do with a plain segment. False, and nothing done, where it is none.

    base: as of judge().  trips: where its round trip is counted.  judged: of it `in_flight` and `ack_rtt` are set.
    """
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef uint32_t ack = packet.tcp_ack, done, bucket
    cdef int64_t now = packet.timestamp, elapsed = now - tcp.now, trip = 0
    cdef bint advances = ack != other.acknowledged or not other.states & STATE_ACKNOWLEDGED
    if not is_plain(tcp, sender, packet, advances):
        return False
    done = count_upto(&other.unacked, ack)
    if done and not (advances and other.unacked.first[done - 1].end == ack):
        return False
    if done == 0 and other.unacked.count and not after(other.unacked.first[other.unacked.count - 1].end, ack):
        return False
    spend(&tcp.side[0], elapsed)
    spend(&tcp.side[1], elapsed)
    tcp.now = now
    note_initial_rtt(tcp, packet.tcp_flags, now)
    other.feedback = now
    own.window_bytes = window_of(own, other, packet)
    own.window = packet.tcp_window
    own.states |= STATE_WINDOW
    own.bits = (own.bits & ~<uint16_t>(SIDE_AFTER_SYN | SIDE_SACKED)) | SIDE_SEEN
    own.duplicates = own.duplicates if ack == own.last_ack else 0
    own.last_ack = ack
    own.ack_time = now
    own.last_marks = 0
    if not own.contiguous:
        own.contiguous = packet.tcp_seq
    other.bits |= SIDE_FLIGHT_KNOWN
    judged.in_flight = 0
    if advances:
        if done:
            trip = now - other.unacked.first[done - 1].time
            if not after(ack, other.top):
                bucket = bucket_of(trip)
                add_to_bucket(&other.rtt, trip, bucket)
                count_in_bucket(trips, trip, bucket)
            drop_first(&other.unacked, done)
        take_echo(tcp, 1 - sender, packet, now)
        other.acknowledged = ack
        other.duplicate_count = 0
    other.states |= STATE_FED_BACK | STATE_ACKNOWLEDGED
    judged.ack_rtt = trip
    narrow_flight(other, ack)
    if packet.payload_length:
        take_payload(tcp, sender, packet, frame, base, judged)
    other.limit = limit_of(other, own)
    return True
