"""Spurious retransmission: sent again although it had arrived, as the receiver or its timestamps prove.

Proof is a duplicate SACK (RFC 2883) or the echo of the first copy's timestamp (RFC 3522).
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, least, most
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, make, mark_evidence, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import SPURIOUS_HARM, SPURIOUS_LEAST, SPURIOUS_SHARE
from pcap_analyzer.findings.trust import sure


def _questions(side: str) -> dict[str, Tally]:
    # A probe of the tail is sent to be proved needless (RFC 8985): it is none of these.
    proved = most(terms.spurious(side) - terms.doubled(side) - terms.cause(side, "tail_loss"), 0)
    needless = least(proved, terms.sent_again(side))
    # Behind a closed window a sender repeats to hear whether it has opened.
    open_window = terms.of(OTHER[side], "zero_periods").equals(0)
    carries = terms.is_tcp & (terms.of(side, "payload_bytes") > 0) & open_window
    sums = {
        "needless": needless,
        "fast": terms.cause(side, "fast"),
        "timer": terms.cause(side, "rto"),
        "segments": terms.segments(side),
        "bytes": terms.whole_bytes,
    }
    return {
        f"spurious_retransmission.{side}": Tally(where=carries & (needless > 0), score=needless, sums=sums),
        f"spurious_retransmission.{side}.all": Tally(where=carries, score=needless, sums=sums, keep=0),
    }


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows, every = case.tally(f"spurious_retransmission.{side}"), case.tally(f"spurious_retransmission.{side}.all")
        needless, segments = every.sums["needless"], every.sums["segments"]
        if needless < SPURIOUS_LEAST or needless < SPURIOUS_SHARE * segments:
            continue
        share = needless / segments
        fast = flows.sums["fast"] >= flows.sums["timer"]
        why = (
            "duplicate ACKs came because segments were reordered, not lost"
            if fast
            else "a timer ran out while the answer was still on its way"
        )
        yield make(
            case,
            "spurious_retransmission",
            "path",
            direction=DIRECTIONS[side],
            measure=Measure("spurious_share", round(share, 5), "ratio"),
            harm=harm_of(share, SPURIOUS_HARM),
            confidence=sure(needless) * case.trust.marks,
            words=Words(
                title=f"The {side} sent {counted(needless, 'segment')} again that had arrived already.",
                cause=f"The {OTHER[side]} says that it had them ({percent(share)} of the data segments): {why}.",
                remedy="Look for reordering and for round trips that jump; senders with RACK and F-RTO take less harm.",
                source="RFC 2883 (DSACK), RFC 3522 (Eifel)",
            ),
            told=[flows],
            evidence=mark_evidence(
                flows.worst, side, {"spurious_retransmission": "was acknowledged already", "seen_twice": "sent again"}
            ),
            filter=stream_filter(
                flows.worst,
                "tcp.analysis.retransmission || tcp.analysis.spurious_retransmission || tcp.analysis.out_of_order",
            ),
        )


RULE = Rule(
    questions={name: question for side in SIDES for name, question in _questions(side).items()},
    judge=judge,
)
