"""Port scan: one host tries many ports of another, and nothing is said on them."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.findings.case import Case, Rule, Words, address, counted, field, of_groups
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.scanners import PORTS, QUESTIONS, scans
from pcap_analyzer.findings.thresholds import SCAN_HARM
from pcap_analyzer.findings.trust import sure


def judge(case: Case) -> Iterator[Finding]:
    groups = scans(case).ports
    if not groups:
        return
    worst = groups[0]
    client, server = address(worst, "client"), address(worst, "server")
    more = f", and {counted(len(groups) - 1, 'other pair')} likewise" if len(groups) > 1 else ""
    refused, silent = worst.values["refused"], worst.values["unanswered"]
    yield of_groups(
        case,
        "port_scan",
        "security",
        groups,
        measure=Measure("ports", worst.distinct, "ports"),
        harm=harm_of(worst.distinct, SCAN_HARM),
        confidence=(0.7 + 0.3 * sure(worst.distinct // 10)) * case.trust.both_sides,
        words=Words(
            title=f"{client} tried {counted(worst.distinct, 'port')} of {server}{more}.",
            cause=f"{counted(worst.flows, 'connection')} carried no data: {refused:,} were refused, {silent:,} got no "
            f"answer, {max(0, worst.flows - refused - silent):,} were answered and dropped. A program looks for open "
            "ports.",
            remedy=f"See who runs it on {client}: a security check that was agreed on, or an intruder. The ports that "
            "answered are what it learnt.",
            source="Zeek policy misc/scan; MITRE ATT&CK T1046",
        ),
        filter=f"{field(worst, 'src')} == {client} && {field(worst, 'dst')} == {server} && tcp.flags.syn == 1 && "
        "tcp.flags.ack == 0",
        seen="the first probe",
    )


RULE = Rule(questions={PORTS: QUESTIONS[PORTS]}, judge=judge)
