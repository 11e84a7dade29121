"""Wireshark's judgement of a TCP segment: the marks of tcp.analysis, in the order in which its dissector asks.

What is compared and when, with its quirks, is said beside each test; tests/reference/tcp.py is the same in plain
Python. Sequence numbers are raw and 0 stands for "not known yet"; a difference of times is unsigned, so time that goes
backwards counts as very long.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from packet cimport HAS_TIME, OPTION_FAST_OPEN, OPTION_SACK, OPTION_SCALE, OPTIONS_CUT, packet_t
from sack cimport sack_t
from serial cimport after, before
from tcp cimport (
    MARK_ACK_LOST_SEGMENT,
    MARK_DUPLICATE_ACK,
    MARK_FAST_OPEN_ACK,
    MARK_FAST_OPEN_IGNORED,
    MARK_FAST_OPEN_SYN,
    MARK_FAST_RETRANSMISSION,
    MARK_KEEP_ALIVE,
    MARK_KEEP_ALIVE_ACK,
    MARK_LOST_SEGMENT,
    MARK_OUT_OF_ORDER,
    MARK_RETRANSMISSION,
    MARK_SPURIOUS_RETRANSMISSION,
    MARK_WINDOW_FULL,
    MARK_WINDOW_UPDATE,
    MARK_ZERO_WINDOW,
    MARK_ZERO_WINDOW_PROBE,
    MARK_ZERO_WINDOW_PROBE_ACK,
    SCALE_NONE,
    SCALE_UNKNOWN,
    SIDE_AFTER_SYN,
    SIDE_FAST_OPEN,
    SIDE_FLIGHT,
    SIDE_FLIGHT_KNOWN,
    SIDE_INITIAL_RTT,
    SIDE_SACKED,
    SIDE_SEEN,
    SIDE_SYN_TIME,
    TCP_ACK,
    TCP_CONTROL,
    TCP_FIN,
    TCP_RST,
    TCP_SYN,
    initial_rtt,
    side_t,
    tcp_t,
    troubles_of,
    troubles_t,
)
from unacked cimport UNACKED_OVERLAP, acknowledge, drop_before, keep_segment, place_of_end, segment_t, unacked_t

cdef enum:
    FAST_NS = 20000000               # a fast retransmission comes this soon after the duplicate ACK
    REORDER_NS = 3000000             # an out-of-order segment, where the initial RTT is not known
    MAX_FLIGHT = 2000000000
    SILENT = 0xFFFFFFFFu
    MAX_LOOKED = 64                  # segments asked one by one
    SACK_SUMMED = 3                  # blocks that count for the bytes in flight

ctypedef struct judged_t:            # what one segment is found to be
    uint32_t marks
    uint32_t in_flight               # bytes, 0: not known
    uint32_t duplicate_number
    uint32_t expected                # the sequence number that was due
    int64_t threshold                # ns, that decided between out of order and retransmission
    int64_t ack_rtt                  # valid with `acks`
    uint8_t acks                     # it acknowledges the end of segment `acked`
    segment_t acked


cdef inline void note_syn(side_t* own, side_t* other, const packet_t* packet) noexcept nogil:
    """What a SYN settles before it is judged; the window of the packet behind it is scaled again."""
    if not packet.tcp_flags & TCP_SYN:
        if packet.tcp_flags & TCP_ACK:
            own.bits &= ~<uint16_t>SIDE_AFTER_SYN
        return
    own.bits |= SIDE_AFTER_SYN
    if not packet.tcp_flags & TCP_ACK:
        own.next_seq = own.contiguous            # what lay behind a hole, or a reset's far number, is forgotten
    if not packet.tcp_options & (OPTION_SCALE | OPTIONS_CUT) and own.scale == SCALE_UNKNOWN:
        own.scale = other.scale = SCALE_NONE


cdef inline void note_scale(side_t* own, const side_t* other, const packet_t* packet) noexcept nogil:
    """A window scale option counts from the next packet on, and on any packet; not in answer to a SYN without it."""
    if packet.tcp_options & OPTION_SCALE:
        own.scale = packet.tcp_scale
    if packet.tcp_options & OPTIONS_CUT:         # tshark stops there, before it compares both sides
        return
    if packet.tcp_flags & TCP_SYN and packet.tcp_flags & TCP_ACK and other.scale == SCALE_NONE:
        own.scale = SCALE_NONE


cdef inline void note_initial_rtt(tcp_t* tcp, uint16_t flags, int64_t now) noexcept nogil:
    """From the latest pure SYN to the first ACK that is no SYN; a measured 0 stays unknown."""
    if tcp.side[0].bits & SIDE_INITIAL_RTT:
        return
    if flags & TCP_SYN:
        if not flags & TCP_ACK:
            tcp.opening = now
            tcp.side[0].bits &= ~<uint16_t>SIDE_SYN_TIME
            if now:                              # 0 is "no time" for tshark
                tcp.side[0].bits |= SIDE_SYN_TIME
    elif flags & TCP_ACK and tcp.side[0].bits & SIDE_SYN_TIME and now != tcp.opening:
        tcp.opening = now - tcp.opening
        tcp.side[0].bits |= SIDE_INITIAL_RTT


cdef inline uint32_t fast_open_marks(tcp_t* tcp, const packet_t* packet, uint32_t beyond) noexcept nogil:
    """TCP fast open (RFC 7413) of a SYN. beyond: how far a SYN/ACK acknowledges behind the other side's base."""
    if not packet.tcp_flags & TCP_ACK:
        if not packet.tcp_options & OPTION_FAST_OPEN:
            return 0
        if packet.payload_length:
            tcp.side[0].bits |= SIDE_FAST_OPEN
        return MARK_FAST_OPEN_SYN
    if beyond > 1:
        return MARK_FAST_OPEN_ACK
    return MARK_FAST_OPEN_IGNORED if tcp.side[0].bits & SIDE_FAST_OPEN else 0


