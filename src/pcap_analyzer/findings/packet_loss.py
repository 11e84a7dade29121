"""Packet loss: segments with data that were sent and did not arrive, by direction and side of the capture point.

Behind the capture point a lost segment was captured, and is captured again when its sender repeats it; before it, the
capture sees the hole that it left, and later what fills it. Repetitions that the receiver proved needless are none
(RFC 2883, 3522), nor are copies that came sooner than any sender could react. Connections that nobody answers any more
are other findings.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Groups, Tally, most
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import (
    Case,
    Question,
    Rule,
    Words,
    counted,
    make,
    mark_evidence,
    percent,
    stream_filter,
)
from pcap_analyzer.findings.model import Finding, Measure, harm_of, reaching
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import LOSS_DOUBT, LOSS_HARM, LOSS_PROVED, LOSS_SHARE
from pcap_analyzer.findings.trust import sure

SHOWN = {
    "fast_retransmission": "sent again after duplicate ACKs",
    "retransmission": "sent again",
    "lost_segment": "something is missing in front of it",
    "out_of_order": "fills a hole",
}
FILTER = (
    "tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.out_of_order || "
    "tcp.analysis.lost_segment"
)
MOST_PATHS = 1000


def _questions() -> Iterator[tuple[str, Question]]:
    for side in SIDES:
        lost, segments = terms.lost(side), terms.segments(side)
        carries = terms.is_tcp & (terms.of(side, "payload_bytes") > 0) & ~terms.dead(side)
        sums = {
            "lost": lost,
            "behind": terms.repeated(side),
            "needless": terms.needless(side),
            "segments": most(segments + terms.repaired(side), lost + 1),
            "bytes": terms.whole_bytes,
        }
        yield f"packet_loss.{side}", Tally(where=carries & (lost > 0), score=lost, sums=sums)
        yield f"packet_loss.{side}.all", Tally(where=carries, score=lost, sums=sums, keep=0)
        yield f"packet_loss.{side}.paths", Groups(where=carries, key=("client", "server"), sums=sums)


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows = case.tally(f"packet_loss.{side}")
        if not flows.flows:
            continue
        # Of all flows: what a stalled path repeats in vain is mostly proved so in other flows than the one in doubt.
        needless = case.tally(f"packet_loss.{side}.all").sums["needless"]
        lost, segments, behind, paths = _on_lossy_paths(case, side)
        if not lost or lost < LOSS_PROVED * needless:
            continue
        share, reach = lost / segments, segments / case.tally(f"packet_loss.{side}.all").sums["segments"]
        yield make(
            case,
            "packet_loss",
            "loss",
            direction=DIRECTIONS[side],
            measure=Measure("loss_share", round(share, 5), "ratio"),
            harm=reaching(harm_of(lost / (segments + LOSS_DOUBT), LOSS_HARM), reach),
            confidence=sure(lost) * case.trust.complete * case.trust.both_sides * case.trust.marks,
            words=_words(side, share, lost, behind, paths),
            told=[flows],
            evidence=mark_evidence(flows.worst, side, SHOWN),
            filter=stream_filter(flows.worst, FILTER),
        )


def _on_lossy_paths(case: Case, side: str) -> tuple[int, int, int, int]:
    """Segments lost, sent, and lost behind the capture point, and on how many paths; too many are taken together."""
    name = f"packet_loss.{side}.paths"
    if case.answers.beyond(name):
        sums = case.tally(f"packet_loss.{side}.all").sums
        lossy = 1 if sums["lost"] >= LOSS_SHARE * sums["segments"] else 0
        return sums["lost"] * lossy, sums["segments"], sums["behind"], lossy
    paths = case.answers.values(name, {"lost": 1}, by="lost", limit=MOST_PATHS)
    values = [path for path in paths if path["lost"] >= LOSS_SHARE * path["segments"]]
    lost, segments, behind = (sum(one[key] for one in values) for key in ("lost", "segments", "behind"))
    return lost, segments, behind, len(values)


def _words(side: str, share: float, lost: int, behind: int, paths: int) -> Words:
    place = f"between the {side} and the capture point"
    if 2 * behind >= lost:
        place = f"between the capture point and the {OTHER[side]}"
    if 5 * min(behind, lost - behind) > lost:
        place = "on both sides of the capture point"
    on = "" if paths == 1 else f" on {paths} paths"
    return Words(
        title=f"{percent(share)} of the data segments from {side} to {OTHER[side]} are lost{on}.",
        cause=f"{counted(lost, 'segment')} had to be sent again; what is missing was lost {place}.",
        remedy="Look there for errors on interfaces, full queues, policers, duplex mismatches and radio links; compare "
        "with a capture on the other side.",
        source="RFC 5681, RFC 2883; Wireshark tcp.analysis.retransmission",
    )


RULE = Rule(questions=dict(_questions()), judge=judge)
