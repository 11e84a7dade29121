"""Bufferbloat: round trips that grow with what is under way, because packets wait in a queue (RFC 7567).

The idle path's round trip is the least of the flow, or its handshake's when nothing was under way; the queue is what
its 95th percentile takes longer. Only senders with many segments under way count, and only where the median is raised
too: a late ACK now and then is no queue. Nor is one of a receiver whose window is closed for long: it answers late.

Behind the queue, as at the receiver's end, round trips do not show it. There the sender's timestamps do: they say how
much later segments come than the earliest (RFC 7323). Their clock is taken to count milliseconds; one that counts
otherwise, or drifts, seems to climb all along.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, Told, column, most, where
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, lasting, make, mark_evidence, stream_filter
from pcap_analyzer.findings.model import Evidence, Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import (
    MS,
    QUEUE_CLIMB,
    QUEUE_CLOSED,
    QUEUE_DRIFT,
    QUEUE_FACTOR,
    QUEUE_HARM,
    QUEUE_JUMP,
    QUEUE_LEAST,
    QUEUE_LEAST_ALONE,
    QUEUE_SAMPLES,
    QUEUE_SEGMENTS,
    QUEUE_TRANSFER,
    SECOND,
)
from pcap_analyzer.findings.trust import sure

MEDIAN_SHARE = 3  # the median holds at least a third of the delay


def _question(side: str) -> Tally:
    idle, late, median = terms.of(side, "rtt_least"), terms.of(side, "rtt_p95"), terms.of(side, "rtt_p50")
    queue = late - idle
    loaded = (
        terms.is_tcp
        & (terms.of(side, "rtt_samples") >= QUEUE_SAMPLES)
        & (terms.of(side, "flight_most") >= terms.of(side, "largest") * QUEUE_SEGMENTS)
        & (queue >= QUEUE_LEAST)
        & (late * 10 >= idle * int(10 * QUEUE_FACTOR))
        & ((median - idle) * MEDIAN_SHARE >= queue)
        & (terms.of(OTHER[side], "zero_ns") * 100 <= terms.duration * int(100 * QUEUE_CLOSED))
    )
    return Tally(where=loaded, score=queue, sums={"queue": queue, "bytes": terms.whole_bytes})


def _late(side: str) -> Tally:
    """Segments that arrive later than they might: what is seen of the queue behind it."""
    late, median, climb = terms.of(side, "late_p95"), terms.of(side, "late_p50"), terms.of(side, "late_climb")
    trip = column("initial_rtt_ns")
    loaded = (
        terms.is_tcp
        & (terms.of(side, "late_samples") >= QUEUE_SAMPLES)
        & (terms.of(side, "payload_bytes") >= terms.of(side, "largest") * QUEUE_TRANSFER)
        & (late >= where(trip > 0, QUEUE_LEAST, QUEUE_LEAST_ALONE))
        & ((late + trip) * 10 >= trip * int(10 * QUEUE_FACTOR))
        & (median * MEDIAN_SHARE >= late)
        & ((terms.of(side, "late_jump") * 100 <= late * int(100 * QUEUE_JUMP)) | (climb * 2 <= late))
        & (most(climb, 0) * 100 <= terms.duration * int(100 * QUEUE_CLIMB))
        & (terms.duration <= late * QUEUE_DRIFT)
        & (terms.of(OTHER[side], "zero_ns") * 100 <= terms.duration * int(100 * QUEUE_CLOSED))
    )
    return Tally(where=loaded, score=late, sums={"queue": late, "bytes": terms.whole_bytes})


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows, late = case.tally(f"bufferbloat.{side}"), case.tally(f"bufferbloat.{side}.late")
        if not flows.flows:
            if late.flows:
                yield _behind(case, side, late)
            continue
        row = flows.worst[0]
        queue, idle = row["score"], row[f"{side}_tcp"]["rtt_min_ns"]
        samples = sum(one[f"{side}_tcp"]["rtt_samples"] for one in flows.worst)
        yield make(
            case,
            "bufferbloat",
            "delay",
            direction=DIRECTIONS[side],
            measure=Measure("queue_delay", round(queue / MS, 2), "ms"),
            harm=harm_of(queue / SECOND, QUEUE_HARM),
            confidence=sure(samples // 5) * case.trust.times,
            words=Words(
                title=f"Under load, packets from {side} to {OTHER[side]} wait up to {lasting(queue)} in a queue.",
                cause=f"Round trips grow from {lasting(idle)} to {lasting(queue + idle)} with the bytes under way: a "
                "link on the path is full, and what is sent faster waits in front of it.",
                remedy="Find the slowest link (the round trip says on which side of the capture) and give its queue "
                "active management (CoDel, CAKE) or a shaper just below the link's rate.",
                source="RFC 7567; RFC 8289 (CoDel)",
            ),
            told=[flows],
            evidence=[
                Evidence(one["first_frame"], one["flow_id"], "the flow begins, its queue still empty")
                for one in flows.worst
            ]
            + mark_evidence(flows.worst, side, {"retransmission": "the queue overflowed: sent again"}),
            filter=stream_filter(
                flows.worst, f"tcp.analysis.ack_rtt > {(queue // 2 + idle) / SECOND:.6f} || tcp.flags.syn == 1"
            ),
            value=lambda one: one["score"] / MS,
        )


def _behind(case: Case, side: str, flows: Told) -> Finding:
    """The queue lies in front of the capture point."""
    queue = flows.worst[0]["score"]
    samples = sum(one[f"{side}_tcp"]["late_samples"] for one in flows.worst)
    return make(
        case,
        "bufferbloat",
        "delay",
        direction=DIRECTIONS[side],
        measure=Measure("queue_delay", round(queue / MS, 2), "ms"),
        harm=harm_of(queue / SECOND, QUEUE_HARM),
        confidence=0.9 * sure(samples // 5) * case.trust.times,
        words=Words(
            title=f"Under load, packets from {side} to {OTHER[side]} wait up to {lasting(queue)} in a queue.",
            cause=f"By the {side}'s own timestamps, segments arrive up to {lasting(queue)} later than the earliest: a "
            f"link between the {side} and the capture point is full, and what is sent faster waits in front of it.",
            remedy="Find the slowest link on that side and give its queue active management (CoDel, CAKE) or a shaper "
            "just below the link's rate.",
            source="RFC 7567; RFC 7323 section 3",
        ),
        told=[flows],
        evidence=[
            Evidence(one["first_frame"], one["flow_id"], "the flow begins, its queue still empty")
            for one in flows.worst
        ]
        + mark_evidence(flows.worst, side, {"lost_segment": "the queue overflowed: something is missing"}),
        filter=stream_filter(flows.worst, "tcp.len > 0 || tcp.flags.syn == 1"),
        value=lambda one: one["score"] / MS,
    )


RULE = Rule(
    questions={f"bufferbloat.{side}": _question(side) for side in SIDES}
    | {f"bufferbloat.{side}.late": _late(side) for side in SIDES},
    judge=judge,
)
