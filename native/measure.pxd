"""Our own measures of TCP, beside Wireshark's marks: bytes seen twice and missed, round trips, what holds a sender up.

Called for each segment before judge(), with which it shares the list of unacknowledged segments: that is as it was
before the segment. Sequence numbers are raw; one that lies further than a window from the highest captured byte
belongs to another sequence space. Time that runs backwards stands still. A segment in order and a pure ACK go straight
through; repairs.pxd has the rest. tests/reference/tcp_measures.py is the same in plain Python. RFC 6298 and Karn
(round trips), 7323 (timestamps).
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from coverage cimport (
    cover,
    covered_t,
    forget_beginning,
    hole_t,
    missed_bytes,
    missed_bytes_before,
    restart_coverage,
    too_wide,
)
from packet cimport (
    HAS_TIME,
    OPTION_MSS,
    OPTION_SACK,
    OPTION_SACK_PERMITTED,
    OPTION_SCALE,
    OPTION_TIMESTAMPS,
    packet_t,
)
from repairs cimport (
    FOUND_HOLE,
    MANY,
    MAX_WINDOW,
    measured_t,
    note_fill,
    note_repetition,
    note_sack,
    prove_by_echo,
    span_t,
    trips_t,
)
from sack cimport sack_t
from serial cimport after, before
from spread cimport add_duration
from tcp cimport (
    EPISODE_FAST,
    EPISODE_FILL,
    EPISODE_RTO,
    EPISODE_SACK,
    EPISODE_TAIL_PROBE,
    LIMIT_APPLICATION,
    LIMIT_CONGESTION,
    LIMIT_NONE,
    LIMIT_RECEIVER,
    LIMIT_WAITING,
    LIMIT_WAITING_RECEIVER,
    MARK_SEEN_TWICE,
    SIDE_SYN_TIME,
    STATE_ACKNOWLEDGED,
    STATE_FED_BACK,
    STATE_FIN,
    STATE_ISN,
    STATE_PAYLOAD,
    STATE_PROBE,
    STATE_REPAIRED,
    STATE_SACK_PERMITTED,
    STATE_SCALED,
    STATE_SHORT,
    STATE_STAMPED,
    STATE_SYN,
    STATE_UNSURE,
    STATE_WINDOW,
    STATE_WINDOW_PROBE,
    SUMS,
    TCP_ACK,
    TCP_CONTROL,
    TCP_FIN,
    TCP_RST,
    TCP_SYN,
    side_t,
    stamps_t,
    tcp_t,
    troubles_of,
    troubles_t,
)
from unacked cimport segment_t, segments_of, unacked_t

cdef enum:
    LEAST_FULL = 536                 # payload of a full segment, at least (RFC 9293's default)
    STAMP_BYTES = 12                 # of the timestamps option in every segment
    MAX_SCALE = 14                   # of a window (RFC 7323)

ctypedef struct near_t:              # what the handshake told, by side: 0 is a, 1 is b
    int64_t to[2]                    # ns from the capture point to that side and back, 0 unknown
    uint16_t mss[2]                  # option of its SYN, 0 unknown
    uint8_t client                   # the side that opened the stream


# ---------------------------------------------------------------- acknowledgements

cdef inline const segment_t* ending_at(const unacked_t* unacked, uint32_t ack) noexcept nogil:
    """The unacknowledged segment that ends at `ack`, or NULL."""
    cdef const segment_t* items = segments_of(<unacked_t*>unacked)
    cdef uint32_t at
    for at in range(unacked.count):
        if not before(items[at].end, ack):
            return &items[at] if items[at].end == ack else NULL
    return NULL


cdef inline bint ambiguous(const side_t* other, uint32_t end) noexcept nogil:
    """Whether nobody knows which copy is acknowledged (Karn).

    What ends behind the range was sent after it was last widened.
    """
    return other.states & STATE_REPAIRED and after(end, other.repair_begin) and not after(end, other.repair_end)


cdef inline void sample_round_trip(side_t* other, uint32_t ack, int64_t now) noexcept nogil:
    cdef const segment_t* sent = ending_at(&other.unacked, ack)
    cdef troubles_t* troubles = other.troubles
    if sent != NULL and not after(ack, other.top) and not ambiguous(other, ack):
        add_duration(&other.rtt, now - sent.time if now > sent.time else 0)
    elif troubles != NULL and troubles.episodes & EPISODE_FILL and troubles.fill_end == ack:
        add_duration(&other.rtt, now - troubles.fill_time)


cdef inline void end_episodes(side_t* other, uint32_t ack) noexcept nogil:
    """What an acknowledgement puts an end to."""
    cdef troubles_t* troubles = other.troubles
    if other.states & STATE_REPAIRED and not before(ack, other.repair_end):
        other.states &= ~<uint16_t>STATE_REPAIRED
    if troubles == NULL or not troubles.episodes:
        return
    troubles.episodes &= ~<uint8_t>EPISODE_TAIL_PROBE
    if not before(ack, troubles.fill_end):
        troubles.episodes &= ~<uint8_t>EPISODE_FILL
    if not before(ack, troubles.rto_until):
        troubles.episodes &= ~<uint8_t>EPISODE_RTO
    if not before(ack, troubles.fast_until):
        troubles.episodes &= ~<uint8_t>EPISODE_FAST
    if not before(ack, troubles.sack_high):
        troubles.episodes &= ~<uint8_t>EPISODE_SACK


cdef inline void take_echo(tcp_t* tcp, int sender, const packet_t* packet, int64_t now) noexcept nogil:
    """One sample a round trip, of ACKs that move the left edge (RFC 7323). sender: of the timestamp."""
    cdef stamps_t* stamps = &tcp.stamps[sender]
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
    if other.troubles != NULL and other.states & STATE_ACKNOWLEDGED and packet.tcp_options & OPTION_TIMESTAMPS:
        prove_by_echo(other.troubles, other.acknowledged, packet.tcp_tsecr, measured)
    sample_round_trip(other, ack, now)
    take_echo(tcp, sender, packet, now)
    other.acknowledged = ack
    other.states |= STATE_ACKNOWLEDGED
    other.duplicate_count = 0
    if other.states & STATE_REPAIRED or other.troubles != NULL:
        end_episodes(other, ack)


cdef inline uint32_t window_of(const side_t* own, const side_t* other, const packet_t* packet) noexcept nogil:
    """The window in bytes, as far as the scale is known. A SYN's window is never scaled."""
    if packet.tcp_flags & TCP_SYN or not own.states & STATE_SCALED:
        return packet.tcp_window
    if other.states & (STATE_SYN | STATE_SCALED) == STATE_SYN:
        return packet.tcp_window
    return <uint32_t>packet.tcp_window << own.shift


