"""What the other side says of the data sent: acknowledgements, SACK blocks and echoes of timestamps."""

from __future__ import annotations

from tests.reference.tcp_measures_state import FIN, RST, SYN, WINDOW, Direction, Retransmission, Segment, after
from tests.reference.tcp_measures_windows import scaled


def acknowledged(own: Direction, other: Direction, segment: Segment) -> None:
    """`segment`, sent by `other`, acknowledges what `own` sent."""
    own.feedback_ns = segment.ns
    if own.coverage is None:
        return
    ack = own.coverage.high + after(segment.ack, own.coverage.high % (1 << 32))
    if abs(ack - own.coverage.high) > WINDOW:
        return
    _selective(own, segment, ack)
    if own.acked is None or ack > own.acked:
        _advance(own, segment, ack)
    elif ack == own.acked and own.top > ack and not segment.payload and not segment.flags & (SYN | FIN | RST):
        own.duplicate_acks += bool(segment.sack) or scaled(other, own, segment) == other.window


def _selective(own: Direction, segment: Segment, ack: int) -> None:
    """SACK blocks; the first may speak of something received twice (RFC 2883)."""
    if not segment.sack:
        return
    blocks = [(ack + after(le, segment.ack), ack + after(re, segment.ack)) for le, re in segment.sack]
    blocks = [(low, high) for low, high in blocks if low < high and abs(high - ack) <= WINDOW]
    if not blocks:
        return
    first = blocks[0]
    if first[1] <= ack or (len(blocks) > 1 and blocks[1][0] <= first[0] and first[1] <= blocks[1][1]):
        blocks.pop(0)
        own.dsack_blocks += 1
        for one in own.recent:
            if isinstance(one, Retransmission) and one.dsack_by is None and one.begin < first[1] and first[0] < one.end:
                one.dsack_by = segment.frame
    for block in blocks:
        own.sack_high = max(own.sack_high or 0, block[1])


def _advance(own: Direction, segment: Segment, ack: int) -> None:
    """New data is acknowledged: round trips, and whether a repetition was needed."""
    _echoed(own, segment)
    sent = None
    while own.sent and own.sent[0].end <= ack:
        sent = own.sent.popleft()
        own.gone.append(sent)
    if sent is not None and sent.end == ack:
        if own.repair is None or sent.end <= own.repair[0] or sent.begin >= own.repair[1]:
            own.rtt.add(segment.ns - sent.ns)
    elif own.fill is not None and own.fill[0] == ack:
        own.rtt.add(segment.ns - own.fill[1])
    if own.fill is not None and own.fill[0] <= ack:
        own.fill = None
    if own.echo is not None and ack > own.echo[1]:
        if segment.timestamps and segment.timestamps[1] == own.echo[0]:
            own.echo_rtt.add(segment.ns - own.echo[2])
        own.echo = None
    own.acked, own.duplicate_acks, own.probed = ack, 0, False
    if own.repair is not None and ack >= own.repair[1]:
        own.repair = None
    if own.timeout_until is not None and ack >= own.timeout_until:
        own.timeout_until = None
    if own.fast_until is not None and ack >= own.fast_until:
        own.fast_until = None
    if own.sack_high is not None and ack >= own.sack_high:
        own.sack_high = None


def _echoed(own: Direction, segment: Segment) -> None:
    """The echo is of the segment that arrived at the left edge (RFC 7323): was it sent before its repetition?"""
    if own.acked is None or segment.timestamps is None:
        return
    for one in own.recent:
        if isinstance(one, Retransmission) and one.begin <= own.acked < one.end and one.tsval is not None:
            earlier = after(segment.timestamps[1], one.tsval) < 0
            one.echo_by = segment.frame if one.echo_by is None and earlier else one.echo_by
