"""Micro-bursts: what leaves within a millisecond overflows queues on a line that is hardly used (RFC 8085, 7567).

Told where the network or the sender gives a reason to: segments are lost in such milliseconds far more often than
outside of them; or UDP, which nothing slows down, leaves in bursts that are longer than the shortest queues. TCP's
bursts alone are ordinary: a window's worth leaves at once, and its acknowledgements pace what follows.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.model import SPAN_NS, TICK_NS, Intervals
from pcap_analyzer.analysis.watches import Tally, Told
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, make, mark_evidence, percent, stream_filter
from pcap_analyzer.findings.model import Direction, Evidence, Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import (
    MICRO_BYTES,
    MICRO_CONTRAST,
    MICRO_FACTOR,
    MICRO_HARM,
    MICRO_LEAST,
    MICRO_OUTSIDE,
    MICRO_UNSEEN,
    UNPACED_PACKETS,
    UNPACED_SIZE,
)
from pcap_analyzer.findings.trust import sure

NAME = "micro_bursts"
TICKS = SPAN_NS // TICK_NS
REMEDY = (
    "Let the sender pace what it sends (fq, SO_MAX_PACING_RATE), give the switch port in front of the slower link more "
    "buffer or its queue a shaper upstream, and spread what starts at the same moment."
)
SOURCE = "RFC 8085 section 3.1; RFC 7567; RFC 9002 section 7.7"


def _unpaced(side: str) -> Tally:
    """UDP in bursts: n packets at once and then a pause deviate by √n of their mean interval."""
    packets, mean, spread = (terms.of(side, name) for name in ("packets", "gap_mean_ns", "gap_stddev_ns"))
    large = terms.of(side, "bytes") >= packets * UNPACED_SIZE
    many = packets >= UNPACED_PACKETS * MICRO_LEAST
    bursts = (mean > 0) & ((spread // mean) * (spread // mean) >= UNPACED_PACKETS)
    own = terms.of(side, "bytes")
    return Tally(where=terms.is_udp & large & many & bursts, score=own, sums={"own": own, "bytes": terms.whole_bytes})


def _lossy(side: str) -> Tally:
    lost = terms.lost(side)
    return Tally(where=terms.is_tcp & (lost > 0), score=lost, sums={"lost": lost, "bytes": terms.whole_bytes})


def bursts_of(intervals: Intervals) -> list[int]:
    """The buckets in which a tick holds a burst: much, and alone within its span. Of one burst the busiest."""
    peaks, width = intervals.peaks, intervals.width_ns
    if peaks is None:
        return []
    found: list[int] = []
    for bucket, size in enumerate(peaks.bytes):
        if size < MICRO_BYTES:
            continue
        around = bucket if width >= SPAN_NS else bucket * width // SPAN_NS * SPAN_NS // width
        if size * TICKS < MICRO_FACTOR * peaks.span_bytes[around]:
            continue
        if found and (bucket - found[-1]) * width * MICRO_FACTOR <= SPAN_NS:
            if size > peaks.bytes[found[-1]]:
                found[-1] = bucket
        else:
            found.append(bucket)
    return found


def judge(case: Case) -> Iterator[Finding]:
    intervals = case.analysis.intervals
    found = bursts_of(intervals)
    if len(found) < MICRO_LEAST:
        return
    for side in SIDES:
        lossy, unpaced = case.tally(f"{NAME}.{side}.lossy"), case.tally(f"{NAME}.{side}.unpaced")
        lost = _lost_in_bursts(intervals, found)
        if lossy.flows and lost and 2 * lossy.sums["lost"] >= sum(intervals.peaks.lost if intervals.peaks else ()):
            yield _with_loss(case, side, found, lossy, lost)
        elif unpaced.flows and 2 * unpaced.sums["own"] >= _size(intervals, found):
            yield _without(case, side, found, unpaced)


def _size(intervals: Intervals, found: list[int]) -> int:
    return sum(intervals.peaks.bytes[bucket] for bucket in found) if intervals.peaks else 0


def _lost_in_bursts(intervals: Intervals, found: list[int]) -> int:
    """Segments lost in bursts, if that happens far more often there than outside, byte for byte; else 0.

    The buckets beside it belong to a burst too: it may reach into them, and a hole is noticed behind it.
    """
    peaks = intervals.peaks
    assert peaks is not None
    near = {bucket for one in found for bucket in (one - 1, one, one + 1) if 0 <= bucket < len(peaks.bytes)}
    lost, size = (sum(values[bucket] for bucket in near) for values in (peaks.lost, intervals.bytes))
    lost_outside, size_outside = sum(peaks.lost) - lost, sum(intervals.bytes) - size
    if lost < MICRO_LEAST or size_outside < MICRO_OUTSIDE * (size + size_outside):
        return 0
    return lost if lost * size_outside >= MICRO_CONTRAST * max(lost_outside, 1) * size else 0


def _rate(case: Case, found: list[int]) -> tuple[float, float]:
    """Mbit/s of the busiest tick, and of the whole capture."""
    capture, peaks = case.analysis.capture, case.analysis.intervals.peaks
    assert peaks is not None
    most = max(peaks.bytes[bucket] for bucket in found)
    duration = (capture.last_ns or 0) - (capture.first_ns or 0)
    return most * 8e3 / TICK_NS, capture.bytes * 8e3 / max(duration, TICK_NS)


def _evidence(case: Case, found: list[int]) -> list[Evidence]:
    peaks = case.analysis.intervals.peaks
    assert peaks is not None
    worst = sorted(found, key=lambda bucket: -peaks.bytes[bucket])
    return [Evidence(peaks.frames[bucket], None, "here the burst is in full flow") for bucket in worst]


def _made(
    case: Case, side: str, found: list[int], told: Told, *, harm: float, confidence: float, title: str, cause: str
) -> Finding:
    peak, mean = _rate(case, found)
    direction: Direction = DIRECTIONS[side]
    frames = _evidence(case, found)
    marks = mark_evidence(told.worst, side, {"retransmission": "sent again", "lost_segment": "behind what is missing"})
    return make(
        case,
        NAME,
        "path",
        direction=direction,
        measure=Measure("peak_rate", round(peak, 2), "Mbit/s"),
        harm=harm,
        confidence=confidence * case.trust.times,
        words=Words(
            title=f"{counted(len(found), 'burst')}{title}, for a millisecond up to {peak:.0f} Mbit/s on a mean of "
            f"{mean:.2g} Mbit/s.",
            cause=cause,
            remedy=REMEDY,
            source=SOURCE,
        ),
        told=[told],
        evidence=[*frames[:5], *marks] if marks else frames,
        filter=stream_filter(told.worst),
    )


def _with_loss(case: Case, side: str, found: list[int], told: Told, lost: int) -> Finding:
    whole = sum(case.analysis.intervals.peaks.lost) if case.analysis.intervals.peaks else lost
    return _made(
        case,
        side,
        found,
        told,
        harm=harm_of(lost, MICRO_HARM),
        confidence=0.8 * sure(lost),
        title=f" in which {counted(lost, 'segment')} from {side} to {OTHER[side]} are lost",
        cause=f"{percent(lost / whole)} of the segments that were lost from {side} to {OTHER[side]} were sent in these "
        "moments: a queue on the way is shorter than what arrives at once, although the line is hardly used.",
    )


def _without(case: Case, side: str, found: list[int], told: Told) -> Finding:
    first = told.worst[0]
    at_once = (first[f"{side}_gap_stddev_ns"] / max(first[f"{side}_gap_mean_ns"], 1)) ** 2
    return _made(
        case,
        side,
        found,
        told,
        harm=MICRO_UNSEEN,
        confidence=0.6 * sure(len(found)),
        title=f" of datagrams from {side} to {OTHER[side]}",
        cause=f"The {side} sends about {at_once:.0f} datagrams at once and then waits. UDP is slowed down by nothing: "
        "where a link on the way is slower, as many must wait in its queue, and what does not fit is lost. Whether "
        "they arrive cannot be seen here.",
    )


def _questions() -> Iterator[tuple[str, Tally]]:
    for side in SIDES:
        yield f"{NAME}.{side}.lossy", _lossy(side)
        yield f"{NAME}.{side}.unpaced", _unpaced(side)


RULE = Rule(questions=dict(_questions()), judge=judge)
