"""What came again, or late: why a sender repeated a segment, and what filled a hole."""

from __future__ import annotations

from typing import NamedTuple

from tests.reference.tcp_measures_coverage import Hole
from tests.reference.tcp_measures_state import (
    FIN,
    SOON_NS,
    SYN,
    TIMER_NS,
    Direction,
    Repair,
    Retransmission,
    Segment,
    Sent,
    after,
)


class Paths(NamedTuple):
    """Round trips of the handshake: the whole, and from the capture point to the sender. None where not seen."""

    whole_ns: int | None
    near_ns: int | None

    @property
    def reaction_ns(self) -> int:
        """Sooner than this nobody can have asked for a repetition."""
        return (self.whole_ns or SOON_NS) // 2

    @property
    def silence_ns(self) -> int:
        """After so long without a word from the other side it was a timer."""
        return TIMER_NS + (self.near_ns if self.near_ns is not None else self.whole_ns or 0)


def original_of(own: Direction, begin: int) -> Sent | Retransmission | Repair | None:
    """The first time that this was captured, as far as it is remembered."""
    for held in (own.sent, own.gone, own.recent):
        for one in held:
            if one.begin <= begin < one.end:
                return one
    return None


def retransmitted(own: Direction, other: Direction, segment: Segment, span: tuple[int, int], paths: Paths) -> None:
    """Note a repetition. span: its positions, SYN and FIN included."""
    begin, end = span
    original = original_of(own, begin)
    copies = [one.ns for one in own.recent if one.begin <= begin < one.end]
    last_ns = copies[-1] if copies else original.ns if original else None
    one = Retransmission(
        frame=segment.frame,
        ns=segment.ns,
        begin=begin,
        end=end,
        cause="syn_retry" if segment.flags & SYN else _cause(own, other, segment.ns, span, last_ns, paths),
        original=original.frame if original else None,
        delay_ns=segment.ns - original.ns if original else None,
        tsval=segment.timestamps[0] if segment.timestamps else None,
    )
    own.retransmissions.append(one)
    own.recent.append(one)


def _cause(own: Direction, other: Direction, ns: int, span: tuple[int, int], last_ns: int | None, paths: Paths) -> str:
    """Why the sender repeated it, as far as timing and the other side's packets tell. last_ns: of the last copy."""
    if own.acked is None or own.feedback_ns is None or last_ns is None:
        return "unknown"
    begin, end = span
    since = ns - last_ns
    if since < paths.reaction_ns:
        # A copy that the network made.
        return "unknown"
    if own.timeout_until is not None and begin < own.timeout_until:
        return "rto"
    silent = min(since, ns - own.feedback_ns) >= paths.silence_ns
    if not silent and _asked_for(own, begin):
        own.fast_until = own.top
        return "fast"
    if since >= max(paths.whole_ns or 0, SOON_NS):
        reported = own.sack_high is not None and own.sack_high > begin
        if end >= own.top and own.sack_permitted and other.sack_permitted and not own.probed and not reported:
            own.probed = True
            return "tail_loss"
        if begin <= own.acked:
            own.timeout_until = own.top
            return "rto"
    return "fast" if begin <= own.acked and own.duplicate_acks else "unknown"


def _asked_for(own: Direction, begin: int) -> bool:
    """The other side holds later data (SACK, three duplicate ACKs), or a recovery of that kind is under way."""
    if own.sack_high is not None and own.sack_high > begin:
        return True
    assert own.acked is not None
    # RACK gives up the last segment of a flight too, which nothing stands behind: any repetition in a recovery counts.
    in_recovery = own.fast_until is not None and own.acked < own.fast_until
    return in_recovery or (begin <= own.acked and own.duplicate_acks >= 3)


def filled(
    own: Direction, segment: Segment, span: tuple[int, int], brought: int, hole: Hole | None, paths: Paths
) -> None:
    """Note a segment that filled a hole, or part of one. hole: as it was; None for bytes from before the capture."""
    begin, end = span
    one = Repair(segment.frame, segment.ns, begin, end, _kind(own, segment, end, hole, paths), brought)
    own.repairs.append(one)
    own.recent.append(one)


def _kind(own: Direction, segment: Segment, end: int, hole: Hole | None, paths: Paths) -> str:
    if own.acked is not None and end - bool(segment.flags & FIN) <= own.acked:
        return "late"
    if hole is None:
        return "reordered"
    if hole.tsval is not None and segment.timestamps and segment.timestamps[0] != hole.tsval:
        # Sent before or after the segment that opened the hole: the sender's own clock tells.
        return "reordered" if after(segment.timestamps[0], hole.tsval) < 0 else "repaired"
    return "reordered" if segment.ns - hole.opened_ns < paths.reaction_ns else "repaired"
