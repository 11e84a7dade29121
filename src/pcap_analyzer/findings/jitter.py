"""Jitter: packets that leave at equal intervals and arrive at unequal ones (RFC 3550).

It can be measured only where the intervals at the sender are known: in UDP streams of packets of equal size, many a
second, as calls are; pictures leave as several at once. What is told is the standard deviation of the delay, that of
the intervals divided by √2.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from pcap_analyzer.analysis.watches import Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, lasting, make, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import (
    JITTER_HARM,
    JITTER_LEAST,
    JITTER_MOST_GAP,
    JITTER_PACKETS,
    JITTER_SHARE,
    JITTER_SIZES,
    MS,
)
from pcap_analyzer.findings.trust import sure

NAME = "jitter"


def _question(side: str) -> Tally:
    mean, spread = terms.of(side, "gap_mean_ns"), terms.of(side, "gap_stddev_ns")
    equal = terms.of(side, "bytes") * 100 >= terms.of(side, "longest") * terms.of(side, "packets") * int(
        100 * JITTER_SIZES
    )
    steady = (terms.of(side, "packets") >= JITTER_PACKETS) & (mean > 0) & (mean <= JITTER_MOST_GAP) & equal
    uneven = (spread >= JITTER_LEAST) & (spread * 100 >= mean * int(100 * JITTER_SHARE)) & (spread <= mean)
    return Tally(
        where=terms.is_udp & steady & uneven,
        score=spread,
        sums={"mean": mean, "packets": terms.of(side, "packets"), "bytes": terms.whole_bytes},
    )


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows = case.tally(f"{NAME}.{side}")
        if not flows.flows:
            continue
        jitter = flows.worst[0]["score"] / sqrt(2)
        mean = flows.worst[0][f"{side}_gap_mean_ns"]
        yield make(
            case,
            NAME,
            "delay",
            direction=DIRECTIONS[side],
            measure=Measure("jitter", round(jitter / MS, 3), "ms"),
            harm=harm_of(jitter / MS, JITTER_HARM),
            confidence=(0.5 + 0.3 * sure(flows.sums["packets"] // JITTER_PACKETS)) * case.trust.times,
            words=Words(
                title=f"{counted(flows.flows, 'stream')} from {side} to {OTHER[side]} arrive unevenly: the delay "
                f"deviates by {lasting(jitter)}.",
                cause=f"Packets of equal size, one every {lasting(mean)}, come at intervals that differ: they wait in "
                "queues that other traffic fills, or on a radio link.",
                remedy="Give such streams priority (DSCP EF), keep queues short, and look for radio links; receivers "
                "need a buffer of three times the deviation.",
                source="RFC 3550 section 6.4.1; RFC 3393; ITU-T Y.1541",
            ),
            told=[flows],
            evidence=first_frames(flows.worst, "the stream begins"),
            filter=stream_filter(flows.worst),
            value=lambda row: row["score"] / sqrt(2) / MS,
        )


RULE = Rule(questions={f"{NAME}.{side}": _question(side) for side in SIDES}, judge=judge)
