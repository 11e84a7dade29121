"""What the public table tcp_events says: a row for each mark, SYN retry, reset, gap and proof, with the why.

Reached only where the table is asked for: judge_packet() calls note_earlier() before a segment is judged and
tell_events() after it. Each shard lists its own events, in file order; merge_events() puts them in the order of frames.

tests/reference/tcp_events.py is the same in plain Python.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from flow cimport flow_t
from grow cimport has_place
from judge cimport judged_t
from packet cimport HAS_TIME, packet_t
from repairs cimport (
    FOUND_AGAIN,
    FOUND_FILL,
    FOUND_HOLE,
    FOUND_PROOF_DSACK,
    FOUND_PROOF_TIMESTAMP,
    measured_t,
)
from serial cimport after
from tcp cimport (
    CAUSE_SYN_RETRY,
    MARK_ACK_LOST_SEGMENT,
    MARK_DUPLICATE_ACK,
    MARK_FAST_RETRANSMISSION,
    MARK_KEEP_ALIVE_ACK,
    MARK_OUT_OF_ORDER,
    MARK_RETRANSMISSION,
    MARK_SEEN_TWICE,
    MARK_SPURIOUS_RETRANSMISSION,
    MARK_WINDOW_FULL,
    MARK_ZERO_WINDOW_PROBE,
    MARK_ZERO_WINDOW_PROBE_ACK,
    MARKS,
    MAX_RECENTS,
    RECENT_PROVEN_DSACK,
    RECENT_PROVEN_TIMESTAMP,
    TCP_RST,
    TCP_SYN,
    side_t,
    tcp_t,
    troubles_t,
    trailing_zeros,
)
from traces cimport trace_of, trace_t, traces_free, traces_t

cdef enum event_kind_t:              # the marks by their bits, then:
    EVENT_SYN_RETRY = MARKS
    EVENT_RESET
    EVENT_GAP
    EVENT_SPURIOUS_DSACK
    EVENT_SPURIOUS_TIMESTAMPS

cdef enum has_t:                     # bits of tcp_event_t.has: which fields are valid, where 0 does not say so
    EVENT_TIMED = 1
    EVENT_EXPECTED = 2
    EVENT_FOUND = 4
    EVENT_CAUSE = 8
    EVENT_FILL = 16
    EVENT_FROM_CLIENT = 32

cdef enum:
    FIRST_EVENTS = 256
    # Of these it is said what they repeat, and why.
    REPEATS = (
        MARK_RETRANSMISSION | MARK_FAST_RETRANSMISSION | MARK_SPURIOUS_RETRANSMISSION | MARK_OUT_OF_ORDER
        | MARK_SEEN_TWICE
    )
    # These were decided by a time.
    TIMED = MARK_RETRANSMISSION | MARK_FAST_RETRANSMISSION | MARK_OUT_OF_ORDER
    # These answer the last packet of the other side, or follow from it.
    ANSWERS = (
        MARK_FAST_RETRANSMISSION | MARK_SPURIOUS_RETRANSMISSION | MARK_ZERO_WINDOW_PROBE | MARK_ZERO_WINDOW_PROBE_ACK
        | MARK_WINDOW_FULL | MARK_KEEP_ALIVE_ACK
    )

ctypedef struct tcp_event_t:         # 112 bytes
    uint64_t frame_number
    int64_t timestamp
    uint64_t repeats_frame           # 0: none, as the next four
    uint64_t answers_frame
    uint64_t acks_frame
    uint64_t since_frame
    uint64_t needless_frame
    int64_t threshold                # ns, 0: none was used, and `since` is void
    int64_t since                    # ns
    int64_t delay                    # ns, valid with repeats_frame and EVENT_CAUSE
    uint32_t flow_id                 # merge_events() writes it, and the next
    uint32_t stream
    uint32_t expected
    uint32_t found
    uint32_t duplicate_number        # 0: none
    uint32_t row                     # of the batch
    uint8_t event
    uint8_t cause
    uint8_t fill
    uint8_t has
    uint32_t zero

ctypedef struct event_shard_t:       # of one shard; only the thread that tracks it writes here
    tcp_event_t* events              # (count,) of the batch that was tracked last
    uint32_t count
    uint32_t capacity
    traces_t traces                  # of its flows
    uint64_t pad[4]

ctypedef struct earlier_t:           # of the state before a segment, what the reasons need
    int64_t next_time
    uint32_t next_seq
    uint32_t last_ack
    uint32_t contiguous              # of the other side
    uint32_t proven                  # repetitions of the other side that were proven idle, see proofs_of
    uint8_t sender
    uint8_t client                   # the sender is the client


# ---------------------------------------------------------------- memory

cdef inline event_shard_t* events_new(uint32_t shards) noexcept nogil:
    """NULL when memory is short."""
    return <event_shard_t*>calloc(shards, sizeof(event_shard_t))


cdef inline void events_free(event_shard_t* shards, uint32_t count) noexcept nogil:
    cdef uint32_t index
    if shards == NULL:
        return
    for index in range(count):
        free(shards[index].events)
        traces_free(&shards[index].traces)
    free(shards)


cdef inline tcp_event_t* new_event(event_shard_t* shard) noexcept nogil:
    """A zeroed event behind the last; NULL when memory is short."""
    if not has_place(&shard.events, &shard.capacity, shard.count, sizeof(tcp_event_t), FIRST_EVENTS):
        return NULL
    shard.count += 1
    memset(&shard.events[shard.count - 1], 0, sizeof(tcp_event_t))
    return &shard.events[shard.count - 1]


# ---------------------------------------------------------------- before the segment

cdef inline uint32_t proofs_of(const troubles_t* troubles) noexcept nogil:
    """Which of the remembered repetitions are proven idle: by DSACK the lower, by timestamps the upper 16 bits."""
    cdef uint32_t at, proofs = 0
    if troubles == NULL:
        return 0
    for at in range(troubles.recent_count):
        if troubles.recents[at].bits & RECENT_PROVEN_DSACK:
            proofs |= <uint32_t>1 << at
        if troubles.recents[at].bits & RECENT_PROVEN_TIMESTAMP:
            proofs |= <uint32_t>0x10000 << at
    return proofs


cdef inline void note_earlier(earlier_t* earlier, const tcp_t* tcp, int sender, bint client) noexcept nogil:
    """To be called before measure() and judge()."""
    cdef const side_t* own = &tcp.side[sender]
    cdef const side_t* other = &tcp.side[1 - sender]
    earlier.next_time = own.next_time
    earlier.next_seq = own.next_seq
    earlier.last_ack = own.last_ack
    earlier.contiguous = other.contiguous
    earlier.proven = proofs_of(other.troubles)
    earlier.sender = <uint8_t>sender
    earlier.client = client


# ---------------------------------------------------------------- events

cdef inline tcp_event_t* begin_event(
    event_shard_t* shard, uint8_t kind, const packet_t* packet, uint64_t frame, uint32_t row, const judged_t* judged,
    const earlier_t* earlier
) noexcept nogil:
    """What every event says; NULL when memory is short."""
    cdef tcp_event_t* event = new_event(shard)
    if event == NULL:
        return NULL
    event.frame_number = frame
    event.row = row
    event.event = kind
    event.acks_frame = judged.acked.frame if judged.acks else 0
    event.expected = judged.expected
    event.found = packet.tcp_seq
    event.has = EVENT_FOUND | (EVENT_EXPECTED if judged.expected else 0)
    if earlier.client:
        event.has |= EVENT_FROM_CLIENT
    if packet.present & HAS_TIME:
        event.has |= EVENT_TIMED
        event.timestamp = packet.timestamp
    return event


cdef inline bint is_syn_retry(const measured_t* measured) noexcept nogil:
    return measured.found & FOUND_AGAIN and measured.cause == CAUSE_SYN_RETRY


cdef inline void tell_repetition(
    tcp_event_t* event, const tcp_t* tcp, const measured_t* measured, const trace_t* trace, const earlier_t* earlier
) noexcept nogil:
    """Which frame brought it first, and why it came again or late."""
    if measured.found & FOUND_AGAIN:
        event.has |= EVENT_CAUSE
        event.cause = measured.cause
        event.repeats_frame = measured.original
        event.delay = measured.delay
        if is_syn_retry(measured) and trace.syn[earlier.sender]:     # the list of segments forgets it first of all
            event.repeats_frame = trace.syn[earlier.sender]
            event.delay = tcp.now - trace.syn_time[earlier.sender]
    if measured.found & FOUND_FILL:
        event.has |= EVENT_FILL
        event.fill = measured.fill


cdef inline void tell_time(
    tcp_event_t* event, const packet_t* packet, const tcp_t* tcp, const judged_t* judged, const trace_t* trace,
    const earlier_t* earlier
) noexcept nogil:
    """Which time was held against which threshold, as in repeat_marks()."""
    cdef int64_t now = packet.timestamp if packet.present & HAS_TIME else 0
    event.threshold = judged.threshold
    if judged.threshold == 0:
        return
    if judged.marks & MARK_FAST_RETRANSMISSION:
        event.since = <int64_t>(<uint64_t>now - <uint64_t>tcp.ack_time[1 - earlier.sender])
        event.since_frame = trace.last[1 - earlier.sender]
    else:
        event.since = <int64_t>(<uint64_t>now - <uint64_t>earlier.next_time)
        event.since_frame = trace.top[earlier.sender]


cdef inline void tell_numbers(
    tcp_event_t* event, uint32_t mark, const packet_t* packet, const side_t* other, const earlier_t* earlier
) noexcept nogil:
    """Where the numbers that decided are not those of the segment's beginning."""
    if mark == MARK_ACK_LOST_SEGMENT:
        event.expected = earlier.contiguous
        event.found = packet.tcp_ack
    elif mark == MARK_WINDOW_FULL:
        event.expected = event.found = packet.tcp_seq + packet.payload_length
    elif mark == MARK_SPURIOUS_RETRANSMISSION:
        event.expected = other.last_ack
    else:
        return
    event.has |= EVENT_EXPECTED


