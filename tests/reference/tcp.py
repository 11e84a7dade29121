"""Wireshark's TCP analysis, one segment after the other, in plain Python: slow, and short enough to check by eye.

The order of the tests is Wireshark's. Each rule was seen in what tshark 4.0 says of the corpus and of generated
conversations; what surprises is marked as a quirk.
"""

from __future__ import annotations

from tests.reference.tcp_segments import (
    ACK,
    FAST_OPEN_MARKS,
    LONG,
    MAX_SACK,
    NO_MARK,
    NO_SCALE,
    RST,
    SYN,
    UNKNOWN_SCALE,
    WORD,
    Mark,
    Segment,
    Sent,
    Side,
    Verdict,
    after,
    before,
)

FAST_NS, REORDER_NS = 20_000_000, 3_000_000
MAX_UNACKNOWLEDGED = 10_000
MAX_FLIGHT = 2_000_000_000


class Conversation:
    """A stream: its two ends, and what the handshake told.

    reused: an earlier stream had the same addresses and ports.
    """

    def __init__(self, *, reused: bool = False) -> None:
        self.sides = {True: Side(), False: Side()}
        self.reused = reused
        self.syn_time: int | None = None
        self.initial_rtt = 0  # Quirk: one of 0 stays unknown, and the next ACK measures again
        self.fast_open = False  # a SYN with a cookie carried data

    def add(self, forward: bool, segment: Segment) -> Verdict:
        """Judge the next segment, of this side or that, and remember it."""
        own, peer = self.sides[forward], self.sides[not forward]
        verdict = self._judged(own, peer, segment, handshakes=True)
        _settle_scale(own, peer, segment)
        if verdict.marks & ~FAST_OPEN_MARKS or verdict.examined:
            verdict.initial_rtt = self.initial_rtt or None
        return verdict

    def overhear(self, forward: bool, segment: Segment) -> None:
        """The same for one of which tshark says nothing, because it gives up before the end of its header."""
        own, peer = self.sides[forward], self.sides[not forward]
        kept = own.unscaled, own.scale, peer.scale
        self._judged(own, peer, segment, handshakes=False)
        own.unscaled, own.scale, peer.scale = kept

    def glance(self, forward: bool, segment: Segment) -> None:
        """What tshark reads of one that it does not judge: in a fragment, or shorter than its own header."""
        own, peer = self.sides[forward], self.sides[not forward]
        _unscale(own, peer, segment)
        if segment.opens:
            own.next_seq = own.contiguous
        self._measure_handshake(segment)
        own.sack = segment.sack[:MAX_SACK]
        _settle_scale(own, peer, segment)

    def _judged(self, own: Side, peer: Side, segment: Segment, *, handshakes: bool) -> Verdict:
        verdict = Verdict(window=_scaled(own, segment))
        verdict.marks = self._begin(own, peer, segment, verdict) | self._marks(own, peer, segment, verdict)
        if handshakes:
            self._measure_handshake(segment)
        _advance(own, segment, verdict.marks)
        _remember(own, segment, verdict.marks)
        _acknowledge(peer, segment, verdict)
        _measure_flight(own, peer, segment, verdict)
        own.sack = segment.sack[:MAX_SACK]
        return verdict

    def _begin(self, own: Side, peer: Side, segment: Segment, verdict: Verdict) -> Mark:
        """What SYNs say, and what they reset."""
        marks = NO_MARK
        _unscale(own, peer, segment)
        if segment.opens:
            own.next_seq = own.contiguous  # what was behind a hole, and the far number of a RST, is forgotten
            verdict.examined |= own.base is not None
            if self.reused:
                marks |= Mark.reused_ports
            if segment.cookie:
                marks |= Mark.tfo_syn
                self.fast_open |= segment.length > 0
        if segment.accepts:
            if own.base not in (None, segment.seq):
                marks |= Mark.reused_ports  # Quirk: and yet the stream is the same
                own.base = segment.seq
            if peer.base is not None and (segment.ack - peer.base) % WORD > 1:
                marks |= Mark.tfo_ack
            elif self.fast_open:
                marks |= Mark.tfo_ignored
        self.reused = False
        if own.base is None:
            own.base = segment.seq if segment.flags & SYN else (segment.seq - 1) % WORD
        if peer.base is None and segment.flags & ACK:
            peer.base = (segment.ack - 1) % WORD
        return marks

    def _marks(self, own: Side, peer: Side, segment: Segment, verdict: Verdict) -> Mark:
        if segment.length == 1 and segment.seq == own.next_seq and peer.window == 0:
            marks = Mark.zero_window_probe
        else:
            marks = _sequence_marks(own, segment) | _window_marks(own, peer, segment)
            marks |= _repeat_marks(own, peer, segment)
        if marks & Mark.duplicate_ack:
            own.duplicates += 1
            own.silent = False
            verdict.duplicate_number = own.duplicates
        if segment.ack != own.last_ack:
            own.duplicates, own.silent = 0, False
        marks |= _unseen_marks(peer, segment, verdict)
        if (segment.length or segment.counted) and not marks & Mark.keep_alive:
            marks |= self._repair_marks(own, peer, segment)
        return marks

    def _repair_marks(self, own: Side, peer: Side, segment: Segment) -> Mark:
        """Of a segment with data, SYN or FIN, the first that fits."""
        if segment.length and peer.last_ack and _reaches(peer.last_ack, segment.end):
            return Mark.retransmission | Mark.spurious_retransmission
        if not own.next_seq or not before(segment.seq, own.next_seq):
            return NO_MARK
        if segment.length > 1 and segment.seq == (own.next_seq - 1) % WORD:
            return NO_MARK  # data behind a zero-window probe
        duplicates = peer.duplicates >= 2 or peer.silent
        # Differences of times are unsigned: time that runs backwards is a very long time.
        if duplicates and peer.last_ack == segment.seq and (segment.time - peer.ack_time) % LONG < FAST_NS:
            return Mark.retransmission | Mark.fast_retransmission
        whole = (segment.end + segment.counted) % WORD == own.next_seq
        limit = self.initial_rtt % LONG or REORDER_NS
        if not whole and (segment.time - own.next_time) % LONG < limit:
            return Mark.out_of_order
        return Mark.retransmission

    def _measure_handshake(self, segment: Segment) -> None:
        """Quirk: the very ACK that gives the initial RTT is judged without it."""
        if segment.opens:
            self.syn_time = segment.time or None  # Quirk: 0 is no time
        if segment.flags & (SYN | ACK) == ACK and not self.initial_rtt and self.syn_time is not None:
            self.initial_rtt = segment.time - self.syn_time


