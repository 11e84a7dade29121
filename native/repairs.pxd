"""What came again, or late: why a sender repeated a segment, what filled a hole, and what proves a repetition idle.

None of this is reached by a segment in order. Causes are told from timing and from the other side's packets alone;
they equal the kernel's own counters on recordings made at the sender's end. RFC 2883 (DSACK), 3522 (Eifel), 8985 (tail
loss and RACK). tests/reference/tcp_measures_repeats.py is the same in plain Python.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc

from coverage cimport hole_t
from packet cimport OPTION_TIMESTAMPS, packet_t
from sack cimport sack_t
from serial cimport after, before
from tcp cimport (
    CAUSE_FAST,
    CAUSE_RTO,
    CAUSE_SYN_RETRY,
    CAUSE_TAIL_LOSS,
    CAUSE_UNKNOWN,
    EPISODE_FAST,
    EPISODE_RTO,
    EPISODE_SACK,
    EPISODE_TAIL_PROBE,
    FILL_LATE,
    FILL_REORDERED,
    FILL_REPAIRED,
    MAX_RECENTS,
    RECENT_FILL,
    RECENT_PROVEN_DSACK,
    RECENT_PROVEN_TIMESTAMP,
    RECENT_STAMPED,
    SIDE_PROVABLE,
    STATE_ACKNOWLEDGED,
    STATE_FED_BACK,
    STATE_REPAIRED,
    STATE_SACK_PERMITTED,
    TCP_FIN,
    TCP_SYN,
    recent_t,
    STATE_STOOD_STILL,
    side_t,
    tcp_t,
    troubles_of,
    troubles_t,
)
from unacked cimport memory_of, place_of_end, segment_t, unacked_t

cdef enum:
    SOON_NS = 3000000                # stands for the initial round trip where that is unknown, as in Wireshark
    TIMER_NS = 150000000             # below Linux' least retransmission time-out, 200 ms
    COPY_NS = 50000000               # copies of a mirror port come within 10 ms, those of a slow router a little later
    COPY_IDS = 64                    # packets that a copy may come late
    LOOKED_AHEAD = 4                 # segments behind the first that may hold the same bytes
    MAX_WINDOW = 0x40000000          # the largest window there is (RFC 7323), rounded up
    MANY = 255                       # where the count of duplicate ACKs ends

cdef enum found_t:                   # bits of measured_t.found: which of the rest is valid
    FOUND_AGAIN = 1
    FOUND_FILL = 2
    FOUND_HOLE = 4
    FOUND_PROOF_DSACK = 8
    FOUND_PROOF_TIMESTAMP = 16
    FOUND_TRIP = 32

ctypedef struct measured_t:          # what one segment is found to be
    uint32_t found
    uint8_t cause                    # cause_t, with FOUND_AGAIN
    uint8_t fill                     # fill_t, with FOUND_FILL
    uint16_t zero
    uint32_t hole_begin              # bytes missing right before it, with FOUND_HOLE
    uint32_t hole_end
    uint64_t original                # frame that it repeats, with FOUND_AGAIN; 0 unknown
    int64_t original_time            # ns
    int64_t delay                    # ns since then
    int64_t hole_time                # ns, when a hole was noticed that it fills, with FOUND_FILL
    int64_t trip                     # ns from the capture point to its sender and back, with FOUND_TRIP
    uint64_t needless                # frame of the latest repetition that it proves idle, with FOUND_PROOF_*

ctypedef struct trips_t:             # round trips of the handshake, ns, 0 unknown
    int64_t whole
    int64_t near                     # from the capture point to the sender and back

ctypedef struct span_t:              # a segment's numbers, SYN and FIN included
    uint32_t begin
    uint32_t end


cdef inline int64_t reaction_time(const trips_t* trips) noexcept nogil:
    """Sooner than this nobody can have asked for a repetition."""
    return (trips.whole if trips.whole else SOON_NS) // 2


cdef inline int64_t silence_time(const trips_t* trips) noexcept nogil:
    """After so long without a word from the other side it was a timer."""
    return TIMER_NS + (trips.near if trips.near else trips.whole)


# ---------------------------------------------------------------- what is remembered

cdef inline int64_t sent_at(const tcp_t* tcp, const segment_t* sent) noexcept nogil:
    """The time of a listed segment as the measures count it, where time does not run backwards."""
    cdef const troubles_t* troubles = tcp.side[0].troubles
    if tcp.side[0].states & STATE_STOOD_STILL and sent.frame >= troubles.still_frame and sent.time < troubles.still:
        return troubles.still
    return sent.time


cdef inline void make_recent_room(troubles_t* troubles) noexcept nogil:
    """Twice as many can be remembered; where memory is short, those there are go round."""
    cdef uint8_t room = troubles.recent_room * 2 if troubles.recent_room else 2
    cdef recent_t* grown = <recent_t*>realloc(troubles.recents, room * sizeof(recent_t))
    if grown == NULL:
        return
    troubles.recents = grown
    troubles.recent_room = room
    troubles.recent_next = troubles.recent_count


cdef inline void remember(
    troubles_t* troubles, const packet_t* packet, uint64_t frame, int64_t now, const span_t* span, uint32_t bits,
    const measured_t* measured
) noexcept nogil:
    """Note a repetition or a fill; the oldest of MAX_RECENTS is forgotten."""
    cdef recent_t* recent
    if troubles.recent_count == troubles.recent_room and troubles.recent_room < MAX_RECENTS:
        make_recent_room(troubles)
    if troubles.recent_room == 0:
        return
    recent = &troubles.recents[troubles.recent_next]
    troubles.recent_next = <uint8_t>((troubles.recent_next + 1) % troubles.recent_room)
    if troubles.recent_count < troubles.recent_room:
        troubles.recent_count += 1
    recent.frame = frame
    recent.time = now
    recent.begin = span.begin
    recent.end = span.end
    recent.original = 0 if bits & RECENT_FILL else measured.original
    recent.original_time = measured.original_time
    recent.tsval = packet.tcp_tsval
    recent.bits = bits | (RECENT_STAMPED if packet.tcp_options & OPTION_TIMESTAMPS else 0)


cdef inline bint holds(uint32_t begin, uint32_t end, uint32_t number) noexcept nogil:
    return not after(begin, number) and before(number, end)


cdef inline const recent_t* recent_with(const troubles_t* troubles, uint32_t number, bint oldest) noexcept nogil:
    """The oldest or the newest of the remembered ones that holds a sequence number, or NULL."""
    cdef const recent_t* found = NULL
    cdef const recent_t* recent
    cdef uint32_t at
    for at in range(troubles.recent_count):
        recent = &troubles.recents[at]
        if holds(recent.begin, recent.end, number):
            if found == NULL or (recent.frame < found.frame) == oldest:
                found = recent
    return found


cdef inline const segment_t* older(const segment_t* one, const segment_t* other, uint32_t number) noexcept nogil:
    """The older of two segments, of which the second counts only where it holds a sequence number."""
    if not holds(other.begin, other.end, number):
        return one
    return other if one == NULL or other.frame < one.frame else one


cdef inline const segment_t* first_sent(const unacked_t* unacked, uint32_t number) noexcept nogil:
    """The first segment that brought a sequence number, acknowledged or not, as far as it is still known; or NULL.

    Repetitions with other boundaries are listed too, so a few neighbours are asked.
    """
    cdef const segment_t* items = memory_of(unacked)
    cdef const segment_t* found = NULL
    cdef uint32_t head = unacked.head, end = head + unacked.count, at
    at = head + place_of_end(items + head, unacked.count, number + 1)
    end = end if end - at < LOOKED_AHEAD else at + LOOKED_AHEAD
    while at < end:
        found = older(found, &items[at], number)
        at += 1
    at = head - unacked.done
    while at < head:
        found = older(found, &items[at], number)
        at += 1
    return found


cdef inline int64_t least_age(const tcp_t* tcp, int sender, uint32_t number, int64_t now) noexcept nogil:
    """At least so many ns ago was sent what no segment is known of: before the first that still is; -1 unknown."""
    cdef const unacked_t* unacked = &tcp.side[sender].unacked
    cdef const segment_t* first = unacked.first - unacked.done
    if not unacked.count + unacked.done or not before(number, first.begin):
        return -1
    return now - sent_at(tcp, first) if now > first.time else 0


# ---------------------------------------------------------------- repetitions

cdef inline bint asked_for(const side_t* own, const troubles_t* troubles, uint32_t begin) noexcept nogil:
    """The other side holds later data (SACK, three duplicate ACKs), or a recovery of that kind is under way."""
    if own.bits & EPISODE_SACK and after(troubles.sack_high, begin):
        return True
    # RACK gives up the last segment of a flight too, which nothing stands behind: any repetition in a recovery counts.
    if own.bits & EPISODE_FAST and before(own.acknowledged, troubles.fast_until):
        return True
    return own.duplicate_count >= 3 and not after(begin, own.acknowledged)


cdef inline bint is_tail_probe(
    const side_t* own, const side_t* other, const troubles_t* troubles, const span_t* span
) noexcept nogil:
    """The last segment again, once, before a timer runs out (RFC 8985)."""
    if before(span.end, own.top) or not own.states & other.states & STATE_SACK_PERMITTED:
        return False
    if own.bits & EPISODE_SACK and after(troubles.sack_high, span.begin):
        return False
    return not own.bits & EPISODE_TAIL_PROBE


cdef inline uint32_t cause_of(
    tcp_t* tcp, int sender, troubles_t* troubles, int64_t now, const span_t* span, int64_t since, const trips_t* trips
) noexcept nogil:
    """Why it was sent again. since: ns from the last copy, -1 unknown."""
    cdef side_t* own = &tcp.side[sender]
    cdef const side_t* other = &tcp.side[1 - sender]
    cdef bint silent, in_front
    if not own.states & STATE_ACKNOWLEDGED or not own.states & STATE_FED_BACK:
        return CAUSE_UNKNOWN
    if since < reaction_time(trips):             # a copy that the network made
        return CAUSE_UNKNOWN
    if own.bits & EPISODE_RTO and before(span.begin, troubles.rto_until):
        return CAUSE_RTO
    silent = since >= silence_time(trips) and now - tcp.feedback[sender] >= silence_time(trips)
    if not silent and asked_for(own, troubles, span.begin):
        own.bits |= EPISODE_FAST
        troubles.fast_until = own.top
        return CAUSE_FAST
    in_front = not after(span.begin, own.acknowledged)
    if since >= trips.whole and since >= SOON_NS:
        if is_tail_probe(own, other, troubles, span):
            own.bits |= EPISODE_TAIL_PROBE
            return CAUSE_TAIL_LOSS
        if in_front:
            own.bits |= EPISODE_RTO
            troubles.rto_until = own.top
            return CAUSE_RTO
    return CAUSE_FAST if in_front and own.duplicate_count else CAUSE_UNKNOWN


cdef inline void note_original(
    const tcp_t* tcp, int sender, troubles_t* troubles, uint32_t number, int64_t now, measured_t* measured
) noexcept nogil:
    """Which frame brought it first, and how long ago that was."""
    cdef const segment_t* sent = first_sent(&tcp.side[sender].unacked, number)
    cdef const recent_t* recent = recent_with(troubles, number, True)
    if sent == NULL and recent == NULL:
        return
    if sent != NULL and (recent == NULL or sent.frame < (recent.original if recent.original else recent.frame)):
        measured.original = sent.frame
        measured.original_time = sent_at(tcp, sent)
    elif recent.original:
        measured.original = recent.original
        measured.original_time = recent.original_time
    else:
        measured.original = recent.frame
        measured.original_time = recent.time
    measured.delay = now - measured.original_time if now > measured.original_time else 0
    troubles.delays += 1
    troubles.delay_total += <uint64_t>measured.delay
    if measured.delay > troubles.delay_most:
        troubles.delay_most = measured.delay


cdef inline bint is_copy(
    const side_t* own, const packet_t* packet, int64_t since, const trips_t* trips
) noexcept nogil:
    """Whether somebody on the way made it, or the capture took it twice: the sender did not send it again.

    It comes sooner than anybody could have asked for it, or it is numbered as what was sent before the newest data: a
    sender numbers every packet anew (RFC 6864). since: ns from the last copy, -1 unknown.
    """
    cdef int16_t behind = <int16_t>(packet.ip_id - own.rtt.top_id)
    if since >= COPY_NS:
        return False
    if 0 <= since < reaction_time(trips) and since < COPY_NS // 5:
        return True
    return packet.ip_id and own.rtt.top_id and -COPY_IDS < behind <= 0


cdef inline void note_repetition(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, int64_t now, const span_t* span,
    const trips_t* trips, measured_t* measured
) noexcept nogil:
    """A segment of which something was captured before."""
    cdef side_t* own = &tcp.side[sender]
    cdef troubles_t* troubles = troubles_of(own)
    cdef const recent_t* copy
    cdef int64_t since = -1
    measured.found |= FOUND_AGAIN
    measured.cause = CAUSE_UNKNOWN
    measured.original = 0
    measured.original_time = measured.delay = 0
    if troubles == NULL:
        return
    note_original(tcp, sender, troubles, span.begin, now, measured)
    copy = recent_with(troubles, span.begin, False)
    if copy != NULL:
        since = now - copy.time
    elif measured.original:
        since = measured.delay
    else:
        since = least_age(tcp, sender, span.begin, now)
    if packet.tcp_flags & TCP_SYN:
        measured.cause = CAUSE_SYN_RETRY
    else:
        measured.cause = <uint8_t>cause_of(tcp, sender, troubles, now, span, since, trips)
    troubles.causes[measured.cause] += 1
    if is_copy(own, packet, since, trips):
        troubles.copies += 1
        troubles.copies_as_repairs += CAUSE_RTO <= measured.cause <= CAUSE_TAIL_LOSS
    elif measured.cause == CAUSE_FAST or measured.cause == CAUSE_RTO:
        note_lost(troubles, span)
    remember(troubles, packet, frame, now, span, 0, measured)
    own.bits |= SIDE_PROVABLE


cdef inline void note_lost(troubles_t* troubles, const span_t* span) noexcept nogil:
    """A segment that was lost and came after all. One right behind the one before it was lost together with it."""
    if troubles.loss_known and span.begin == troubles.loss_end:
        troubles.loss_run += 1
    else:
        troubles.loss_run = 1
        troubles.loss_runs += 1
    if troubles.loss_run > troubles.loss_run_most:
        troubles.loss_run_most = troubles.loss_run
    troubles.loss_end = span.end
    troubles.loss_known = 1


# ---------------------------------------------------------------- holes

cdef inline uint32_t kind_of_fill(
    const side_t* own, const packet_t* packet, int64_t now, uint32_t end, const hole_t* hole, const trips_t* trips
) noexcept nogil:
    """How the bytes of a hole came to be late. end: behind the payload."""
    if own.states & STATE_ACKNOWLEDGED and not after(end, own.acknowledged):
        return FILL_LATE
    if hole.stamped and packet.tcp_options & OPTION_TIMESTAMPS and packet.tcp_tsval != hole.tsval:
        # Sent before or after the segment that opened the hole: the sender's own clock tells.
        return FILL_REORDERED if before(packet.tcp_tsval, hole.tsval) else FILL_REPAIRED
    return FILL_REORDERED if now - hole.time < reaction_time(trips) else FILL_REPAIRED


cdef inline void note_fill(
    side_t* own, const packet_t* packet, uint64_t frame, int64_t now, const span_t* span, uint32_t bytes,
    const hole_t* hole, const trips_t* trips, measured_t* measured
) noexcept nogil:
    """A segment that brought `bytes` of what was missing."""
    cdef troubles_t* troubles = troubles_of(own)
    cdef uint32_t end = span.end - ((packet.tcp_flags & TCP_FIN) != 0)
    measured.found |= FOUND_FILL
    measured.fill = <uint8_t>kind_of_fill(own, packet, now, end, hole, trips)
    if troubles == NULL:
        return
    troubles.fills[measured.fill] += 1
    troubles.filled_bytes[measured.fill] += bytes
    measured.hole_time = hole.time
    if measured.fill == FILL_REPAIRED:
        note_lost(troubles, span)
    remember(troubles, packet, frame, now, span, RECENT_FILL, measured)


# ---------------------------------------------------------------- verdicts of the other side

cdef inline void note_overtaken(side_t* other) noexcept nogil:
    """What the receiver lacked, while it had later data, has come: sent once, it was overtaken (RFC 4737).

    Only where the capture has it, once, as far as is remembered. other: the side that sent it.
    """
    cdef troubles_t* troubles = other.troubles
    if other.coverage.count or after(troubles.sack_high, other.top):
        return                                   # the capture lacks something itself
    if recent_with(troubles, other.acknowledged, True) != NULL:
        return
    if troubles.recent_count == MAX_RECENTS and other.states & STATE_REPAIRED:
        if holds(troubles.repair_begin, troubles.repair_end, other.acknowledged):
            return                               # a repetition of it may be forgotten
    troubles.overtaken += 1


cdef inline void prove_by_dsack(
    troubles_t* troubles, uint32_t begin, uint32_t end, measured_t* measured
) noexcept nogil:
    """[begin, end) was received twice: repetitions of it were not needed."""
    cdef recent_t* recent
    cdef uint32_t at
    troubles.dsack_blocks += 1
    for at in range(troubles.recent_count):
        recent = &troubles.recents[at]
        if recent.bits & (RECENT_FILL | RECENT_PROVEN_DSACK):
            continue
        if before(recent.begin, end) and before(begin, recent.end):
            recent.bits |= RECENT_PROVEN_DSACK
            troubles.spurious_dsack += 1
            measured.found |= FOUND_PROOF_DSACK
            measured.needless = recent.frame


cdef inline void prove_by_echo(side_t* other, uint32_t echo, measured_t* measured) noexcept nogil:
    """The echo is of the segment that arrived at the left edge (RFC 7323): was it sent before its repetition?"""
    cdef troubles_t* troubles = troubles_of(other)
    cdef recent_t* recent
    cdef uint32_t at, left_edge = other.acknowledged
    cdef bint ahead = False
    if troubles == NULL:
        return
    for at in range(troubles.recent_count):
        recent = &troubles.recents[at]
        if recent.bits & (RECENT_FILL | RECENT_PROVEN_TIMESTAMP) or not recent.bits & RECENT_STAMPED:
            continue
        if holds(recent.begin, recent.end, left_edge) and before(echo, recent.tsval):
            recent.bits |= RECENT_PROVEN_TIMESTAMP
            troubles.spurious_timestamps += 1
            measured.found |= FOUND_PROOF_TIMESTAMP
            measured.needless = recent.frame
        else:
            ahead |= after(recent.end, left_edge)
    if not ahead:
        other.bits &= ~<uint16_t>SIDE_PROVABLE


cdef inline bint is_block(uint32_t ack, uint32_t left, uint32_t right) noexcept nogil:
    """Whether a SACK block says anything: it ends no further than a window from the ACK."""
    cdef int64_t low = <int32_t>(left - ack), high = <int32_t>(right - ack)
    return low < high and -<int64_t>MAX_WINDOW <= high <= <int64_t>MAX_WINDOW


cdef inline void note_high(side_t* other, uint32_t right) noexcept nogil:
    if not other.bits & EPISODE_SACK or after(right, other.troubles.sack_high):
        other.bits |= EPISODE_SACK
        other.troubles.sack_high = right


cdef inline void note_sack(side_t* other, const sack_t* sack, uint32_t ack, measured_t* measured) noexcept nogil:
    """SACK blocks; the first may speak of something received twice (RFC 2883)."""
    cdef troubles_t* troubles = troubles_of(other)
    cdef uint32_t at, first = 0, second
    if troubles == NULL:
        return
    while first < sack.count and not is_block(ack, sack.left[first], sack.right[first]):
        first += 1
    second = first + 1
    while second < sack.count and not is_block(ack, sack.left[second], sack.right[second]):
        second += 1
    if first >= sack.count:
        return
    if not after(sack.right[first], ack) or (
        second < sack.count
        and not after(sack.left[second], sack.left[first])
        and not after(sack.right[first], sack.right[second])
    ):
        prove_by_dsack(troubles, sack.left[first], sack.right[first], measured)
    else:
        note_high(other, sack.right[first])
    for at in range(second, sack.count):
        if is_block(ack, sack.left[at], sack.right[at]):
            note_high(other, sack.right[at])
