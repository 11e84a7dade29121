"""Slow handshake: opening a connection takes much longer than the path does later on.

From SYN to SYN/ACK it is the server that was slow, or a full listen queue; from SYN/ACK to ACK it is the client. The
path's own round trip to that side, from the data that follows, is taken off.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, lasting, make, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import (
    HANDSHAKE_FACTOR,
    HANDSHAKE_HARM,
    HANDSHAKE_LEAST,
    HANDSHAKE_MOST,
    SECOND,
)
from pcap_analyzer.findings.trust import sure

NAME = "slow_handshake"
PARTS = {"server": ("handshake_network_ns", "client"), "client": ("handshake_client_ns", "server")}
"""Who was slow: the column, and the side whose data measures the path there."""
WHY = {
    "server": "The SYN/ACK came late: the server is busy, its listen queue is full, or something in front of it "
    "(a proxy, a SYN cookie device) decides first.",
    "client": "The client was slow to say its last word of the handshake: its host is busy.",
}


def _question(slow: str) -> Tally:
    name, sender = PARTS[slow]
    took, path = column(name), terms.of(sender, "rtt_p50")
    excess = took - path
    return Tally(
        where=terms.is_tcp
        & terms.known(took)
        & (terms.of(sender, "rtt_samples") > 0)
        & (excess >= HANDSHAKE_LEAST)
        & (took <= HANDSHAKE_MOST)
        & (took >= path * HANDSHAKE_FACTOR),
        score=excess,
        sums={"excess": excess, "bytes": terms.whole_bytes},
    )


def judge(case: Case) -> Iterator[Finding]:
    for slow in PARTS:
        flows = case.tally(f"{NAME}.{slow}")
        if not flows.flows:
            continue
        mean = flows.sums["excess"] / flows.flows
        yield make(
            case,
            NAME,
            "connections",
            direction="server_to_client" if slow == "server" else "client_to_server",
            measure=Measure("handshake_excess", round(mean / SECOND, 4), "s"),
            harm=harm_of(mean / SECOND, HANDSHAKE_HARM) * (0.6 + 0.4 * sure(flows.flows)),
            confidence=(0.5 + 0.5 * sure(flows.flows)) * case.trust.times,
            words=Words(
                title=f"The {slow} is slow to open {counted(flows.flows, 'connection')}: {lasting(mean)} longer than "
                "the path takes.",
                cause=WHY[slow],
                remedy=f"Look at the load of the {slow} and, on servers, at the length of the listen queue (ss -ltn).",
                source="RFC 9293 section 3.5",
            ),
            told=[flows],
            evidence=first_frames(flows.worst, "the handshake begins"),
            filter=stream_filter(flows.worst, "tcp.flags.syn == 1"),
            value=lambda row: row["score"] / SECOND,
        )


RULE = Rule(questions={f"{NAME}.{slow}": _question(slow) for slow in PARTS}, judge=judge)
