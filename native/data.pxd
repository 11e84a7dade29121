"""What a segment brings of its side's data: new bytes, those seen before, and what only looks like data.

A segment that is the next payload goes straight through. Keep-alives and window probes are no data: whether their byte
is taken nobody can tell. tests/reference/tcp_measures.py is the same in plain Python.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from coverage cimport cover, covered_t, forget_beginning, hole_t, restart_coverage, too_wide
from lateness cimport LATE_PAYLOAD, note_reading
from limits cimport note_full, settle
from packet cimport OPTION_TIMESTAMPS, packet_t
from repairs cimport FOUND_HOLE, MAX_WINDOW, measured_t, note_fill, note_repetition, span_t, trips_t
from serial cimport after, before
from tcp cimport (
    EPISODE_FILL,
    EPISODES,
    SIDE_PROVABLE,
    MARK_SEEN_TWICE,
    SIDE_SYN_TIME,
    STATE_ACKNOWLEDGED,
    STATE_FIN,
    STATE_ISN,
    STATE_PAYLOAD,
    STATE_PROBE,
    STATE_REPAIRED,
    STATE_SHORT,
    STATE_STAMPED,
    STATE_UNSURE,
    STATE_WINDOW,
    STATE_WINDOW_PROBE,
    TCP_ACK,
    TCP_CONTROL,
    TCP_FIN,
    TCP_RST,
    TCP_SYN,
    initial_rtt,
    side_t,
    stamps_t,
    tcp_t,
    trip_to,
    troubles_of,
    troubles_t,
)


cdef inline void note_first_byte(tcp_t* tcp, int sender, int64_t now) noexcept nogil:
    """From the client's last new payload to the server's first."""
    if sender == tcp.client:
        if not tcp.side[1 - sender].states & STATE_PAYLOAD:
            tcp.request = now
            tcp.requested = 1
    elif not tcp.side[sender].states & STATE_PAYLOAD and tcp.requested:
        tcp.request = now - tcp.request


cdef inline void note_new_payload(tcp_t* tcp, int sender, uint32_t payload, int64_t now) noexcept nogil:
    """Some of the payload was captured for the first time. settle() comes before."""
    cdef side_t* own = &tcp.side[sender]
    if payload > own.largest:
        own.largest = payload
        note_full(tcp, sender)
    own.states = <uint16_t>(
        (own.states & ~<uint32_t>STATE_SHORT)
        | (STATE_SHORT if <int64_t>payload < own.full else 0)
    )
    if not tcp.side[1 - tcp.client].states & STATE_PAYLOAD:
        note_first_byte(tcp, sender, now)
    own.states |= STATE_PAYLOAD


cdef inline void note_top(
    tcp_t* tcp, int sender, const packet_t* packet, uint32_t end, int64_t now
) noexcept nogil:
    """What stands at the top, and the timestamp whose echo is awaited."""
    cdef side_t* own = &tcp.side[sender]
    cdef stamps_t* stamps = &own.stamps
    if after(end, own.top):
        own.top = end
        own.states &= ~<uint16_t>STATE_WINDOW_PROBE
    if not packet.tcp_options & OPTION_TIMESTAMPS:
        return
    if own.states & STATE_STAMPED and not after(packet.tcp_tsval, stamps.latest):
        return
    stamps.latest = packet.tcp_tsval
    if not own.states & STATE_STAMPED:
        own.states |= STATE_STAMPED
        note_full(tcp, sender)
    if not own.states & STATE_PROBE and (not own.states & STATE_ACKNOWLEDGED or after(end, own.acknowledged)):
        own.states |= STATE_PROBE
        stamps.probe = packet.tcp_tsval
        stamps.probe_begin = packet.tcp_seq
        stamps.probe_time = now
        if packet.payload_length >= <uint32_t>LATE_PAYLOAD:
            note_reading(&own.rtt, now, packet.tcp_tsval)


cdef inline void note_identification(side_t* own, uint16_t ip_id) noexcept nogil:
    """The IPv4 identification of the segment with the newest data, 0 unknown. One that never changes says nothing."""
    own.rtt.top_id = 0 if ip_id == own.rtt.top_id else ip_id


cdef inline void leave_out(side_t* own, int64_t payload) noexcept nogil:
    """Payload that is no data of the stream."""
    cdef troubles_t* troubles = troubles_of(own) if payload else NULL
    if troubles != NULL:
        troubles.left_out_bytes += payload


cdef inline bint took_keep_alive(side_t* own, const packet_t* packet) noexcept nogil:
    """The byte before the next one, all before it being acknowledged: there is nothing to repeat."""
    cdef troubles_t* troubles
    if packet.tcp_seq != own.top - 1 or packet.payload_length > 1 or packet.tcp_flags & (TCP_SYN | TCP_FIN):
        return False
    if own.states & STATE_ACKNOWLEDGED and before(own.acknowledged, own.top):
        return False
    troubles = troubles_of(own)
    if troubles != NULL:
        troubles.keep_alives += 1
        troubles.left_out_bytes += packet.payload_length
        if packet.payload_length and not own.states & STATE_ACKNOWLEDGED:
            # It may as well be a repetition: no round trip from that byte.
            own.states |= STATE_REPAIRED
            troubles.repair_begin = own.top - 1
            troubles.repair_end = own.top
    return True


cdef inline bint took_window_probe(side_t* own, const side_t* other, const packet_t* packet) noexcept nogil:
    """One byte against a closed window: it may be thrown away, so it does not count as sent."""
    cdef troubles_t* troubles
    if packet.payload_length != 1 or packet.tcp_flags & (TCP_SYN | TCP_FIN):
        return False
    if not other.states & STATE_WINDOW or other.window_bytes:
        return False
    if packet.tcp_seq != own.top or own.top != own.coverage.end:
        return False
    own.states |= STATE_WINDOW_PROBE
    troubles = troubles_of(own)
    if troubles != NULL:
        troubles.window_probes += 1
        troubles.left_out_bytes += 1
    return True


cdef inline void join(side_t* own, const packet_t* packet, uint32_t first) noexcept nogil:
    """Make `first` a place of the stream: its first byte, its next after a probe, or that of another sequence space."""
    cdef troubles_t* troubles
    if not own.coverage.known:
        restart_coverage(&own.coverage, first)
        own.top = packet.tcp_seq
    elif first - own.coverage.end + <uint32_t>MAX_WINDOW > 2 * <uint32_t>MAX_WINDOW:
        restart_coverage(&own.coverage, first)
        own.top = packet.tcp_seq
        own.states &= ~<uint16_t>STATE_REPAIRED
        own.bits |= SIDE_PROVABLE                # numbers that were passed may be met again
        troubles = troubles_of(own)
        if troubles != NULL:
            troubles.strays += 1
    elif first == own.coverage.end + 1:
        if own.states & STATE_UNSURE:            # what was seen before was a keep-alive
            restart_coverage(&own.coverage, first)
            own.top = first
        elif own.states & STATE_WINDOW_PROBE:    # the probe's byte was taken after all
            own.coverage.end = first
            leave_out(own, -1)
    own.states &= ~<uint16_t>STATE_UNSURE


cdef inline bint fin_seen(side_t* own, uint32_t end, const hole_t* noticed) noexcept nogil:
    """Whether the number of a FIN was captured before. It may be missing between others, which came first."""
    cdef covered_t covered
    if after(end, own.coverage.end):
        return not after(end, own.top)
    cover(&own.coverage, end - 1, end, noticed, &covered)
    return covered.new == 0


cdef inline bint came_again(
    side_t* own, uint32_t* isn, const packet_t* packet, uint32_t end, uint32_t seen, const hole_t* noticed
) noexcept nogil:
    """Whether any of a segment's numbers was captured before: payload, else SYN, else FIN."""
    cdef troubles_t* troubles
    cdef bint again = seen != 0, syn = False, fin = False
    if packet.tcp_flags & TCP_SYN:
        syn = own.states & STATE_ISN and isn[0] == packet.tcp_seq and not again
        isn[0] = packet.tcp_seq
        own.states |= STATE_ISN
    if packet.tcp_flags & TCP_FIN:
        own.states |= STATE_FIN
        fin = fin_seen(own, end, noticed) and not again and not syn
    if not (again or syn or fin):
        return False
    troubles = troubles_of(own)
    if troubles != NULL:
        troubles.again_bytes += seen
        troubles.syn_retries += syn
        troubles.fin_retries += fin
    return True


