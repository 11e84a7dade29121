"""Reordering: segments overtaken on their way, and senders that took it for loss (RFC 4737).

A segment counts as overtaken when it fills a hole sooner than its sender could have been asked for it, or when the
sender's own clock shows that it was sent before the one that opened the hole (RFC 7323). Behind the capture point, as
at the sender's end, what its receiver says tells: it lacked a segment while it had later ones (SACK), and then had it
although nobody sent it again; or it was sent again early, and the receiver had it twice (DSACK).
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, least, most
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, make, mark_evidence, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import REORDER_DOUBT, REORDER_HARM, REORDER_LEAST, REORDER_SHARE
from pcap_analyzer.findings.trust import sure


def _questions(side: str) -> dict[str, Tally]:
    mistaken = terms.needless(side)
    before, behind = terms.fill(side, "reordered"), terms.of(side, "overtaken")
    late = most(before, behind + least(terms.cause(side, "fast"), mistaken))
    carries = terms.is_tcp & (terms.of(side, "payload_bytes") > 0)
    sums = {
        "late": late,
        "segments": terms.segments(side),
        "before": before,
        "lost": terms.repaired(side) + terms.repeated(side),
        "mistaken": most(terms.spurious(side) - terms.doubled(side), 0),
        "bytes": terms.whole_bytes,
    }
    return {
        f"reordering.{side}": Tally(where=carries & (late > 0), score=late, sums=sums),
        f"reordering.{side}.all": Tally(where=carries, score=late, sums=sums, keep=0),
    }


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows, every = case.tally(f"reordering.{side}"), case.tally(f"reordering.{side}.all")
        late, segments = every.sums["late"], every.sums["segments"]
        if late < max(REORDER_LEAST, REORDER_SHARE * segments, REORDER_DOUBT * every.sums["lost"]):
            continue
        share = late / segments
        mistaken = flows.sums["mistaken"]
        taken = (
            f" The sender took it for loss {counted(mistaken, 'time')} and repeated what had arrived."
            if mistaken
            else " The sender did not take it for loss."
        )
        place = f"between the {side} and the capture point"
        if 2 * every.sums["before"] < late:
            place = f"between the capture point and the {OTHER[side]}"
        yield make(
            case,
            "reordering",
            "path",
            direction=DIRECTIONS[side],
            measure=Measure("reordered_share", round(share, 5), "ratio"),
            harm=harm_of(share, REORDER_HARM),
            confidence=sure(late) * case.trust.times * case.trust.marks,
            words=Words(
                title=f"{percent(share)} of the data segments from {side} to {OTHER[side]} arrive out of order.",
                cause=f"{counted(late, 'segment')} were overtaken by later ones {place}.{taken}",
                remedy="Look for parallel links or paths that share one flow's packets (per-packet balancing), for "
                "radio links that repeat, and for captures taken from several queues.",
                source="RFC 4737; RFC 5681 section 4.2",
            ),
            told=[flows],
            evidence=mark_evidence(
                flows.worst, side, {"out_of_order": "overtaken", "lost_segment": "came before what precedes it"}
            )
            + mark_evidence(flows.worst, OTHER[side], {"duplicate_ack": "lacks a segment, has later ones"}),
            filter=stream_filter(
                flows.worst,
                "tcp.analysis.out_of_order || tcp.analysis.lost_segment || tcp.analysis.duplicate_ack || "
                "tcp.options.sack_le",
            ),
        )


RULE = Rule(
    questions={name: question for side in SIDES for name, question in _questions(side).items()},
    judge=judge,
)