cdef inline uint32_t scaled_window(const side_t* own, const packet_t* packet) noexcept nogil:
    """As far as the scale is known; to be called before judge()."""
    if own.scale > 0 and not packet.tcp_flags & TCP_SYN:
        return <uint32_t>packet.tcp_window << own.scale
    return packet.tcp_window


cdef inline bint fills_window(const side_t* other, const packet_t* packet) noexcept nogil:
    """Whether payload ends where the window of the other side does: equality, though the guide says "exceeds"."""
    cdef uint32_t shift, announced
    if other.scale == SCALE_UNKNOWN:
        return False
    shift = 0 if other.bits & SIDE_AFTER_SYN or other.scale < 0 else other.scale    # a SYN's window is not scaled
    # Wireshark's window of a side that was not heard of yet has all bits set.
    announced = other.window if other.bits & SIDE_SEEN else 0xFFFFFFFFu
    return packet.tcp_seq + packet.payload_length == other.last_ack + (announced << shift)


cdef inline uint32_t window_marks(side_t* own, side_t* other, const packet_t* packet, judged_t* judged) noexcept nogil:
    """What the segment says beside its data: window, keep-alive, duplicate ACK; not asked of a zero-window probe."""
    cdef uint32_t marks = 0, seq = packet.tcp_seq, length = packet.payload_length
    cdef uint16_t window = packet.tcp_window
    cdef bint control = (packet.tcp_flags & TCP_CONTROL) != 0, unchanged
    if window == 0 and not control:
        marks |= MARK_ZERO_WINDOW
    if own.next_seq and after(seq, own.next_seq) and not packet.tcp_flags & TCP_RST:
        marks |= MARK_LOST_SEGMENT
        own.bits &= ~<uint16_t>SIDE_FLIGHT_KNOWN
    if control:
        return marks
    if length <= 1 and seq == own.next_seq - 1:
        marks |= MARK_KEEP_ALIVE
    if length:
        return marks | MARK_WINDOW_FULL if fills_window(other, packet) else marks
    if seq != own.next_seq or packet.tcp_ack != own.last_ack:
        return marks
    unchanged = own.bits & SIDE_SEEN and window == own.window
    if not unchanged:
        return marks | MARK_WINDOW_UPDATE if window else marks
    if window and other.last_marks & MARK_KEEP_ALIVE:
        return marks | MARK_KEEP_ALIVE_ACK
    if window == 0:
        return marks | MARK_ZERO_WINDOW_PROBE_ACK if other.last_marks & MARK_ZERO_WINDOW_PROBE else marks
    own.duplicates = 1 if own.duplicates == SILENT else own.duplicates + 1
    judged.duplicate_number = own.duplicates
    return marks | MARK_DUPLICATE_ACK