cdef inline bint tell_marks(
    event_shard_t* shard, const tcp_t* tcp, const packet_t* packet, uint64_t frame, uint32_t row,
    const judged_t* judged, const measured_t* measured, const earlier_t* earlier, const trace_t* trace
) noexcept nogil:
    """An event for each mark; False when memory is short."""
    cdef const side_t* other = &tcp.side[1 - earlier.sender]
    cdef uint32_t left = judged.marks, mark, bit
    cdef tcp_event_t* event
    while left:
        bit = trailing_zeros(left)
        mark = <uint32_t>1 << bit
        left &= left - 1
        event = begin_event(shard, <uint8_t>bit, packet, frame, row, judged, earlier)
        if event == NULL:
            return False
        tell_numbers(event, mark, packet, other, earlier)
        if mark & REPEATS:
            tell_repetition(event, tcp, measured, trace, earlier)
        if mark & TIMED:
            tell_time(event, packet, tcp, judged, trace, earlier)
        if mark & ANSWERS:
            event.answers_frame = trace.last[1 - earlier.sender]
        if mark == MARK_DUPLICATE_ACK:
            event.repeats_frame = trace.ack[earlier.sender]
            event.duplicate_number = judged.duplicate_number
    return True


cdef inline bint tell_own(
    event_shard_t* shard, const tcp_t* tcp, const packet_t* packet, uint64_t frame, uint32_t row,
    const judged_t* judged, const measured_t* measured, const earlier_t* earlier, const trace_t* trace
) noexcept nogil:
    """SYN retry, reset and gap, which are no marks; False when memory is short."""
    cdef tcp_event_t* event
    if is_syn_retry(measured):
        event = begin_event(shard, EVENT_SYN_RETRY, packet, frame, row, judged, earlier)
        if event == NULL:
            return False
        tell_repetition(event, tcp, measured, trace, earlier)
    if packet.tcp_flags & TCP_RST:
        if begin_event(shard, EVENT_RESET, packet, frame, row, judged, earlier) == NULL:
            return False
    if measured.found & FOUND_HOLE:
        event = begin_event(shard, EVENT_GAP, packet, frame, row, judged, earlier)
        if event == NULL:
            return False
        event.expected = measured.hole_begin
        event.found = measured.hole_end
        event.has |= EVENT_EXPECTED
    return True