def _reaches(ack: int, end: int) -> bool:
    return ack == end or before(end, ack)


def _sequence_marks(own: Side, segment: Segment) -> Mark:
    marks = NO_MARK
    if own.next_seq and after(segment.seq, own.next_seq) and not segment.flags & RST:
        marks |= Mark.lost_segment
        own.flight_known = False
    if segment.length <= 1 and segment.seq == (own.next_seq - 1) % WORD and not segment.control:
        marks |= Mark.keep_alive
    return marks


def _window_marks(own: Side, peer: Side, segment: Segment) -> Mark:
    marks = NO_MARK
    if segment.control:
        return marks
    if segment.window == 0:
        marks |= Mark.zero_window
    if segment.length and peer.scale != UNKNOWN_SCALE:
        shift = 0 if peer.unscaled or peer.scale == NO_SCALE else peer.scale
        # Equality, though the user's guide says "exceeds".
        if segment.end == (peer.last_ack + (peer.window << shift)) % WORD:
            marks |= Mark.window_full
    if segment.window not in (0, own.window) and _stands_still(own, segment):
        marks |= Mark.window_update
    return marks


def _repeat_marks(own: Side, peer: Side, segment: Segment) -> Mark:
    """Of a segment without data that says nothing new, the first that fits."""
    if segment.control or segment.window != own.window or not _stands_still(own, segment):
        return NO_MARK
    if segment.window == 0:
        return Mark.zero_window_probe_ack if peer.last_marks & Mark.zero_window_probe else NO_MARK
    return Mark.keep_alive_ack if peer.last_marks & Mark.keep_alive else Mark.duplicate_ack