cdef inline void widen_repair(
    side_t* own, const span_t* span, uint32_t fill_end, bint fill, int64_t now
) noexcept nogil:
    """Karn: what was under way until now is acknowledged by who knows which copy."""
    cdef troubles_t* troubles = troubles_of(own)
    if own.states & STATE_ACKNOWLEDGED and not after(span.end, own.acknowledged):
        return
    if troubles == NULL:
        return
    if not own.states & STATE_REPAIRED or before(span.begin, troubles.repair_begin):
        troubles.repair_begin = span.begin
    troubles.repair_end = own.top
    own.states |= STATE_REPAIRED
    own.bits &= ~<uint16_t>EPISODE_FILL
    if fill:
        own.bits |= EPISODE_FILL
        troubles.fill_end = fill_end
        troubles.fill_time = now


cdef inline void forget_old(side_t* own) noexcept nogil:
    """Keep everything within the reach of serial comparison."""
    cdef troubles_t* troubles = own.troubles
    if not too_wide(&own.coverage):
        return
    forget_beginning(&own.coverage)
    if before(own.acknowledged, own.coverage.begin):
        own.acknowledged = own.coverage.begin
    own.bits &= ~<uint16_t>EPISODES
    if troubles == NULL:
        return
    if before(troubles.repair_end, own.coverage.begin):
        own.states &= ~<uint16_t>STATE_REPAIRED
    elif before(troubles.repair_begin, own.coverage.begin):
        troubles.repair_begin = own.coverage.begin
    troubles.recent_count = troubles.recent_next = 0