cdef inline bint tell_proofs(
    event_shard_t* shard, const troubles_t* troubles, uint32_t proofs, uint8_t kind, const packet_t* packet,
    uint64_t frame, uint32_t row, const judged_t* judged, const earlier_t* earlier
) noexcept nogil:
    """An event for each repetition that this packet proves idle, the oldest first; False when memory is short.

    proofs: by their place in troubles.recents.
    """
    cdef uint32_t count, at
    cdef uint32_t oldest = troubles.recent_next if troubles.recent_count == MAX_RECENTS else 0
    cdef tcp_event_t* event
    for count in range(troubles.recent_count):
        at = (oldest + count) % MAX_RECENTS
        if not proofs >> at & 1:
            continue
        event = begin_event(shard, kind, packet, frame, row, judged, earlier)
        if event == NULL:
            return False
        event.has &= ~<uint8_t>(EVENT_EXPECTED | EVENT_FOUND)
        event.needless_frame = troubles.recents[at].frame
    return True


cdef inline void note_frames(
    trace_t* trace, const tcp_t* tcp, const packet_t* packet, uint64_t frame, const measured_t* measured,
    const earlier_t* earlier
) noexcept nogil:
    """What a later event may speak of."""
    cdef const side_t* own = &tcp.side[earlier.sender]
    cdef bint higher = after(own.next_seq, earlier.next_seq) if earlier.next_seq else own.next_seq != 0
    if higher or own.next_time != earlier.next_time:
        trace.top[earlier.sender] = frame
    if own.last_ack != earlier.last_ack or trace.ack[earlier.sender] == 0:
        trace.ack[earlier.sender] = frame
    if packet.tcp_flags & TCP_SYN and not is_syn_retry(measured):
        trace.syn[earlier.sender] = frame
        trace.syn_time[earlier.sender] = tcp.now
    trace.last[earlier.sender] = frame