def _stands_still(own: Side, segment: Segment) -> bool:
    return segment.length == 0 and segment.seq == own.next_seq and segment.ack == own.last_ack


def _unseen_marks(peer: Side, segment: Segment, verdict: Verdict) -> Mark:
    """Whether it acknowledges what was not captured."""
    if not segment.flags & ACK or not peer.contiguous or not after(segment.ack, peer.contiguous):
        return NO_MARK
    verdict.examined = True
    if before(peer.contiguous, peer.next_seq):
        peer.contiguous = peer.next_seq
        return Mark.ack_lost_segment
    # Quirk: it is said once, until the other side acknowledges something new; duplicate ACKs silence it, and it them.
    quiet = peer.silent or peer.duplicates > 0
    peer.duplicates, peer.silent = 0, True
    return NO_MARK if quiet else Mark.ack_lost_segment


def _advance(own: Side, segment: Segment, marks: Mark) -> None:
    end = (segment.end + segment.counted) % WORD
    if (segment.length or segment.counted) and len(own.unacknowledged) < MAX_UNACKNOWLEDGED:
        own.unacknowledged.append(Sent(segment.frame, segment.time, segment.seq, end))
    if marks & Mark.zero_window_probe:
        return
    if not own.next_seq or after(end, own.next_seq):
        own.next_seq, own.next_time = end, segment.time
    if not own.contiguous or segment.seq == own.contiguous:
        own.contiguous = own.next_seq


def _remember(own: Side, segment: Segment, marks: Mark) -> None:
    """Whatever the flags are: a SYN or RST that has 0 for an ACK number leaves that."""
    own.window, own.last_ack, own.ack_time, own.last_marks = segment.window, segment.ack, segment.time, marks


def _acknowledge(peer: Side, segment: Segment, verdict: Verdict) -> None:
    """Quirk: the ACK number counts without the ACK flag, too. Of several segments that end there the first is meant."""
    kept = []
    matched: Sent | None = None
    for sent in peer.unacknowledged:
        if segment.ack == sent.end:
            matched = matched or sent
        elif after(segment.ack, sent.seq) and before(segment.ack, sent.end):
            sent.seq = segment.ack
            kept.append(sent)
        elif after(sent.end, segment.ack):
            kept.append(sent)
    peer.unacknowledged = kept
    peer.flight_known |= segment.flags & ACK != 0
    if matched is not None:
        verdict.examined, verdict.acks_frame = True, matched.frame
        verdict.ack_rtt = segment.time - matched.time or None


def _measure_flight(own: Side, peer: Side, segment: Segment, verdict: Verdict) -> None:
    if not segment.length or not own.flight_known or not own.unacknowledged:
        return
    verdict.examined = True
    base = own.base or 0
    verdict.spans_base = any(before(sent.seq, base) for sent in own.unacknowledged)
    first = min((sent.seq - base) % WORD for sent in own.unacknowledged)
    last = max((sent.end - base) % WORD for sent in own.unacknowledged)
    sacked = sum((right - left) % WORD for left, right in peer.sack)
    flight = (last - first - segment.counted - sacked) % WORD
    if 0 < flight < MAX_FLIGHT:
        verdict.bytes_in_flight = flight


def _scaled(own: Side, segment: Segment) -> int:
    return segment.window << max(own.scale, 0) if not segment.flags & SYN else segment.window


def _unscale(own: Side, peer: Side, segment: Segment) -> None:
    """What a SYN says of windows before it is judged."""
    if segment.flags & (SYN | ACK):
        own.unscaled = segment.flags & SYN != 0
    if segment.flags & SYN and segment.scale is None and own.scale == UNKNOWN_SCALE and not segment.cut:
        own.scale = peer.scale = NO_SCALE


def _settle_scale(own: Side, peer: Side, segment: Segment) -> None:
    """Quirk: the option counts in any segment, from the next one on."""
    if segment.scale is not None:
        own.scale = segment.scale
    if segment.accepts and peer.scale == NO_SCALE and not segment.cut:
        own.scale = NO_SCALE
