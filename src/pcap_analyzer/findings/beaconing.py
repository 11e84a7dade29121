"""Beaconing: one host inside meets the same service outside again and again, at nearly equal intervals.

Programs that look for updates or mail do so too: it is a hint, and its confidence says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Group, Groups, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, address, counted, field, lasting, of_groups
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import (
    BEACON_EVERY,
    BEACON_FLOWS,
    BEACON_HARM,
    BEACON_NOT,
    BEACON_PAYLOAD,
    BEACON_SPREAD,
    SECOND,
)

NAME = "beaconing"
payload = column("client_payload_bytes") + column("server_payload_bytes")
meetings = (
    (terms.tried | terms.is_udp)
    & terms.inside("client")
    & ~terms.inside("server")
    & ~terms.many("server")
    & ~column("server_port").one_of(BEACON_NOT)
    & (payload > 0)
    & (payload <= BEACON_PAYLOAD)
)


def _regular(group: Group) -> bool:
    return group.mean_step >= BEACON_EVERY and group.step_deviation <= BEACON_SPREAD * group.mean_step


def judge(case: Case) -> Iterator[Finding]:
    _, groups = case.answers.groups(NAME, {"flows": BEACON_FLOWS}, limit=100)
    regular = [group for group in groups if _regular(group)]
    if not regular:
        return
    worst = regular[0]
    client, server, port = address(worst, "client"), address(worst, "server"), worst.key["server_port"]
    spread = worst.step_deviation / worst.mean_step
    more = f", and {counted(len(regular) - 1, 'other pair')} likewise" if len(regular) > 1 else ""
    yield of_groups(
        case,
        NAME,
        "security",
        regular,
        measure=Measure("period", round(worst.mean_step / SECOND, 3), "s"),
        harm=harm_of(worst.flows, BEACON_HARM),
        confidence=(0.3 + 0.4 * (1 - spread / BEACON_SPREAD)) * case.trust.times,
        words=Words(
            title=f"{client} calls {server} port {port} every {lasting(worst.mean_step)}, {worst.flows:,} times{more}.",
            cause=f"The intervals deviate by {100 * spread:.0f} % only and little is said each time: a program asks "
            "for orders, for updates, or whether it is still there.",
            remedy=f"See which program on {client} does it, and whom the address belongs to.",
            source="MITRE ATT&CK T1071, T1029",
        ),
        filter=f"{field(worst, 'addr')} == {client} && {field(worst, 'addr')} == {server} && "
        f"{'tcp' if worst.key['protocol'] == 6 else 'udp'}.port == {port}",
        seen="the first meeting",
    )


RULE = Rule(
    questions={
        NAME: Groups(
            where=meetings,
            key=("client", "server", "ip_version", "server_port", "protocol"),
            sums={"bytes": terms.whole_bytes},
            smallest={"frame": column("first_frame")},
            sequence=column("first_ns"),
        )
    },
    judge=judge,
)
