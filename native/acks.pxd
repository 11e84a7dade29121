"""What a segment says of the other side's data: acknowledgements, SACK blocks and echoes of timestamps.

RFC 6298 and Karn (round trips), 7323 (timestamps). tests/reference/tcp_measures_acks.py is the same in plain Python.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from limits cimport window_of
from packet cimport OPTION_SACK, OPTION_TIMESTAMPS, packet_t
from repairs cimport FOUND_TRIP, MANY, MAX_WINDOW, measured_t, note_overtaken, note_sack, prove_by_echo, sent_at
from sack cimport sack_t
from serial cimport after, before
from spread cimport add_duration
from tcp cimport (
    EPISODE_FAST,
    EPISODE_FILL,
    EPISODE_RTO,
    EPISODE_SACK,
    EPISODE_TAIL_PROBE,
    EPISODES,
    SIDE_PROVABLE,
    STATE_ACKNOWLEDGED,
    STATE_FED_BACK,
    STATE_PROBE,
    STATE_REPAIRED,
    STATE_WINDOW,
    TCP_CONTROL,
    side_t,
    stamps_t,
    tcp_t,
    troubles_t,
)
from unacked cimport segment_t, unacked_t


cdef inline const segment_t* ending_at(const unacked_t* unacked, uint32_t ack) noexcept nogil:
    """The unacknowledged segment that ends at `ack`, or NULL."""
    cdef const segment_t* items = unacked.first
    cdef uint32_t at
    for at in range(unacked.count):
        if not before(items[at].end, ack):
            return &items[at] if items[at].end == ack else NULL
    return NULL


cdef inline bint ambiguous(const side_t* other, uint32_t end) noexcept nogil:
    """Whether nobody knows which copy is acknowledged (Karn).

    What ends behind the range was sent after it was last widened.
    """
    cdef const troubles_t* troubles = other.troubles
    return other.states & STATE_REPAIRED and after(end, troubles.repair_begin) and not after(end, troubles.repair_end)


cdef inline void note_trip(side_t* other, int64_t trip, measured_t* measured) noexcept nogil:
    add_duration(&other.rtt, trip)
    measured.found |= FOUND_TRIP
    measured.trip = trip


cdef inline void sample_round_trip(
    tcp_t* tcp, int sender, uint32_t ack, int64_t now, measured_t* measured
) noexcept nogil:
    """sender: of what is acknowledged."""
    cdef side_t* other = &tcp.side[sender]
    cdef const segment_t* sent = ending_at(&other.unacked, ack)
    cdef troubles_t* troubles = other.troubles
    if sent != NULL and not after(ack, other.top) and not ambiguous(other, ack):
        note_trip(other, now - sent_at(tcp, sent) if now > sent.time else 0, measured)
    elif other.bits & EPISODE_FILL and troubles.fill_end == ack:
        note_trip(other, now - troubles.fill_time, measured)


cdef inline void end_episodes(side_t* other, uint32_t ack) noexcept nogil:
    """What an acknowledgement puts an end to."""
    cdef troubles_t* troubles = other.troubles
    if other.states & STATE_REPAIRED and not before(ack, troubles.repair_end):
        other.states &= ~<uint16_t>STATE_REPAIRED
    if not other.bits & EPISODES:
        return
    other.bits &= ~<uint16_t>EPISODE_TAIL_PROBE
    if not before(ack, troubles.fill_end):
        other.bits &= ~<uint16_t>EPISODE_FILL
    if not before(ack, troubles.rto_until):
        other.bits &= ~<uint16_t>EPISODE_RTO
    if not before(ack, troubles.fast_until):
        other.bits &= ~<uint16_t>EPISODE_FAST
    if not before(ack, troubles.sack_high):
        other.bits &= ~<uint16_t>EPISODE_SACK


cdef inline void take_echo(tcp_t* tcp, int sender, const packet_t* packet, int64_t now) noexcept nogil:
    """One sample a round trip, of ACKs that move the left edge (RFC 7323). sender: of the timestamp."""
    cdef stamps_t* stamps = &tcp.side[sender].stamps
    if not tcp.side[sender].states & STATE_PROBE or not after(packet.tcp_ack, stamps.probe_begin):
        return
    tcp.side[sender].states &= ~<uint16_t>STATE_PROBE
    if packet.tcp_options & OPTION_TIMESTAMPS and packet.tcp_tsecr == stamps.probe:
        stamps.samples += 1
        tcp.stamped_total[sender] += <uint64_t>(now - stamps.probe_time)


cdef inline void advance(
    tcp_t* tcp, int sender, const packet_t* packet, int64_t now, measured_t* measured
) noexcept nogil:
    """More of what `sender` sent is acknowledged."""
    cdef side_t* other = &tcp.side[sender]
    cdef uint32_t ack = packet.tcp_ack
    if other.bits & SIDE_PROVABLE and other.states & STATE_ACKNOWLEDGED and packet.tcp_options & OPTION_TIMESTAMPS:
        prove_by_echo(other, packet.tcp_tsecr, measured)
    sample_round_trip(tcp, sender, ack, now, measured)
    take_echo(tcp, sender, packet, now)
    other.acknowledged = ack
    other.states |= STATE_ACKNOWLEDGED
    other.duplicate_count = 0
    if other.states & STATE_REPAIRED or other.bits & EPISODES:
        end_episodes(other, ack)


cdef inline void take_ack(
    tcp_t* tcp, int sender, const packet_t* packet, const sack_t* sack, int64_t now, measured_t* measured
) noexcept nogil:
    """What a segment of `sender` says of the data of the other side."""
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef uint32_t ack = packet.tcp_ack
    cdef bint selective = packet.tcp_options & OPTION_SACK and sack.count, holed
    tcp.feedback[1 - sender] = now
    other.states |= STATE_FED_BACK
    if not other.coverage.known or ack - other.coverage.end + <uint32_t>MAX_WINDOW > 2 * <uint32_t>MAX_WINDOW:
        return
    holed = other.bits & EPISODE_SACK and after(other.troubles.sack_high, other.acknowledged)
    if selective:
        note_sack(other, sack, ack, measured)
    if not other.states & STATE_ACKNOWLEDGED or after(ack, other.acknowledged):
        if holed:
            note_overtaken(other)
        advance(tcp, 1 - sender, packet, now, measured)
    elif ack == other.acknowledged and after(other.top, ack):
        if packet.payload_length or packet.tcp_flags & TCP_CONTROL or other.duplicate_count == MANY:
            return
        if selective or (own.states & STATE_WINDOW and window_of(own, other, packet) == own.window_bytes):
            other.duplicate_count += 1
