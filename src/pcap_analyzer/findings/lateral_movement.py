"""Lateral movement: one host inside logs in to many others inside by the ports that administer them.

Who is turned away everywhere is a scanner; this one is let in.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Groups, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, address, counted, field, of_groups
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import LATERAL_HARM, LATERAL_HOSTS, LATERAL_PORTS
from pcap_analyzer.findings.trust import sure

NAME = "lateral_movement"
let_in = (
    terms.tried
    & column("server_port").one_of(LATERAL_PORTS)
    & terms.inside("client")
    & terms.inside("server")
    & (column("client_payload_bytes") > 0)
    & (column("server_payload_bytes") > 0)
)


def judge(case: Case) -> Iterator[Finding]:
    _, groups = case.answers.groups(NAME, {"distinct": LATERAL_HOSTS}, by="distinct")
    if not groups:
        return
    worst = groups[0]
    client = address(worst, "client")
    more = f", and {counted(len(groups) - 1, 'other host')} likewise" if len(groups) > 1 else ""
    yield of_groups(
        case,
        NAME,
        "security",
        groups,
        measure=Measure("hosts", worst.distinct, "hosts"),
        harm=harm_of(worst.distinct, LATERAL_HARM),
        confidence=0.4 + 0.3 * sure(worst.distinct - LATERAL_HOSTS),
        words=Words(
            title=f"{client} spoke to {counted(worst.distinct, 'host')} inside by their administration ports{more}.",
            cause="It was let in and exchanged data with each. Management servers do this, workstations seldom.",
            remedy=f"If {client} is no management server, look at who is logged in there, and at the logs of the hosts "
            "that it reached, in the order of time.",
            source="MITRE ATT&CK T1021",
        ),
        filter=f"{field(worst, 'src')} == {client} && tcp.dstport in {{{', '.join(map(str, LATERAL_PORTS))}}} && "
        "tcp.flags.syn == 1",
        seen="the first of these connections",
    )


RULE = Rule(
    questions={
        NAME: Groups(
            where=let_in,
            key=("client", "ip_version"),
            distinct=("server",),
            sums={"bytes": terms.whole_bytes},
            smallest={"frame": column("first_frame")},
        )
    },
    judge=judge,
)
