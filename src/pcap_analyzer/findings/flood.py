"""Flood: more handshakes are begun at a service than anybody finishes (RFC 4987)."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Group, Groups, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, of_groups
from pcap_analyzer.findings.case import address as address_of
from pcap_analyzer.findings.case import field as field_of
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import FLOOD_FLOWS, FLOOD_HARM, FLOOD_RATE, FLOOD_SHARE, SECOND
from pcap_analyzer.findings.trust import sure

NAME = "flood"
half_open = terms.tried & terms.flag("client", "ack").equals(0) & column("client_payload_bytes").equals(0)


def _rate(group: Group) -> float:
    """Handshakes a second that nobody finished."""
    if group.first_ns is None or group.last_ns is None:
        return 0.0
    return group.values["half_open"] / max(1.0, (group.last_ns - group.first_ns) / SECOND)


def judge(case: Case) -> Iterator[Finding]:
    _, groups = case.answers.groups(NAME, {"half_open": FLOOD_FLOWS}, by="half_open")
    floods = [
        group
        for group in groups
        if group.values["half_open"] >= FLOOD_SHARE * group.flows and _rate(group) >= FLOOD_RATE
    ]
    if not floods:
        return
    worst = floods[0]
    server, port, syns = address_of(worst, "server"), worst.key["server_port"], worst.values["syns"]
    yield of_groups(
        case,
        NAME,
        "security",
        floods,
        measure=Measure("syns", syns, "packets"),
        harm=harm_of(_rate(worst), FLOOD_HARM),
        confidence=0.6 + 0.4 * sure(worst.values["half_open"] // FLOOD_FLOWS),
        words=Words(
            title=f"{server} port {port} is flooded with {counted(worst.values['half_open'], 'handshake')} that nobody "
            f"finishes, {_rate(worst):.0f} a second.",
            cause=f"They come from {counted(worst.distinct, 'address', 'addresses')}; forged senders cannot answer, "
            "and each fills a place in the listen queue until it times out.",
            remedy="Turn on SYN cookies, filter forged senders (BCP 38) and ask the provider to scrub.",
            source="RFC 4987",
        ),
        filter=f"{field_of(worst, 'dst')} == {server} && tcp.dstport == {port} && tcp.flags.syn == 1 && "
        "tcp.flags.ack == 0",
        seen="the first SYN",
    )


RULE = Rule(
    questions={
        NAME: Groups(
            where=terms.tried,
            key=("server", "ip_version", "server_port"),
            distinct=("client",),
            sums={"half_open": half_open, "syns": terms.flag("client", "syn"), "bytes": terms.whole_bytes},
            smallest={"frame": column("first_frame")},
        )
    },
    judge=judge,
)
