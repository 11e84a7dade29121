"""What Wireshark's TCP analysis reads of a segment, keeps of a direction, and says of a segment.

Sequence numbers are raw. 0 stands for "not known" in `next_seq`, `contiguous` and `last_ack`, as in Wireshark: a
connection that reaches it across the wrap is taken for new for a moment, there and here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag, auto

FIN, SYN, RST, ACK = 1, 2, 4, 16
CONTROL = FIN | SYN | RST
UNKNOWN_SCALE, NO_SCALE = -1, -2
MAX_SACK = 3  # blocks that count, of the four that there is room for
WORD, LONG = 1 << 32, 1 << 64


class Mark(IntFlag):
    """In the order of the bits in the packet table."""

    retransmission = auto()
    fast_retransmission = auto()
    spurious_retransmission = auto()
    out_of_order = auto()
    lost_segment = auto()
    ack_lost_segment = auto()
    duplicate_ack = auto()
    zero_window = auto()
    zero_window_probe = auto()
    zero_window_probe_ack = auto()
    window_full = auto()
    window_update = auto()
    keep_alive = auto()
    keep_alive_ack = auto()
    reused_ports = auto()
    seen_twice = auto()  # not Wireshark's, and not given here
    tfo_syn = auto()
    tfo_ack = auto()
    tfo_ignored = auto()


NO_MARK = Mark(0)
FAST_OPEN_MARKS = Mark.tfo_syn | Mark.tfo_ack | Mark.tfo_ignored


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP header. time: ns, 0 where the record has none.  length: payload bytes on the wire."""

    frame: int
    time: int
    seq: int
    ack: int
    flags: int
    length: int
    window: int
    scale: int | None = None  # the window scale option's shift
    sack: tuple[tuple[int, int], ...] = ()
    cookie: bool = False  # a fast open option that holds one
    cut: bool = False  # there were more options than were captured

    @property
    def end(self) -> int:
        """The number behind the payload."""
        return (self.seq + self.length) % WORD

    @property
    def control(self) -> int:
        return self.flags & CONTROL

    @property
    def opens(self) -> bool:
        """A SYN without ACK."""
        return self.flags & (SYN | ACK) == SYN

    @property
    def accepts(self) -> bool:
        """A SYN with ACK."""
        return self.flags & (SYN | ACK) == SYN | ACK

    @property
    def counted(self) -> int:
        """1 for SYN or FIN, or both."""
        return int(self.flags & (SYN | FIN) != 0)


@dataclass(slots=True)
class Verdict:
    """What Wireshark shows of one segment; None is what it does not show."""

    marks: Mark = NO_MARK
    ack_rtt: int | None = None  # ns, never 0
    acks_frame: int | None = None
    bytes_in_flight: int | None = None
    window: int = 0
    duplicate_number: int | None = None
    initial_rtt: int | None = None
    examined: bool = False  # something was looked up, so that the initial RTT is shown
    spans_base: bool = False  # something in flight begins before the base, from where Wireshark counts without sign


@dataclass(slots=True)
class Sent:
    """A segment that waits for its ACK, as far as it is not acknowledged."""

    frame: int
    time: int
    seq: int
    end: int


@dataclass(slots=True)
class Side:
    """What one end of a connection has sent so far."""

    base: int | None = None  # its numbers are counted from here
    next_seq: int = 0  # the highest end seen
    next_time: int = 0  # when it was reached
    contiguous: int = 0  # the end before the first hole
    last_ack: int = 0
    ack_time: int = 0
    window: int = WORD - 1  # as on the wire; of an end that was not seen yet no window is larger
    scale: int = UNKNOWN_SCALE
    unscaled: bool = False  # a SYN, whose window is not scaled, and since then no ACK
    duplicates: int = 0  # duplicate ACKs
    silent: bool = False  # instead of a number of duplicate ACKs: it acknowledged what was not captured
    last_marks: Mark = NO_MARK
    unacknowledged: list[Sent] = field(default_factory=list)  # in the order of the file
    flight_known: bool = True
    sack: tuple[tuple[int, int], ...] = ()  # of its last segment


def before(one: int, other: int) -> bool:
    """Serial comparison (RFC 1982). Quirk: of numbers half the space apart each is before the other."""
    return 0 < (other - one) % WORD <= WORD // 2


def after(one: int, other: int) -> bool:
    return before(other, one)
