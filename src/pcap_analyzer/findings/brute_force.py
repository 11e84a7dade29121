"""Brute force: one login after the other at the same service, each short and over soon."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Groups, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, address, counted, field, lasting, of_groups
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import FORCE_ATTEMPTS, FORCE_EVERY, FORCE_HARM, FORCE_PAYLOAD, FORCE_PORTS
from pcap_analyzer.findings.trust import sure

NAME = "brute_force"
sent, answered = column("client_payload_bytes"), column("server_payload_bytes")
logins = (
    terms.tried
    & column("server_port").one_of(FORCE_PORTS)
    & (sent > 0)
    & (sent <= FORCE_PAYLOAD)
    & (answered > 0)
    & (answered <= FORCE_PAYLOAD)
)


def judge(case: Case) -> Iterator[Finding]:
    _, groups = case.answers.groups(NAME, {"flows": FORCE_ATTEMPTS})
    groups = [group for group in groups if group.mean_step <= FORCE_EVERY]
    if not groups:
        return
    worst = groups[0]
    client, server, port = address(worst, "client"), address(worst, "server"), worst.key["server_port"]
    more = f", and {counted(len(groups) - 1, 'other pair')} likewise" if len(groups) > 1 else ""
    yield of_groups(
        case,
        NAME,
        "security",
        groups,
        measure=Measure("attempts", worst.flows, "flows"),
        harm=harm_of(worst.flows, FORCE_HARM),
        confidence=0.5 + 0.3 * sure(worst.flows // FORCE_ATTEMPTS),
        words=Words(
            title=f"{client} logged in to {server} port {port} {worst.flows:,} times, one every "
            f"{lasting(worst.mean_step)}{more}.",
            cause="Each connection was over after a few kilobytes: that is how refused passwords look. Short commands "
            "run by a program look alike.",
            remedy=f"Read the log of the service on {server} for failed logins; limit their rate, and let only known "
            "networks in.",
            source="MITRE ATT&CK T1110; Zeek policy protocols/ssh/detect-bruteforcing",
        ),
        filter=f"{field(worst, 'addr')} == {client} && {field(worst, 'addr')} == {server} && tcp.port == {port} && "
        "tcp.flags.syn == 1",
        seen="the first attempt",
    )


RULE = Rule(
    questions={
        NAME: Groups(
            where=logins,
            key=("client", "server", "ip_version", "server_port"),
            sums={"bytes": terms.whole_bytes},
            smallest={"frame": column("first_frame")},
            sequence=column("first_ns"),
        )
    },
    judge=judge,
)
