"""Windows: their scale, the periods for which they are closed, and who holds a transfer up."""

from __future__ import annotations

from tests.reference.tcp_measures_state import FIN, LEAST_FULL, RST, SYN, Direction, Segment


def scaled(own: Direction, other: Direction, segment: Segment) -> int:
    """The window in bytes, as far as the scale is known. A SYN's window is never scaled."""
    if segment.flags & SYN or own.shift is None or (other.scale_known and other.shift is None):
        return segment.window
    return segment.window << min(own.shift, 14)


def advertised(own: Direction, other: Direction, segment: Segment) -> None:
    """The window that a segment announces, and the periods for which it is closed."""
    if segment.flags & RST:
        window_opened(own, segment.ns)
        window_opened(other, segment.ns)
        return
    if segment.window:
        window_opened(own, segment.ns)
    elif own.zero_since is None and not segment.flags & (SYN | FIN):
        own.zero_since = segment.ns
        own.zero_periods += 1
    own.window = scaled(own, other, segment)


def window_opened(side: Direction, ns: int) -> None:
    if side.zero_since is not None:
        side.zero_ns += ns - side.zero_since
        side.zero_since = None


def full(own: Direction, other: Direction) -> int:
    """Payload of a full segment, from what was seen and what the other side allows."""
    full = max(own.largest, LEAST_FULL)
    return full if other.mss is None else min(full, other.mss - (12 if own.tsval is not None else 0))


def limit(own: Direction, other: Direction) -> str:
    """What holds the sender up from now to the next segment; "waiting …" counts if it sends payload again."""
    if own.first_payload_ns is None or own.acked is None or other.window is None:
        return ""
    if own.finished and own.acked >= own.top:
        return ""
    idle = own.acked >= own.top
    known = other.scale_known or other.window == 0
    if known and own.top - own.acked + full(own, other) > other.window:
        return "waiting receiver" if idle else "receiver"
    if idle:
        return "waiting application"
    return "application" if own.short else "congestion"


def settle(own: Direction, near_ns: int) -> None:
    """It sends again after everything was acknowledged. The acknowledgement took near_ns to get there and show."""
    for cause, waited in own.waiting.items():
        travelled = min(waited, near_ns) if cause == "application" and not own.short else 0
        own.limit_ns[cause] += waited - travelled
        own.limit_ns["congestion"] += travelled
    own.waiting.clear()
