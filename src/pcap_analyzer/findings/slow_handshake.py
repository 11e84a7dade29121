"""Slow handshake: opening a connection takes much longer than the path does later on.

From SYN to SYN/ACK it is the server that was slow, or a full listen queue; from SYN/ACK to ACK it is the client. The
path's own round trip to that side, from the data that follows, is taken off. A SYN that had to be sent again costs a
second and more by itself. A short delay at a single moment is no finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, Told, column, least, most, where
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import (
    Case,
    Rule,
    Words,
    counted,
    first_frames,
    lasting,
    make,
    mark_evidence,
    stream_filter,
)
from pcap_analyzer.findings.model import Finding, Measure, harm_of, reaching
from pcap_analyzer.findings.thresholds import (
    HANDSHAKE_APART,
    HANDSHAKE_FACTOR,
    HANDSHAKE_HARM,
    HANDSHAKE_LEAST,
    HANDSHAKE_LONE,
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
        & column("syn_retries").equals(0)  # then a packet was lost, and nobody was slow
        & (terms.of(sender, "rtt_samples") > 0)
        & (excess >= HANDSHAKE_LEAST)
        & (took <= HANDSHAKE_MOST)
        & (took >= path * HANDSHAKE_FACTOR),
        score=excess,
        sums={"excess": excess, "bytes": terms.whole_bytes},
    )


def judge(case: Case) -> Iterator[Finding]:
    yield from _retried(case)
    for slow in PARTS:
        flows = case.tally(f"{NAME}.{slow}")
        if not flows.flows:
            continue
        mean = flows.sums["excess"] / flows.flows
        if mean < HANDSHAKE_LONE and not comes_again(flows):
            continue
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


def comes_again(flows: Told) -> bool:
    """Whether the worst of them did not all begin at one moment."""
    begun: list[int] = [row["first_ns"] for row in flows.worst]
    return max(begun) - min(begun) >= HANDSHAKE_APART


def _retried(case: Case) -> Iterator[Finding]:
    """Handshakes that lost their first packets."""
    flows = case.tally(f"{NAME}.network")
    if not flows.flows:
        return
    mean = flows.sums["waited"] / flows.flows
    share = flows.flows / max(1, case.tally(f"{NAME}.opened").flows)
    yield make(
        case,
        NAME,
        "connections",
        direction="client_to_server",
        measure=Measure("handshake_excess", round(mean / SECOND, 4), "s"),
        harm=reaching(harm_of(mean / SECOND, HANDSHAKE_HARM), share) * (0.6 + 0.4 * sure(flows.flows)),
        confidence=(0.5 + 0.5 * sure(flows.flows)) * case.trust.complete,
        words=Words(
            title=f"{counted(flows.flows, 'connection')} opened only after the SYN was sent again, {lasting(mean)} "
            "late.",
            cause=f"{counted(flows.sums['retries'], 'SYN')} or their answers were lost, and a client waits a second "
            "before it tries again: loss on the path, or a listen queue that overflows.",
            remedy="If other segments are lost too, mend the path; if only SYNs are, raise the listen queue of the "
            "server and look for limits of new connections in firewalls.",
            source="RFC 6298 section 2; RFC 9293 section 3.5",
        ),
        told=[flows],
        evidence=mark_evidence(flows.worst, "client", {"retransmission": "the SYN again"}),
        filter=stream_filter(flows.worst, "tcp.flags.syn == 1"),
        value=lambda row: row["score"] / SECOND,
    )


def _late() -> Tally:
    """From the first SYN to the last, that is answered: the time to the first data, less a round trip."""
    retries = column("syn_retries")
    known = terms.known(column("client_first_payload_ns")) & (column("initial_rtt_ns") > 0)
    waited = column("client_first_payload_ns") - column("first_ns") - column("initial_rtt_ns")
    doubling = where(retries.equals(1), SECOND, where(retries.equals(2), 3 * SECOND, 7 * SECOND))
    late = where(known, least(most(waited, 0), doubling * 2), doubling)
    return Tally(
        where=terms.is_tcp
        & (retries > 0)
        & (late >= HANDSHAKE_LEAST)
        & terms.state("S1", "S2", "S3", "SF", "RSTO", "RSTR"),
        score=late,
        sums={"waited": late, "retries": retries, "bytes": terms.whole_bytes},
    )


RULE = Rule(
    questions={
        f"{NAME}.network": _late(),
        f"{NAME}.opened": Tally(
            where=terms.tried & terms.state("S1", "S2", "S3", "SF", "RSTO", "RSTR"), score=terms.one, keep=0
        ),
        **{f"{NAME}.{slow}": _question(slow) for slow in PARTS},
    },
    judge=judge,
)
