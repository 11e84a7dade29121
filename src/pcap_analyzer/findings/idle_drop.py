"""Idle drop: a connection rests, and what is sent after the rest is answered no more, however often it is repeated.

Firewalls and translators forget connections that say nothing for long, and drop what they do not know (RFC 5382). A
connection that dies without having rested is told apart: its path broke, or its peer.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, Told, where
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import (
    Case,
    Question,
    Rule,
    Words,
    counted,
    lasting,
    make,
    mark_evidence,
    stream_filter,
)
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import IDLE_HARM, IDLE_LEAST, SECOND, STUCK_PAYLOAD
from pcap_analyzer.findings.trust import sure

IDLE, LOST = "idle_drop", "connection_lost"


def _questions(side: str) -> dict[str, Question]:
    other = OTHER[side]
    # When the repeated segment was first sent: its last repetition, less the time since the original.
    sent = terms.of(side, "last_payload_ns") - terms.of(side, "delay_most")
    heard = terms.of(other, "last_payload_ns")
    rest = where(terms.known(heard) & terms.known(terms.of(side, "last_payload_ns")), sent - heard, 0)
    short = terms.of(side, "largest") < STUCK_PAYLOAD
    dead = terms.dead(side)
    sums = {"rest": rest, "bytes": terms.whole_bytes}
    return {
        f"{IDLE}.{side}": Tally(where=dead & (rest >= IDLE_LEAST), score=rest, sums=sums),
        f"{LOST}.{side}": Tally(
            where=dead & (rest < IDLE_LEAST) & short, score=terms.of(side, "outstanding"), sums=sums
        ),
    }


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        idle, lost = case.tally(f"{IDLE}.{side}"), case.tally(f"{LOST}.{side}")
        if idle.flows:
            rest = idle.sums["rest"] / idle.flows
            yield _finding(
                case,
                IDLE,
                side,
                idle,
                Measure("idle", round(rest / SECOND, 3), "s"),
                Words(
                    title=f"{counted(idle.flows, 'connection')} rested for {lasting(rest)} and then got no answer any "
                    "more.",
                    cause=f"What the {side} sent after the rest was sent again and again in vain: a firewall or "
                    "translator on the way has forgotten the connection and drops its packets.",
                    remedy="Turn on TCP keep-alives with less than the device's idle time-out, or raise that; let it "
                    "answer unknown connections with a reset.",
                    source="RFC 5382 section 5; RFC 9293 section 3.8.4",
                ),
            )
        if lost.flows:
            yield _finding(
                case,
                LOST,
                side,
                lost,
                Measure("lost_connections", lost.flows, "flows"),
                Words(
                    title=f"{counted(lost.flows, 'connection')} broke off: the {OTHER[side]} answers no more.",
                    cause=f"What the {side} sent last was sent again and again until the capture ends, without a word "
                    "from the other side: a host or the path to it is gone.",
                    remedy=f"See whether the {OTHER[side]} was up at that time, and where its packets end: capture "
                    "there.",
                    source="RFC 9293 section 3.8.3; RFC 6298",
                ),
            )


def _finding(case: Case, name: str, side: str, flows: Told, measure: Measure, words: Words) -> Finding:
    return make(
        case,
        name,
        "connections",
        direction=DIRECTIONS[side],
        measure=measure,
        harm=harm_of(flows.flows, IDLE_HARM),
        confidence=(0.7 + 0.3 * sure(flows.flows)) * case.trust.complete * case.trust.both_sides,
        words=words,
        told=[flows],
        evidence=mark_evidence(flows.worst, side, {"retransmission": "sent again, and not answered"}),
        filter=stream_filter(flows.worst, "tcp.analysis.retransmission"),
    )


RULE = Rule(
    questions={name: question for side in SIDES for name, question in _questions(side).items()},
    judge=judge,
    by_silence=True,
)
