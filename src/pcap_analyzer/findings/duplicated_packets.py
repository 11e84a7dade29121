"""Duplicated packets: copies that somebody on the way made, or that the capture took twice (a mirror port).

A copy comes sooner than its sender could have been asked for it; a repetition does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, make, mark_evidence, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import DUPLICATE_HARM, DUPLICATE_LEAST, DUPLICATE_SHARE
from pcap_analyzer.findings.trust import sure


def _questions(side: str) -> dict[str, Tally]:
    twice = terms.doubled(side)
    carries = terms.is_tcp & (terms.of(side, "payload_bytes") > 0)
    sums = {"twice": twice, "segments": terms.segments(side), "bytes": terms.whole_bytes}
    return {
        f"duplicated_packets.{side}": Tally(where=carries & (twice > 0), score=twice, sums=sums),
        f"duplicated_packets.{side}.all": Tally(where=carries, score=twice, sums=sums, keep=0),
    }


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows, every = case.tally(f"duplicated_packets.{side}"), case.tally(f"duplicated_packets.{side}.all")
        twice, segments = every.sums["twice"], every.sums["segments"]
        if twice < DUPLICATE_LEAST or twice < DUPLICATE_SHARE * segments:
            continue
        share = twice / segments
        yield make(
            case,
            "duplicated_packets",
            "path",
            direction=DIRECTIONS[side],
            measure=Measure("duplicated_share", round(share, 5), "ratio"),
            harm=harm_of(share, DUPLICATE_HARM),
            confidence=sure(twice) * case.trust.times * case.trust.marks,
            words=Words(
                title=f"{percent(share)} of the data segments from {side} to {OTHER[side]} are in the capture twice.",
                cause=f"{counted(twice, 'copy', 'copies')} came sooner than the {side} could have been asked for them: "
                "the network doubled them, or the capture sees them at two places.",
                remedy="If nearly every packet is double, capture at one place of the mirror (one direction, one VLAN) "
                "or remove copies (editcap -d); if few are, look for loops and for links that repeat.",
                source="RFC 2883; Wireshark tcp.analysis.retransmission",
            ),
            told=[flows],
            evidence=mark_evidence(flows.worst, side, {"seen_twice": "its bytes had been captured before"}),
            filter=stream_filter(
                flows.worst,
                "tcp.analysis.retransmission || tcp.analysis.spurious_retransmission || tcp.analysis.out_of_order",
            ),
        )


RULE = Rule(
    questions={name: question for side in SIDES for name, question in _questions(side).items()},
    judge=judge,
)