cdef inline bint acks_unseen(side_t* other, uint32_t ack) noexcept nogil:
    """Whether an ACK covers what was not captured; said once for each stretch.

    Where the same is said again, the other side's count of duplicate ACKs becomes SILENT, which passes as many in the
    test for fast retransmissions.
    """
    cdef bint first
    if not other.contiguous or not after(ack, other.contiguous):
        return False
    if before(other.contiguous, other.next_seq):
        other.contiguous = other.next_seq
        return True
    first = other.duplicates == 0
    other.duplicates = SILENT
    return first


cdef inline uint32_t repeat_marks(
    tcp_t* tcp, int sender, const packet_t* packet, int64_t now, judged_t* judged
) noexcept nogil:
    """What a segment with data, SYN or FIN is that does not advance the sequence number."""
    cdef const side_t* own = &tcp.side[sender]
    cdef const side_t* other = &tcp.side[1 - sender]
    cdef uint32_t seq = packet.tcp_seq, length = packet.payload_length
    cdef uint32_t end = seq + length
    cdef bint late = own.next_seq and before(seq, own.next_seq)
    if length > 1 and seq == own.next_seq - 1:
        late = False                             # data behind a zero-window probe
    if length and other.last_ack and not after(end, other.last_ack):
        return MARK_RETRANSMISSION | MARK_SPURIOUS_RETRANSMISSION
    if not late:
        return 0
    if other.duplicates >= 2 and other.last_ack == seq and <uint64_t>(now - tcp.ack_time[1 - sender]) < FAST_NS:
        judged.threshold = FAST_NS
        return MARK_RETRANSMISSION | MARK_FAST_RETRANSMISSION
    judged.threshold = initial_rtt(tcp)
    if not judged.threshold:
        judged.threshold = REORDER_NS
    end += (packet.tcp_flags & (TCP_SYN | TCP_FIN)) != 0
    if <uint64_t>(now - own.next_time) < <uint64_t>judged.threshold and own.next_seq != end:
        return MARK_OUT_OF_ORDER
    return MARK_RETRANSMISSION


cdef inline void widen_flight(side_t* own, uint32_t begin, uint32_t end) noexcept nogil:
    if not own.bits & SIDE_FLIGHT:
        own.bits |= SIDE_FLIGHT
        own.flight_begin = begin
        own.flight_end = end
        return
    if before(begin, own.flight_begin):
        own.flight_begin = begin
    if after(end, own.flight_end):
        own.flight_end = end


cdef inline void note_sent(
    side_t* own, const packet_t* packet, uint64_t frame, int64_t now, uint32_t marks, uint32_t base
) noexcept nogil:
    """Advance the direction by what the segment takes of the sequence space."""
    cdef uint32_t seq = packet.tcp_seq, end = seq + packet.payload_length
    cdef segment_t segment
    if packet.payload_length or packet.tcp_flags & (TCP_SYN | TCP_FIN):
        end += (packet.tcp_flags & (TCP_SYN | TCP_FIN)) != 0
        segment.begin = seq
        segment.end = end
        segment.frame = frame
        segment.time = now
        if keep_segment(&own.unacked, &segment, base):
            widen_flight(own, seq, end)
    if marks & MARK_ZERO_WINDOW_PROBE:           # its byte may be thrown away
        return
    if not own.next_seq or after(end, own.next_seq):
        own.next_seq = end
        own.next_time = now
    if not own.contiguous or seq == own.contiguous:
        own.contiguous = own.next_seq


cdef inline uint32_t looked_at(const unacked_t* unacked) noexcept nogil:
    return unacked.count if unacked.count < MAX_LOOKED else MAX_LOOKED


cdef inline uint32_t first_begin(const unacked_t* unacked, uint32_t least) noexcept nogil:
    """Where the first unacknowledged byte that was captured lies, at `least` or behind it."""
    cdef const segment_t* segments = unacked.first
    cdef uint32_t at, begin = segments[0].begin
    for at in range(1, looked_at(unacked)):
        if before(segments[at].begin, begin):
            begin = segments[at].begin
    return begin if after(begin, least) else least


