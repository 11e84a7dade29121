"""Connection refused: a SYN is answered by a reset (RFC 9293 section 3.10.7.1)."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.watches import Groups, Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, last_frames, make, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.scanners import QUESTIONS, scans
from pcap_analyzer.findings.thresholds import REFUSED_HARM
from pcap_analyzer.findings.trust import sure

tried = terms.is_tcp & (terms.flag("client", "syn") > 0)
refused = terms.is_tcp & terms.state("REJ")
NAME = "connection_refused"


def judge(case: Case) -> Iterator[Finding]:
    flows = case.tally(NAME)
    if not flows.flows or scans(case).explains("refused", flows.flows):
        return
    found, services = case.answers.groups(f"{NAME}.services", {"refused": 1}, by="refused")
    place = services[0].key
    named = f"{address_text(place['server'], place['ip_version'])} port {place['server_port']}"
    more = f" and {counted(found - 1, 'other service')}" if found > 1 else ""
    others = services[0].flows - services[0].values["refused"]
    yield make(
        case,
        NAME,
        "connections",
        direction="client_to_server",
        measure=Measure("refused_connections", flows.flows, "flows"),
        harm=harm_of(flows.flows, REFUSED_HARM),
        confidence=0.8 + 0.2 * sure(flows.flows),
        words=Words(
            title=f"{counted(flows.flows, 'connection')} to {named}{more} were refused.",
            cause="The SYN was answered by a reset: "
            + (
                f"the service takes some connections ({others:,}) and refuses others."
                if others
                else "nothing listens there, or a firewall rejects it."
            ),
            remedy="See whether the service runs and listens on that address and port, and what a firewall in front "
            "of it rejects.",
            source="RFC 9293 section 3.10.7.1; Zeek conn_state REJ",
        ),
        told=[flows],
        evidence=last_frames(flows.worst, "the reset, or what followed it"),
        filter=stream_filter(flows.worst, "tcp.flags.reset == 1"),
    )


RULE = Rule(
    questions=QUESTIONS
    | {
        NAME: Tally(where=refused, score=terms.one, sums={"bytes": terms.whole_bytes}),
        f"{NAME}.services": Groups(where=tried, key=("server", "ip_version", "server_port"), sums={"refused": refused}),
    },
    judge=judge,
)
