"""Duplicated packets: copies that somebody on the way made, or that the capture took twice (a mirror port).

A copy comes sooner than its sender could have been asked for it; a repetition does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, most
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, make, mark_evidence, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import DUPLICATE_HARM, DUPLICATE_LEAST, DUPLICATE_SHARE
from pcap_analyzer.findings.trust import sure

NAME = "duplicated_packets"


def _questions(side: str) -> dict[str, Tally]:
    twice = terms.doubled(side)
    carries = terms.is_tcp & (terms.of(side, "payload_bytes") > 0)
    # Of the bytes that came again, those of copies: some of the rest were sent again by the sender.
    copied = terms.of(side, "again_bytes") * twice // most(terms.mark(side, "seen_twice"), 1)
    sums = {
        "twice": twice,
        "segments": terms.segments(side),
        "copied": copied,
        "payload": terms.of(side, "payload_bytes"),
        "bytes": terms.whole_bytes,
    }
    return {
        f"{NAME}.{side}": Tally(where=carries & (twice > 0), score=twice, sums=sums),
        f"{NAME}.{side}.all": Tally(where=carries, score=twice, sums=sums, keep=0),
    }


def judge(case: Case) -> Iterator[Finding]:
    found = [side for side in SIDES if _is_found(case, side)]
    if not found:
        return
    flows = [case.tally(f"{NAME}.{side}") for side in found]
    twice, copied, payload = (
        sum(case.tally(f"{NAME}.{side}.all").sums[name] for side in found) for name in ("twice", "copied", "payload")
    )
    if not copied:  # but FINs
        return
    share = copied / payload
    both = len(found) > 1
    way = "both ways" if both else f"from {found[0]} to {OTHER[found[0]]}"
    yield make(
        case,
        NAME,
        "path",
        direction="both" if both else DIRECTIONS[found[0]],
        measure=Measure("duplicate_share", round(share, 5), "ratio"),
        harm=harm_of(share, DUPLICATE_HARM),
        confidence=sure(twice) * case.trust.times * case.trust.marks,
        words=Words(
            title=f"{percent(share)} of the data {way} is there twice: packets are copies of others.",
            cause=f"{counted(twice, 'copy', 'copies')} came sooner than the sender could have been asked for them, or "
            "bear the number of a packet that was seen before: the network doubled them, or the capture sees them at "
            "two places.",
            remedy="If nearly every packet is double, capture at one place of the mirror (one direction, one VLAN) or "
            "remove copies (editcap -d); if few are, look for loops and for links that repeat.",
            source="RFC 6864 (identification); Wireshark tcp.analysis.retransmission",
        ),
        told=flows,
        evidence=[
            one
            for side, told in zip(found, flows, strict=True)
            for one in mark_evidence(told.worst, side, {"seen_twice": "its bytes had been captured before"})
        ],
        filter=stream_filter(
            [row for told in flows for row in told.worst],
            "tcp.analysis.retransmission || tcp.analysis.spurious_retransmission || tcp.analysis.out_of_order",
        ),
    )


def _is_found(case: Case, side: str) -> bool:
    sums = case.tally(f"{NAME}.{side}.all").sums
    return sums["twice"] >= DUPLICATE_LEAST and sums["twice"] >= DUPLICATE_SHARE * sums["segments"]


RULE = Rule(
    questions={name: question for side in SIDES for name, question in _questions(side).items()},
    judge=judge,
)