cdef inline void take_ack(
    tcp_t* tcp, int sender, const packet_t* packet, const sack_t* sack, int64_t now, measured_t* measured
) noexcept nogil:
    """What a segment of `sender` says of the data of the other side."""
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef uint32_t ack = packet.tcp_ack
    cdef bint selective = packet.tcp_options & OPTION_SACK and sack.count
    other.feedback = now
    other.states |= STATE_FED_BACK
    if not other.coverage.known or ack - other.coverage.end + <uint32_t>MAX_WINDOW > 2 * <uint32_t>MAX_WINDOW:
        return
    if selective:
        note_sack(other, sack, ack, measured)
    if not other.states & STATE_ACKNOWLEDGED or after(ack, other.acknowledged):
        advance(tcp, 1 - sender, packet, now, measured)
    elif ack == other.acknowledged and after(other.top, ack):
        if packet.payload_length or packet.tcp_flags & TCP_CONTROL or other.duplicate_count == MANY:
            return
        if selective or (own.states & STATE_WINDOW and window_of(own, other, packet) == own.window_bytes):
            other.duplicate_count += 1


# ---------------------------------------------------------------- who holds a sender up

cdef inline int64_t full_payload(const tcp_t* tcp, int sender, const near_t* near) noexcept nogil:
    """Payload of a full segment, from what was seen and what the other side allows."""
    cdef const side_t* own = &tcp.side[sender]
    cdef int64_t full = own.largest if own.largest > LEAST_FULL else LEAST_FULL
    cdef int64_t most = near.mss[1 - sender]
    if most == 0:
        return full
    most -= STAMP_BYTES if own.states & STATE_STAMPED else 0
    return full if full < most else most


