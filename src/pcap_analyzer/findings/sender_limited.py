"""Sender-limited: a transfer that waits for its own application, while network and receiver would take more."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, lasting, make, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import (
    SECOND,
    SENDER_BYTES,
    SENDER_HARM,
    SENDER_REQUESTS,
    SENDER_SHARE,
    SENDER_TIME,
)
from pcap_analyzer.findings.trust import sure

NAME = "sender_limited"


def _question(side: str) -> Tally:
    waited, sent = terms.limit(side, "application"), terms.of(side, "unique_bytes")
    took = terms.of(side, "last_payload_ns") - terms.of(side, "first_payload_ns")
    return Tally(
        where=terms.is_tcp
        & (sent >= SENDER_BYTES)
        & terms.known(terms.of(side, "first_payload_ns"))
        & (took >= SENDER_TIME)
        & (waited * 100 >= took * int(100 * SENDER_SHARE))
        & (terms.flag(OTHER[side], "psh") <= SENDER_REQUESTS),
        score=waited,
        sums={"waited": waited, "took": took, "sent": sent, "bytes": terms.whole_bytes},
    )


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows = case.tally(f"{NAME}.{side}")
        if not flows.flows:
            continue
        waited, took, sent = (flows.sums[name] for name in ("waited", "took", "sent"))
        rate = sent * 8 * SECOND / took
        yield make(
            case,
            NAME,
            "transfers",
            direction=DIRECTIONS[side],
            measure=Measure("throughput", round(rate), "bit/s"),
            harm=harm_of(waited / SECOND, SENDER_HARM),
            confidence=(0.6 + 0.4 * sure(flows.flows)) * case.trust.times * case.trust.marks,
            words=Words(
                title=f"{counted(flows.flows, 'transfer')} from the {side} waited {lasting(waited)} for the program "
                "that sends.",
                cause=f"For {percent(min(1.0, waited / took))} of the time nothing was on its way, and both the path "
                "and the receiver would have taken more: the program had nothing to send.",
                remedy=f"If it should be faster, look at the program on the {side}: where it reads from, how large its "
                "writes are. Live streams send at their own pace.",
                source="RFC 9293 section 3.7.4; RFC 7661 (application-limited)",
            ),
            told=[flows],
            evidence=first_frames(flows.worst, "the transfer begins"),
            filter=stream_filter(flows.worst),
            value=lambda row: row["score"] / SECOND,
        )


RULE = Rule(questions={f"{NAME}.{side}": _question(side) for side in SIDES}, judge=judge)
