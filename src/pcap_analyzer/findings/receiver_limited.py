"""Receiver-limited: transfers that wait for the other side's window (RFC 9293 section 3.8.6).

Closed windows say that the program there does not read; windows that are merely small say that its buffer, or a
missing window scale (RFC 7323), does not fit the path.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, most
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, lasting, make, mark_evidence, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import RECEIVER_FAST, RECEIVER_HARM, RECEIVER_LEAST, RECEIVER_SHARE, SECOND
from pcap_analyzer.findings.trust import sure


def _question(side: str) -> Tally:
    waited, closed = terms.limit(side, "receiver"), terms.of(OTHER[side], "zero_ns")
    sent = terms.of(side, "unique_bytes")
    took = most(terms.of(side, "last_payload_ns") - terms.of(side, "first_payload_ns"), 1)
    shut = closed >= RECEIVER_LEAST
    small = (terms.mark(side, "window_full") > 0) & (sent * 8 * 1000 < took * (RECEIVER_FAST // 1_000_000))
    return Tally(
        where=terms.is_tcp
        & (sent > 0)
        & (waited >= RECEIVER_LEAST)
        & (waited * 100 >= terms.duration * int(100 * RECEIVER_SHARE))
        & (shut | small),
        score=waited,
        sums={
            "waited": waited,
            "closed": closed,
            "sent": sent,
            "took": took,
            "times": terms.of(OTHER[side], "zero_periods"),
            "bytes": terms.whole_bytes,
        },
    )


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows, receiver = case.tally(f"receiver_limited.{side}"), OTHER[side]
        if not flows.flows:
            continue
        waited, closed, times = (flows.sums[name] for name in ("waited", "closed", "times"))
        shut = 2 * closed >= waited
        cause = (
            f"The {receiver}'s window was closed {counted(times, 'time')}, for {lasting(closed)} in all: the program "
            "there does not read what has arrived."
            if shut
            else f"The {receiver}'s window held less than the path can carry: its buffer is small, or window scaling "
            "is missing."
        )
        remedy = (
            f"Look at the program on the {receiver}: it is busy, blocked, or writes to something slow."
            if shut
            else "Raise the receive buffer, and see that both SYNs carry the window scale option."
        )
        yield make(
            case,
            "receiver_limited",
            "transfers",
            direction=DIRECTIONS[side],
            measure=Measure("throughput", round(flows.sums["sent"] * 8 * SECOND / flows.sums["took"]), "bit/s"),
            harm=harm_of(waited / SECOND, RECEIVER_HARM),
            confidence=(0.7 + 0.3 * sure(times)) * case.trust.times * case.trust.marks,
            words=Words(
                title=f"The {side} waited {lasting(waited)} for the {receiver} to take its data.",
                cause=cause,
                remedy=remedy,
                source="RFC 9293 section 3.8.6; Wireshark tcp.analysis.zero_window, tcp.analysis.window_full",
            ),
            told=[flows],
            evidence=mark_evidence(flows.worst, receiver, {"zero_window": "the window is closed"})
            + mark_evidence(flows.worst, side, {"window_full": "fills the window to the last byte"}),
            filter=stream_filter(flows.worst, "tcp.analysis.zero_window || tcp.analysis.window_full"),
            value=lambda row: row["score"] / SECOND,
        )


RULE = Rule(questions={f"receiver_limited.{side}": _question(side) for side in SIDES}, judge=judge)