cdef inline int64_t whole_trip(const tcp_t* tcp, uint16_t flags, int64_t now) noexcept nogil:
    """The initial round trip, 0 unknown; also if judge() is only about to see it."""
    cdef int64_t trip = initial_rtt(tcp)
    if trip == 0 and flags & (TCP_SYN | TCP_ACK) == TCP_ACK and tcp.side[0].bits & SIDE_SYN_TIME:
        trip = now - tcp.opening
    return trip if trip > 0 else 0


cdef inline uint32_t take_odd_data(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, int64_t now, measured_t* measured
) noexcept nogil:
    """A segment that is more than the next payload: SYN, FIN, the first one, late, or behind a hole."""
    cdef side_t* own = &tcp.side[sender]
    cdef uint32_t payload = packet.payload_length
    cdef uint32_t first = packet.tcp_seq + ((packet.tcp_flags & TCP_SYN) != 0), last = first + payload
    cdef span_t span
    cdef trips_t trips
    cdef hole_t noticed
    cdef covered_t covered
    cdef bint again
    join(own, packet, first)
    noticed.begin = noticed.end = 0
    noticed.time = now
    noticed.tsval = packet.tcp_tsval
    noticed.stamped = (packet.tcp_options & OPTION_TIMESTAMPS) != 0
    covered.new = covered.filled = covered.opened = 0
    covered.hole = noticed
    if payload or (packet.tcp_flags & TCP_FIN and after(first, own.coverage.end)):
        cover(&own.coverage, first, last, &noticed, &covered)
    if covered.opened:
        measured.found |= FOUND_HOLE
        measured.hole_begin = first - covered.opened
        measured.hole_end = first
    trips.whole = whole_trip(tcp, packet.tcp_flags, now)
    trips.near = trip_to(tcp, sender)
    span.begin = packet.tcp_seq
    span.end = last + ((packet.tcp_flags & TCP_FIN) != 0)
    again = came_again(own, &tcp.isn[sender], packet, span.end, payload - covered.new, &noticed)
    if again:
        note_repetition(tcp, sender, packet, frame, now, &span, &trips, measured)
    if covered.filled:
        note_fill(own, packet, frame, now, &span, covered.filled, &covered.hole, &trips, measured)
    if again or covered.filled:
        widen_repair(own, &span, last, not again, now)
    note_top(tcp, sender, packet, span.end, now)
    if covered.new:
        if own.coverage.end == last:
            note_identification(own, packet.ip_id)
        settle(tcp, sender)
        note_new_payload(tcp, sender, payload, now)
    forget_old(own)
    return MARK_SEEN_TWICE if payload != covered.new else 0


cdef inline uint32_t take_odd(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, int64_t now, measured_t* measured
) noexcept nogil:
    """A segment that is neither the next payload nor a plain ACK."""
    cdef side_t* own = &tcp.side[sender]
    if packet.tcp_flags & TCP_RST:               # its payload is text
        leave_out(own, packet.payload_length)
        return 0
    if packet.payload_length > <uint32_t>MAX_WINDOW:
        leave_out(own, packet.payload_length)
        return 0
    if own.coverage.known:
        if took_keep_alive(own, packet) or took_window_probe(own, &tcp.side[1 - sender], packet):
            return 0
    if packet.payload_length or packet.tcp_flags & (TCP_SYN | TCP_FIN):
        return take_odd_data(tcp, sender, packet, frame, now, measured)
    if not own.coverage.known:
        # The first thing seen of this side is an acknowledgement: its next byte, or one less in a keep-alive.
        restart_coverage(&own.coverage, packet.tcp_seq)
        own.top = packet.tcp_seq
        own.states |= STATE_UNSURE
    return 0


cdef inline uint32_t take_data(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, int64_t now, measured_t* measured
) noexcept nogil:
    """What a segment brings of its side's data."""
    cdef side_t* own = &tcp.side[sender]
    cdef uint32_t seq = packet.tcp_seq, payload = packet.payload_length
    if not own.coverage.known or packet.tcp_flags & TCP_CONTROL:
        return take_odd(tcp, sender, packet, frame, now, measured)
    if payload == 0:
        if seq == own.top - 1:
            return take_odd(tcp, sender, packet, frame, now, measured)
        return 0
    if seq != own.top or seq != own.coverage.end or payload == 1 or payload > <uint32_t>MAX_WINDOW:
        return take_odd(tcp, sender, packet, frame, now, measured)
    own.coverage.end = seq + payload
    note_identification(own, packet.ip_id)
    own.states &= ~<uint16_t>STATE_UNSURE
    note_top(tcp, sender, packet, seq + payload, now)
    settle(tcp, sender)
    note_new_payload(tcp, sender, payload, now)
    forget_old(own)
    return 0
