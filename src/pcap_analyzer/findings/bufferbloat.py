"""Bufferbloat: round trips that grow with what is under way, because packets wait in a queue (RFC 7567).

The idle path's round trip is the least of the flow, or its handshake's when nothing was under way; the queue is what
its 95th percentile takes longer. Only senders with many segments under way count, and only where the median is raised
too: a late ACK now and then is no queue. Nor is one of a receiver whose window is closed for long: it answers late.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, lasting, make, mark_evidence, stream_filter
from pcap_analyzer.findings.model import Evidence, Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import (
    MS,
    QUEUE_CLOSED,
    QUEUE_FACTOR,
    QUEUE_HARM,
    QUEUE_LEAST,
    QUEUE_SAMPLES,
    QUEUE_SEGMENTS,
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


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows = case.tally(f"bufferbloat.{side}")
        if not flows.flows:
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


RULE = Rule(questions={f"bufferbloat.{side}": _question(side) for side in SIDES}, judge=judge)