cdef inline void narrow_flight(side_t* other, uint32_t ack) noexcept nogil:
    """Bytes before `ack` are no longer in flight."""
    cdef unacked_t* unacked = &other.unacked
    cdef segment_t* segment = unacked.first
    cdef uint32_t at
    if unacked.count == 0:
        other.bits &= ~<uint16_t>SIDE_FLIGHT
        unacked.notes &= ~<uint32_t>UNACKED_OVERLAP
    if not other.bits & SIDE_FLIGHT or not after(ack, other.flight_begin):
        return
    if not after(other.flight_end, ack):
        other.bits &= ~<uint16_t>SIDE_FLIGHT
        return
    other.flight_begin = ack
    # Of segments that do not overlap an ACK lies within the first only.
    for at in range(1 if not unacked.notes & UNACKED_OVERLAP else looked_at(unacked)):
        if before(segment[at].begin, ack) and after(segment[at].end, ack):
            segment[at].begin = ack
    if after(segment.begin, ack):
        other.flight_begin = first_begin(unacked, ack)


cdef inline void forget_last(side_t* other) noexcept nogil:
    """The last segments may be gone, and what they had in flight with them."""
    cdef uint32_t end
    if other.unacked.count and other.bits & SIDE_FLIGHT:
        end = other.unacked.first[other.unacked.count - 1].end
        if before(end, other.flight_end):
            other.flight_end = end
            other.flight_begin = first_begin(&other.unacked, other.flight_begin)


cdef inline void match_ack(side_t* other, const packet_t* packet, int64_t now, judged_t* judged) noexcept nogil:
    """Take what is acknowledged from the other side's list; Wireshark does so without the ACK flag, too."""
    cdef uint32_t count = other.unacked.count
    if not packet.tcp_flags & TCP_ACK and other.unacked.count <= MAX_LOOKED:
        drop_before(&other.unacked, packet.tcp_ack)
    if acknowledge(&other.unacked, packet.tcp_ack, &judged.acked):
        judged.acks = 1
        judged.ack_rtt = now - judged.acked.time
    elif other.unacked.count != count:
        forget_last(other)
    narrow_flight(other, packet.tcp_ack)
    if packet.tcp_flags & TCP_ACK:
        other.bits |= SIDE_FLIGHT_KNOWN


cdef inline uint32_t lowest_begin(const side_t* own, uint32_t at, uint32_t end, uint32_t base) noexcept nogil:
    """The lowest number where segments from `at` to `end` begin, counted from the base without sign."""
    cdef const segment_t* segments = own.unacked.first
    cdef uint32_t number, lowest = 0xFFFFFFFFu
    cdef uint32_t place, upto = end if end < at + MAX_LOOKED else at + MAX_LOOKED
    for place in range(at, upto):
        number = segments[place].begin
        if before(number, own.flight_begin):
            number = own.flight_begin
        number -= base
        lowest = number if number < lowest else lowest
    return lowest


cdef inline uint32_t flight_from_base(const side_t* own, uint32_t base) noexcept nogil:
    """From the lowest to the highest number of the list, counted from the base without sign."""
    cdef const segment_t* segments = own.unacked.first
    cdef uint32_t count = own.unacked.count, low = place_of_end(segments, count, base)
    # Those before the base have the high numbers, in the order of their ends as those behind it have the low ones.
    cdef uint32_t end = segments[low - 1 if low else count - 1].end - base
    cdef uint32_t far = lowest_begin(own, 0, low, base), near = lowest_begin(own, low, count, base)
    return end - (far if far < near else near)


