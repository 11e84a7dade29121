"""Burst loss: several segments in a row lost at a time, as a full queue or a radio link loses them (RFC 3611)."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, make, mark_evidence, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import BURST_HARM, BURST_MEAN, BURST_RUN
from pcap_analyzer.findings.trust import sure


def _question(side: str) -> Tally:
    lost, runs, longest = terms.lost(side), terms.of(side, "loss_runs"), terms.of(side, "loss_run_most")
    in_bursts = (longest >= BURST_RUN) & (lost * 10 >= runs * int(10 * BURST_MEAN))
    return Tally(
        where=terms.is_tcp & in_bursts & ~terms.dead(side),
        score=longest,
        sums={"lost": lost, "runs": runs, "bytes": terms.whole_bytes},
    )


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows = case.tally(f"burst_loss.{side}")
        if not flows.flows:
            continue
        lost, runs, longest = flows.sums["lost"], flows.sums["runs"], flows.worst[0]["score"]
        mean = lost / max(runs, 1)
        yield make(
            case,
            "burst_loss",
            "loss",
            direction=DIRECTIONS[side],
            measure=Measure("mean_burst", round(mean, 2), "segments"),
            harm=harm_of(mean, BURST_HARM),
            confidence=sure(lost) * case.trust.complete * case.trust.marks,
            words=Words(
                title=f"Losses from {side} to {OTHER[side]} come in bursts of up to {longest} segments.",
                cause=f"{counted(lost, 'segment')} were lost at {counted(runs, 'time')}: a queue that overflows, a "
                "radio link, or a route that changes loses what comes close together.",
                remedy="Look for a queue that is too short for the bursts put into it, for policers, and for radio "
                "links; pacing at the sender helps.",
                source="RFC 3611 section 4.7.2 (burst), RFC 8985",
            ),
            told=[flows],
            evidence=mark_evidence(
                flows.worst,
                side,
                {
                    "lost_segment": "a burst is missing in front of it",
                    "retransmission": "sent again",
                    "out_of_order": "sent again",
                },
            ),
            filter=stream_filter(
                flows.worst, "tcp.analysis.retransmission || tcp.analysis.out_of_order || tcp.analysis.lost_segment"
            ),
        )


RULE = Rule(questions={f"burst_loss.{side}": _question(side) for side in SIDES}, judge=judge)