cdef inline uint8_t limit_of(const tcp_t* tcp, int sender, const near_t* near) noexcept nogil:
    """What holds a sender up from now to the next segment."""
    cdef const side_t* own = &tcp.side[sender]
    cdef const side_t* other = &tcp.side[1 - sender]
    cdef int32_t outstanding = <int32_t>(own.top - own.acknowledged)
    cdef bint known = other.states & STATE_SYN or other.window_bytes == 0
    if own.states & (STATE_PAYLOAD | STATE_ACKNOWLEDGED) != STATE_PAYLOAD | STATE_ACKNOWLEDGED:
        return LIMIT_NONE
    if not other.states & STATE_WINDOW or (own.states & STATE_FIN and outstanding <= 0):
        return LIMIT_NONE
    if known and outstanding + full_payload(tcp, sender, near) > other.window_bytes:
        return LIMIT_WAITING_RECEIVER if outstanding <= 0 else LIMIT_RECEIVER
    if outstanding <= 0:
        return LIMIT_WAITING
    return LIMIT_APPLICATION if own.states & STATE_SHORT else LIMIT_CONGESTION


cdef inline void spend(side_t* side, int64_t elapsed) noexcept nogil:
    """Time goes to what held the side up."""
    cdef troubles_t* troubles
    if side.limit < SUMS:
        side.limits[side.limit] += <uint64_t>elapsed
    elif side.limit == LIMIT_WAITING_RECEIVER:
        troubles = troubles_of(side)
        if troubles != NULL:
            troubles.waiting_receiver += <uint64_t>elapsed


cdef inline void settle(side_t* own, uint64_t near) noexcept nogil:
    """It sends again after everything was acknowledged. The ACK took `near` to get there and show."""
    cdef uint64_t waited = own.limits[LIMIT_WAITING], travelled = 0
    if waited and not own.states & STATE_SHORT:
        travelled = near if near < waited else waited
    own.limits[LIMIT_APPLICATION] += waited - travelled
    own.limits[LIMIT_CONGESTION] += travelled
    own.limits[LIMIT_WAITING] = 0
    if own.troubles != NULL:
        own.limits[LIMIT_RECEIVER] += own.troubles.waiting_receiver
        own.troubles.waiting_receiver = 0


cdef inline void open_window(side_t* side, int64_t now) noexcept nogil:
    """A zero-window period ends, if there is one."""
    cdef troubles_t* troubles = side.troubles
    if troubles != NULL and troubles.zero_open:
        troubles.zero_ns += <uint64_t>(now - troubles.zero_since)
        troubles.zero_open = 0


cdef inline void close_window(side_t* side, int64_t now) noexcept nogil:
    cdef troubles_t* troubles = troubles_of(side)
    if troubles != NULL and not troubles.zero_open:
        troubles.zero_periods += 1
        troubles.zero_since = now
        troubles.zero_open = 1


cdef inline void take_window(side_t* own, side_t* other, const packet_t* packet, int64_t now) noexcept nogil:
    """The window that a segment announces; a reset's means nothing, and ends what was closed."""
    if packet.tcp_flags & TCP_RST:
        open_window(own, now)
        open_window(other, now)
        return
    if packet.tcp_window:
        open_window(own, now)
    elif not packet.tcp_flags & (TCP_SYN | TCP_FIN):
        close_window(own, now)
    own.window_bytes = window_of(own, other, packet)
    own.states |= STATE_WINDOW


# ---------------------------------------------------------------- data

cdef inline void note_first_byte(tcp_t* tcp, int sender, int64_t now, const near_t* near) noexcept nogil:
    """From the client's last new payload to the server's first."""
    if sender == near.client:
        if not tcp.side[1 - sender].states & STATE_PAYLOAD:
            tcp.request = now
            tcp.requested = 1
    elif not tcp.side[sender].states & STATE_PAYLOAD and tcp.requested:
        tcp.first_byte = now - tcp.request


