"""Our own measures of TCP, beside Wireshark's marks: the plain, slow form of what the native kernel computes.

One pass over the segments of a stream in file order. Everything is an integer; times are ns. `Conversation.read` takes
a segment, `Conversation.finish` closes what is open. A direction is its sender's index: 0 the client, 1 the server.
RFC 6298 and Karn (round trips), 7323 and 3522 (timestamps), 2883 (DSACK), 8985 (tail loss).
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.reference.tcp_measures_acks import acknowledged
from tests.reference.tcp_measures_coverage import Coverage, Found
from tests.reference.tcp_measures_repeats import Paths, filled, retransmitted
from tests.reference.tcp_measures_state import ACK, FIN, OUTSTANDING, RST, SYN, WINDOW, Direction, Segment, Sent, after
from tests.reference.tcp_measures_windows import advertised, full, limit, settle, window_opened


class Conversation:
    """One stream. first_byte_ns: from the client's last new payload to the server's first; None if the server began."""

    def __init__(self) -> None:
        self.sides = (Direction(), Direction())
        self.last_ns: int | None = None
        self.syn_ns: int | None = None
        self.syn_ack_ns: int | None = None
        self.near_ns: list[int | None] = [None, None]  # to that side and back
        self.initial_rtt_ns: int | None = None
        self.first_byte_ns: int | None = None

    def read(self, segment: Segment) -> None:
        """The next segment of the stream."""
        # Time that runs backwards stands still.
        ns = segment.ns if self.last_ns is None else max(segment.ns, self.last_ns)
        segment = segment._replace(ns=ns)
        own, other = self.sides[segment.direction], self.sides[1 - segment.direction]
        self._spend(ns)
        self._handshake(segment, own)
        if segment.flags & ACK:
            acknowledged(other, own, segment)
        if not segment.flags & RST:
            self._sent(own, other, segment)
        advertised(own, other, segment)
        for sender, receiver in ((own, other), (other, own)):
            sender.limit = limit(sender, receiver)

    def finish(self) -> None:
        """The capture is over: close the zero-window periods."""
        for side in self.sides:
            window_opened(side, self.last_ns or 0)

    def _spend(self, ns: int) -> None:
        """Time since the last segment goes to what held each side up then."""
        for side in self.sides:
            if side.limit and self.last_ns is not None:
                sums = side.waiting if side.limit.startswith("waiting ") else side.limit_ns
                sums[side.limit.removeprefix("waiting ")] += ns - self.last_ns
        self.last_ns = ns

    def _handshake(self, segment: Segment, own: Direction) -> None:
        kind = segment.flags & (SYN | ACK)
        if kind == SYN:
            self.syn_ns = segment.ns
        elif kind == SYN | ACK:
            if self.near_ns[1] is None and self.syn_ns is not None and segment.direction == 1:
                self.near_ns[1] = segment.ns - self.syn_ns
            self.syn_ack_ns = segment.ns
        elif kind == ACK and self.initial_rtt_ns is None and self.syn_ns is not None:
            self.initial_rtt_ns = segment.ns - self.syn_ns
            if self.syn_ack_ns is not None and segment.direction == 0:
                self.near_ns[0] = segment.ns - self.syn_ack_ns
        if segment.flags & SYN:
            own.mss, own.shift, own.sack_permitted = segment.mss, segment.scale, segment.sack_permitted
            own.scale_known = segment.scale is not None or not segment.cut

    def _sent(self, own: Direction, other: Direction, segment: Segment) -> None:
        """A segment, and the sequence numbers that it takes up."""
        if _is_keep_alive(own, segment):
            _keep_alive(own, segment)
        elif _is_window_probe(own, other, segment):
            own.window_probes += 1
            own.window_probe = True
        elif segment.payload or segment.flags & (SYN | FIN):
            begin = _position(own, segment.seq)
            _join(own, segment, begin)
            self._data(own, other, segment, begin)
        elif own.coverage is None:
            # The first thing seen of this side is an acknowledgement: its next byte, or one less in a keep-alive.
            own.top = _position(own, segment.seq)
            own.coverage, own.unsure = Coverage(own.top, own.top), True

    def _data(self, own: Direction, other: Direction, segment: Segment, begin: int) -> None:
        """Payload, SYN or FIN from `begin` on."""
        first = begin + bool(segment.flags & SYN)
        end = first + segment.payload + bool(segment.flags & FIN)
        found = _cover(own, segment, first)
        paths = Paths(self.initial_rtt_ns, self.near_ns[segment.direction])
        again = _repeated(own, segment, end, found)
        if again:
            retransmitted(own, other, segment, (begin, end), paths)
        if found.filled:
            filled(own, segment, (begin, end), found.filled, found.hole, paths)
        if (again or found.filled) and (own.acked is None or end > own.acked):
            # Karn: what was under way until now is acknowledged by who knows which copy.
            own.repair = begin if own.repair is None else min(own.repair[0], begin), own.top
            own.fill = None if found.seen else (first + segment.payload, segment.ns)
        _remember(own, segment, begin, end)
        if found.new:
            self._new_payload(segment, own, other)

    def _new_payload(self, segment: Segment, own: Direction, other: Direction) -> None:
        own.largest = max(own.largest, segment.payload)
        settle(own, self.near_ns[segment.direction] or 0)
        own.short = segment.payload < full(own, other)
        client, server = self.sides
        if own.first_payload_ns is None:
            own.first_payload_ns = segment.ns
            if own is server and client.last_payload_ns is not None:
                self.first_byte_ns = segment.ns - client.last_payload_ns
        own.last_payload_ns = segment.ns


def _position(own: Direction, seq: int) -> int:
    """The 64-bit position of a sequence number, next to the highest known one."""
    if own.coverage is None:
        return seq + (1 << 32)
    high = own.coverage.high
    return high + after(seq, high % (1 << 32))


def _is_keep_alive(own: Direction, segment: Segment) -> bool:
    """The byte before the next one, all before it being acknowledged: there is nothing to repeat."""
    if own.coverage is None or segment.payload > 1 or segment.flags & (SYN | FIN):
        return False
    idle = own.acked is None or own.acked >= own.top
    return idle and _position(own, segment.seq) == own.top - 1


def _keep_alive(own: Direction, segment: Segment) -> None:
    own.keep_alives += 1
    own.keep_alive_bytes += segment.payload
    if segment.payload and own.acked is None:
        # It may as well be a repetition: no round trip from that byte.
        own.repair = own.top - 1, own.top


def _is_window_probe(own: Direction, other: Direction, segment: Segment) -> bool:
    """One byte against a closed window: it may be thrown away, so it does not count as sent."""
    if own.coverage is None or segment.payload != 1 or segment.flags & (SYN | FIN):
        return False
    return other.window == 0 and _position(own, segment.seq) == own.top == own.coverage.high


def _join(own: Direction, segment: Segment, begin: int) -> None:
    """Make `begin` a position of the stream: its first, its next after a probe, or that of another sequence space."""
    first = begin + bool(segment.flags & SYN)
    if own.coverage is None:
        own.coverage, own.top = Coverage(first, first), begin
    elif abs(first - own.coverage.high) > WINDOW:
        own.coverage.restart(first)
        own.sent.clear()
        own.gone.clear()
        own.top, own.repair, own.strays = begin, None, own.strays + 1
    elif own.unsure and first == own.coverage.high + 1:
        # What was seen before was a keep-alive.
        own.coverage.restart(first)
        own.top = first
    elif own.window_probe and first == own.coverage.high + 1:
        # The probe's byte was taken after all.
        own.coverage.high = first
        own.unique_bytes += 1
    own.unsure = False


def _cover(own: Direction, segment: Segment, first: int) -> Found:
    """Which of the payload from `first` on is new. A FIN alone shows too what is missing before it."""
    assert own.coverage is not None
    tsval = segment.timestamps[0] if segment.timestamps else None
    if not segment.payload:
        if segment.flags & FIN:
            own.coverage.jump(first, segment.ns, tsval)
        return Found(0, 0, 0, None)
    found = own.coverage.add(first, first + segment.payload, segment.ns, tsval)
    own.unique_bytes += found.new
    return found


def _repeated(own: Direction, segment: Segment, end: int, found: Found) -> bool:
    """Whether any of its sequence numbers was captured before: payload, else SYN, else FIN."""
    again = found.seen > 0
    if again:
        own.seen_twice_segments += 1
        own.seen_twice_bytes += found.seen
    if segment.flags & SYN:
        if own.isn == segment.seq and not again:
            own.syn_retries += 1
            again = True
        own.isn = segment.seq
    if segment.flags & FIN:
        own.finished = True
        if _fin_seen(own, segment, end) and not again:
            own.fin_retries += 1
            again = True
    return again


def _fin_seen(own: Direction, segment: Segment, end: int) -> bool:
    """Whether the FIN's number was captured before. It may be missing between others, which came first."""
    assert own.coverage is not None
    if end > own.coverage.high:
        return end <= own.top
    return own.coverage.add(end - 1, end, segment.ns, None).seen > 0


def _remember(own: Direction, segment: Segment, begin: int, end: int) -> None:
    """What stands at the top, for its acknowledgement; its timestamp, for the echo."""
    if end > own.top:
        own.sent.append(Sent(max(begin, own.top), end, segment.ns, segment.frame))
        own.top = end
        own.window_probe = False
        if len(own.sent) > OUTSTANDING:
            own.sent.popleft()
            own.gave_up = True
    if segment.timestamps and (own.tsval is None or after(segment.timestamps[0], own.tsval) > 0):
        own.tsval = segment.timestamps[0]
        if own.echo is None and (own.acked is None or end > own.acked):
            own.echo = own.tsval, begin, segment.ns


def measure(segments: Iterable[Segment]) -> Conversation:
    """All of one stream."""
    conversation = Conversation()
    for segment in segments:
        conversation.read(segment)
    conversation.finish()
    return conversation