cdef inline uint32_t bytes_in_flight(
    side_t* own, const side_t* other, const packet_t* packet, uint32_t base
) noexcept nogil:
    """From the first to the last unacknowledged byte, less what the other side holds by its SACK blocks; 0: unknown.

    Wireshark counts both from the base of the side, in 32 bits without sign: where they lie on either side of it, or
    of its recurrence 4 GiB on, the segments near it are asked.
    """
    cdef uint32_t flight = own.flight_end - own.flight_begin
    if not packet.payload_length or not own.bits & SIDE_FLIGHT or not own.bits & SIDE_FLIGHT_KNOWN:
        return 0
    if own.flight_end - base < own.flight_begin - base and own.unacked.count:
        flight = flight_from_base(own, base)
    flight -= (packet.tcp_flags & (TCP_SYN | TCP_FIN)) != 0
    if other.bits & SIDE_SACKED:
        flight -= other.troubles.sacked
    return flight if flight < MAX_FLIGHT else 0


cdef inline void note_sacked(side_t* own, const sack_t* sack) noexcept nogil:
    """How many bytes the SACK blocks of its last packet hold."""
    cdef troubles_t* troubles = troubles_of(own)
    cdef uint32_t sum = 0, at
    if troubles == NULL:
        return
    for at in range(sack.count if sack.count < SACK_SUMMED else SACK_SUMMED):
        sum += sack.right[at] - sack.left[at]
    troubles.sacked = sum
    own.bits |= SIDE_SACKED


cdef inline void note_options(
    side_t* own, const side_t* other, const packet_t* packet, const sack_t* sack
) noexcept nogil:
    """What counts from the next packet on: the SACK blocks of this one, and a scale."""
    own.bits &= ~<uint16_t>SIDE_SACKED
    if packet.tcp_options & OPTION_SACK:
        note_sacked(own, sack)
    if packet.tcp_options & OPTION_SCALE or packet.tcp_flags & TCP_SYN:
        note_scale(own, other, packet)


cdef inline void glance(tcp_t* tcp, int sender, const packet_t* packet, const sack_t* sack) noexcept nogil:
    """Take from a segment that is not judged what tshark reads of it before: what settles things for those behind it.

    Its header is longer than itself, or it is the first fragment of one.
    """
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    note_syn(own, other, packet)
    note_initial_rtt(tcp, packet.tcp_flags, packet.timestamp if packet.present & HAS_TIME else 0)
    note_options(own, other, packet, sack)


cdef inline void judge(
    tcp_t* tcp, int sender, const packet_t* packet, uint64_t frame, uint32_t base, uint32_t beyond, const sack_t* sack,
    judged_t* judged
) noexcept nogil:
    """Judge one segment and take it into the state of its stream.

    sender: 0 or 1, the side it came from.  base: the sequence number that Wireshark counts its side from.  beyond: see
    fast_open_marks.  judged: zeroed by the caller but for `marks`.
    """
    cdef side_t* own = &tcp.side[sender]
    cdef side_t* other = &tcp.side[1 - sender]
    cdef int64_t now = packet.timestamp if packet.present & HAS_TIME else 0
    cdef uint16_t flags = packet.tcp_flags
    cdef uint32_t marks
    note_syn(own, other, packet)
    judged.expected = own.next_seq
    if (
        packet.payload_length == 1 and packet.tcp_seq == own.next_seq and other.window == 0 and other.bits & SIDE_SEEN
    ):
        marks = MARK_ZERO_WINDOW_PROBE
    else:
        marks = window_marks(own, other, packet, judged)
    if packet.tcp_ack != own.last_ack:
        own.duplicates = 0
    if flags & TCP_ACK and acks_unseen(other, packet.tcp_ack):
        marks |= MARK_ACK_LOST_SEGMENT
    if (packet.payload_length or flags & (TCP_SYN | TCP_FIN)) and not marks & MARK_KEEP_ALIVE:
        marks |= repeat_marks(tcp, sender, packet, now, judged)
    if flags & TCP_SYN:
        marks |= fast_open_marks(tcp, packet, beyond)
    note_initial_rtt(tcp, flags, now)
    note_sent(own, packet, frame, now, marks, base)
    own.window = packet.tcp_window
    own.bits |= SIDE_SEEN
    own.last_ack = packet.tcp_ack
    tcp.ack_time[sender] = now
    own.last_marks = <uint16_t>marks
    match_ack(other, packet, now, judged)
    judged.in_flight = bytes_in_flight(own, other, packet, base)
    if judged.in_flight > own.flight_most:
        own.flight_most = judged.in_flight
    note_options(own, other, packet, sack)
    judged.marks |= marks
