"""What the measures of TCP keep: a segment, what is remembered of those sent, and one direction's state and results."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.reference.tcp_measures_coverage import Coverage
from tests.reference.tcp_measures_statistics import Statistics

FIN, SYN, RST, ACK = 1, 2, 4, 16
WINDOW = 1 << 30  # the largest window there is (RFC 7323): what is further away does not belong to the stream
OUTSTANDING = 10_000  # segments
REMEMBERED = 8  # acknowledged segments that are still found as a repetition's original
RECENT = 16  # repetitions and repairs that a DSACK, an echo or a further repetition can still speak of
TIMER_NS = 150_000_000  # below Linux' least retransmission time-out, 200 ms
LEAST_FULL = 536  # payload of a full segment, at least (RFC 9293's default)
SOON_NS = 3_000_000  # stands for the initial round trip where that is unknown, as in Wireshark


class Segment(NamedTuple):
    """One captured TCP segment. window: as on the wire. scale, mss, sack_permitted: options of a SYN."""

    frame: int
    ns: int
    direction: int
    seq: int
    ack: int
    flags: int
    payload: int
    window: int = 65_535
    mss: int | None = None
    scale: int | None = None
    sack_permitted: bool = False
    cut: bool = False  # there were more options than were captured
    sack: tuple[tuple[int, int], ...] = ()
    timestamps: tuple[int, int] | None = None  # value, echo


class Sent(NamedTuple):
    """A segment that brought something new: for its acknowledgement, and as a repetition's original."""

    begin: int
    end: int
    ns: int
    frame: int


@dataclass(slots=True)
class Retransmission:
    """A segment seen twice. delay_ns, original: since which frame, where that is known.

    dsack_by, echo_by: the frame that proves it spurious, by a DSACK or by the echo of an earlier timestamp.
    """

    frame: int
    ns: int
    begin: int
    end: int
    cause: str
    original: int | None
    delay_ns: int | None
    tsval: int | None
    dsack_by: int | None = None
    echo_by: int | None = None


@dataclass(slots=True)
class Repair:
    """A segment that filled a hole. kind: reordered, repaired (it had been lost), late (it had been acknowledged)."""

    frame: int
    ns: int
    begin: int
    end: int
    kind: str
    filled: int


@dataclass(slots=True)
class Direction:
    """What one side sent, and what the other said about it."""

    coverage: Coverage | None = None
    top: int = 0  # behind the last position, FIN included
    acked: int | None = None
    sent: deque[Sent] = field(default_factory=deque)
    gone: deque[Sent] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    recent: deque[Retransmission | Repair] = field(default_factory=lambda: deque(maxlen=RECENT))
    repair: tuple[int, int] | None = None  # what Karn's rule leaves out
    fill: tuple[int, int] | None = None  # end and ns of the last segment that filled a hole: it was captured once
    window: int | None = None
    isn: int | None = None
    shift: int | None = None  # the SYN's option
    scale_known: bool = False
    mss: int | None = None
    sack_permitted: bool = False
    duplicate_acks: int = 0
    feedback_ns: int | None = None
    sack_high: int | None = None
    fast_until: int | None = None
    timeout_until: int | None = None
    probed: bool = False
    finished: bool = False
    window_probe: bool = False
    unsure: bool = False
    tsval: int | None = None
    echo: tuple[int, int, int] | None = None  # tsval, begin, ns of the segment whose echo is awaited
    largest: int = 0
    short: bool = False
    limit: str = ""
    waiting: Counter[str] = field(default_factory=Counter)
    zero_since: int | None = None
    first_payload_ns: int | None = None
    last_payload_ns: int | None = None
    # results
    unique_bytes: int = 0
    seen_twice_segments: int = 0
    seen_twice_bytes: int = 0
    syn_retries: int = 0
    fin_retries: int = 0
    keep_alives: int = 0
    keep_alive_bytes: int = 0  # the byte that some send with it
    window_probes: int = 0
    retransmissions: list[Retransmission] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    dsack_blocks: int = 0
    rtt: Statistics = field(default_factory=Statistics)
    echo_rtt: Statistics = field(default_factory=Statistics)
    limit_ns: Counter[str] = field(default_factory=Counter)
    zero_periods: int = 0
    zero_ns: int = 0
    gave_up: bool = False
    strays: int = 0

    @property
    def missed_bytes(self) -> int:
        """Bytes that stand between captured ones and were never captured."""
        return self.coverage.missing() if self.coverage else 0

    @property
    def missed_acked_bytes(self) -> int:
        """Those of them that the other side acknowledged: the capture lost them, not the network."""
        return self.coverage.missing(self.acked) if self.coverage and self.acked is not None else 0

    @property
    def spurious_by_dsack(self) -> int:
        return sum(one.dsack_by is not None for one in self.retransmissions)

    @property
    def spurious_by_echo(self) -> int:
        return sum(one.echo_by is not None for one in self.retransmissions)

    def causes(self) -> Counter[str]:
        return Counter(one.cause for one in self.retransmissions)

    def filled(self, kind: str) -> int:
        return sum(one.filled for one in self.repairs if one.kind == kind)


def after(left: int, right: int) -> int:
    """left - right in 32-bit serial arithmetic."""
    return (left - right + (1 << 31)) % (1 << 32) - (1 << 31)