cdef inline void note_new_payload(
    tcp_t* tcp, int sender, uint32_t payload, int64_t now, const near_t* near
) noexcept nogil:
    """Some of the payload was captured for the first time."""
    cdef side_t* own = &tcp.side[sender]
    if payload > own.largest:
        own.largest = payload
    settle(own, <uint64_t>near.to[sender])
    own.states &= ~<uint16_t>STATE_SHORT
    if payload < full_payload(tcp, sender, near):
        own.states |= STATE_SHORT
    if not tcp.side[1 - near.client].states & STATE_PAYLOAD:
        note_first_byte(tcp, sender, now, near)
    own.states |= STATE_PAYLOAD


cdef inline void note_top(
    tcp_t* tcp, int sender, const packet_t* packet, uint32_t end, int64_t now
) noexcept nogil:
    """What stands at the top, and the timestamp whose echo is awaited."""
    cdef side_t* own = &tcp.side[sender]
    cdef stamps_t* stamps = &tcp.stamps[sender]
    if after(end, own.top):
        own.top = end
        own.states &= ~<uint16_t>STATE_WINDOW_PROBE
    if not packet.tcp_options & OPTION_TIMESTAMPS:
        return
    if own.states & STATE_STAMPED and not after(packet.tcp_tsval, stamps.latest):
        return
    stamps.latest = packet.tcp_tsval
    own.states |= STATE_STAMPED
    if not own.states & STATE_PROBE and (not own.states & STATE_ACKNOWLEDGED or after(end, own.acknowledged)):
        own.states |= STATE_PROBE
        stamps.probe = packet.tcp_tsval
        stamps.probe_begin = packet.tcp_seq
        stamps.probe_time = now


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
        own.repair_begin = own.top - 1
        own.repair_end = own.top
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
    side_t* own, const packet_t* packet, uint32_t end, uint32_t seen, const hole_t* noticed
) noexcept nogil:
    """Whether any of a segment's numbers was captured before: payload, else SYN, else FIN."""
    cdef troubles_t* troubles
    cdef bint again = seen != 0, syn = False, fin = False
    if packet.tcp_flags & TCP_SYN:
        syn = own.states & STATE_ISN and own.isn == packet.tcp_seq and not again
        own.isn = packet.tcp_seq
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
    if not own.states & STATE_REPAIRED or before(span.begin, own.repair_begin):
        own.repair_begin = span.begin
    own.repair_end = own.top
    own.states |= STATE_REPAIRED
    if troubles == NULL:
        return
    troubles.episodes &= ~<uint8_t>EPISODE_FILL
    if fill:
        troubles.episodes |= EPISODE_FILL
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
    if before(own.repair_end, own.coverage.begin):
        own.states &= ~<uint16_t>STATE_REPAIRED
    elif before(own.repair_begin, own.coverage.begin):
        own.repair_begin = own.coverage.begin
    if troubles != NULL:
        troubles.episodes = 0
        troubles.recent_count = troubles.recent_next = 0


cdef inline int64_t whole_trip(const tcp_t* tcp, uint16_t flags, int64_t now) noexcept nogil:
    """The initial round trip, 0 unknown; also if judge() is only about to see it."""
    if tcp.initial_rtt == 0 and flags & (TCP_SYN | TCP_ACK) == TCP_ACK and tcp.side[0].bits & SIDE_SYN_TIME:
        return now - tcp.syn_time if now > tcp.syn_time else 0
    return tcp.initial_rtt if tcp.initial_rtt > 0 else 0


