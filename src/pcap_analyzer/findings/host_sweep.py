"""Host sweep: one host tries the same port of many others, and most say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.findings.case import Case, Rule, Words, address, counted, field, of_groups
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.scanners import HOSTS, QUESTIONS, scans
from pcap_analyzer.findings.thresholds import SCAN_HARM
from pcap_analyzer.findings.trust import sure


def judge(case: Case) -> Iterator[Finding]:
    groups = scans(case).hosts
    if not groups:
        return
    worst = groups[0]
    client, port = address(worst, "client"), worst.key["server_port"]
    more = f", and {counted(len(groups) - 1, 'other sweep')} likewise" if len(groups) > 1 else ""
    refused, silent = worst.values["refused"], worst.values["unanswered"]
    yield of_groups(
        case,
        "host_sweep",
        "security",
        groups,
        measure=Measure("hosts", worst.distinct, "hosts"),
        harm=harm_of(worst.distinct, SCAN_HARM),
        confidence=(0.7 + 0.3 * sure(worst.distinct // 10)) * case.trust.both_sides,
        words=Words(
            title=f"{client} tried port {port} of {counted(worst.distinct, 'host')}{more}.",
            cause=f"{counted(worst.flows, 'connection')} carried no data: {silent:,} got no answer, {refused:,} were "
            "refused. A program looks for hosts that offer this service.",
            remedy=f"See who runs it on {client}: an inventory that was agreed on, or a worm. The hosts that answered "
            "are what it learnt.",
            source="Zeek policy misc/scan; MITRE ATT&CK T1018, T1046",
        ),
        filter=f"{field(worst, 'src')} == {client} && tcp.dstport == {port} && tcp.flags.syn == 1 && "
        "tcp.flags.ack == 0",
        seen="the first probe",
    )


RULE = Rule(questions={HOSTS: QUESTIONS[HOSTS]}, judge=judge)