cdef inline bint tell_events(
    event_shard_t* shard, const flow_t* flow, const packet_t* packet, uint64_t frame, uint32_t row,
    const judged_t* judged, const measured_t* measured, const earlier_t* earlier
) noexcept nogil:
    """List what a segment was found to be, and remember its frame; False when memory is short."""
    cdef const troubles_t* troubles = flow.tcp.side[1 - earlier.sender].troubles
    cdef trace_t* trace = trace_of(&shard.traces, flow)
    cdef uint32_t proofs
    if trace == NULL:
        return False
    if judged.marks and not tell_marks(shard, flow.tcp, packet, frame, row, judged, measured, earlier, trace):
        return False
    if measured.found or packet.tcp_flags & TCP_RST:
        if not tell_own(shard, flow.tcp, packet, frame, row, judged, measured, earlier, trace):
            return False
    if measured.found & (FOUND_PROOF_DSACK | FOUND_PROOF_TIMESTAMP):
        proofs = proofs_of(troubles) & ~earlier.proven
        if not tell_proofs(shard, troubles, proofs, EVENT_SPURIOUS_DSACK, packet, frame, row, judged, earlier):
            return False
        if not tell_proofs(
            shard, troubles, proofs >> 16, EVENT_SPURIOUS_TIMESTAMPS, packet, frame, row, judged, earlier
        ):
            return False
    note_frames(trace, flow.tcp, packet, frame, measured, earlier)
    return True


# ---------------------------------------------------------------- the batch

cdef inline uint64_t event_count(const event_shard_t* shards, uint32_t count) noexcept nogil:
    cdef uint64_t sum = 0
    cdef uint32_t index
    for index in range(count):
        sum += shards[index].count
    return sum


cdef inline void merge_events(
    const event_shard_t* shards, uint32_t count, flow_t* const* flows, tcp_event_t* out
) noexcept nogil:
    """The events of all shards in the order of frames, with the numbers of their flows, into out (event_count(),).

    count: of shards, 32 at most.  flows: by row of the batch.  A frame is judged in one shard only.
    """
    cdef uint32_t[32] done
    cdef uint32_t index, best, row
    cdef uint64_t written = 0, left = event_count(shards, count)
    memset(done, 0, sizeof(done))
    while written < left:
        best = count
        for index in range(count):
            if done[index] == shards[index].count:
                continue
            if best == count or shards[index].events[done[index]].row < shards[best].events[done[best]].row:
                best = index
        row = shards[best].events[done[best]].row
        while done[best] < shards[best].count and shards[best].events[done[best]].row == row:
            out[written] = shards[best].events[done[best]]
            out[written].flow_id = flows[row].flow_id
            out[written].stream = flows[row].stream
            written += 1
            done[best] += 1