cdef inline uint32_t take_odd_data(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, int64_t now, const near_t* near,
    measured_t* measured
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
    if payload or (packet.tcp_flags & TCP_FIN and after(first, own.coverage.end)):
        cover(&own.coverage, first, last, &noticed, &covered)
    if covered.opened:
        measured.found |= FOUND_HOLE
        measured.hole_begin = first - covered.opened
        measured.hole_end = first
    trips.whole = whole_trip(tcp, packet.tcp_flags, now)
    trips.near = near.to[sender]
    span.begin = packet.tcp_seq
    span.end = last + ((packet.tcp_flags & TCP_FIN) != 0)
    again = came_again(own, packet, span.end, payload - covered.new, &noticed)
    if again:
        note_repetition(own, &tcp.side[1 - sender], packet, frame, now, &span, &trips, measured)
    if covered.filled:
        note_fill(own, packet, frame, now, &span, covered.filled, &covered.hole, &trips, measured)
    if again or covered.filled:
        widen_repair(own, &span, last, not again, now)
    note_top(tcp, sender, packet, span.end, now)
    if covered.new:
        note_new_payload(tcp, sender, payload, now, near)
    forget_old(own)
    return MARK_SEEN_TWICE if payload != covered.new else 0


cdef inline uint32_t take_odd(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, int64_t now, const near_t* near,
    measured_t* measured
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
        return take_odd_data(tcp, sender, packet, frame, now, near, measured)
    if not own.coverage.known:
        # The first thing seen of this side is an acknowledgement: its next byte, or one less in a keep-alive.
        restart_coverage(&own.coverage, packet.tcp_seq)
        own.top = packet.tcp_seq
        own.states |= STATE_UNSURE
    return 0


cdef inline uint32_t take_data(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, int64_t now, const near_t* near,
    measured_t* measured
) noexcept nogil:
    """What a segment brings of its side's data."""
    cdef side_t* own = &tcp.side[sender]
    cdef uint32_t seq = packet.tcp_seq, payload = packet.payload_length
    if not own.coverage.known or packet.tcp_flags & TCP_CONTROL:
        return take_odd(tcp, sender, packet, frame, now, near, measured)
    if payload == 0:
        if seq == own.top - 1:
            return take_odd(tcp, sender, packet, frame, now, near, measured)
        return 0
    if seq != own.top or seq != own.coverage.end or payload == 1 or payload > <uint32_t>MAX_WINDOW:
        return take_odd(tcp, sender, packet, frame, now, near, measured)
    own.coverage.end = seq + payload
    own.states &= ~<uint16_t>STATE_UNSURE
    note_top(tcp, sender, packet, seq + payload, now)
    note_new_payload(tcp, sender, payload, now, near)
    forget_old(own)
    return 0


# ---------------------------------------------------------------- one segment, and the end

cdef inline int64_t pass_time(tcp_t* tcp, const packet_t* packet) noexcept nogil:
    """The time of a segment, never before that of the last; what has passed goes to what held each side up."""
    cdef int64_t now = packet.timestamp if packet.present & HAS_TIME else tcp.now, elapsed
    if not tcp.started:
        tcp.started = packet.present & HAS_TIME
        tcp.now = now
        return now
    elapsed = now - tcp.now
    if elapsed > 0:
        spend(&tcp.side[0], elapsed)
        spend(&tcp.side[1], elapsed)
        tcp.now = now
    return tcp.now


cdef inline void take_options(side_t* own, const packet_t* packet) noexcept nogil:
    """What a SYN settles for its side."""
    own.states &= ~<uint16_t>(STATE_SCALED | STATE_SACK_PERMITTED)
    own.states |= STATE_SYN
    if packet.tcp_options & OPTION_SCALE:
        own.states |= STATE_SCALED
        own.shift = packet.tcp_scale if packet.tcp_scale < MAX_SCALE else MAX_SCALE
    if packet.tcp_options & OPTION_SACK_PERMITTED:
        own.states |= STATE_SACK_PERMITTED


cdef inline uint32_t measure(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, const sack_t* sack, const near_t* near,
    measured_t* measured
) noexcept nogil:
    """Take a segment into the measures of its stream; MARK_SEEN_TWICE or 0.

    sender: 0 or 1, the side it came from.  sack: read only with OPTION_SACK.  near: with what this segment adds.
    measured: what is of interest for an event; nothing but `found` is written for most segments.
    """
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef int64_t now = pass_time(tcp, packet)
    cdef uint32_t mark
    measured.found = 0
    if packet.tcp_flags & TCP_SYN:
        take_options(own, packet)
    if packet.tcp_flags & TCP_ACK:
        take_ack(tcp, sender, packet, sack, now, measured)
    mark = take_data(tcp, sender, packet, frame, now, near, measured)
    take_window(own, other, packet, now)
    own.limit = limit_of(tcp, sender, near)
    other.limit = limit_of(tcp, 1 - sender, near)
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
    return troubles.zero_ns + (<uint64_t>(tcp.now - troubles.zero_since) if troubles.zero_open else 0)
