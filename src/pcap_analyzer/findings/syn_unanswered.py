"""SYN unanswered: a connection is tried, tried again, and nobody says a word (RFC 9293 section 3.10.7.3).

Only what was tried at least twice counts, so the end of the capture is no failure. A service that answers others is
overloaded or filtered for some; one that answers nobody is down, or behind a firewall that drops.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.watches import Groups, Tally, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, make, mark_evidence, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.scanners import QUESTIONS, scans
from pcap_analyzer.findings.thresholds import DEAD_SERVICE_HARM, UNANSWERED_HARM
from pcap_analyzer.findings.trust import sure

syns = terms.flag("client", "syn")
tried = terms.is_tcp & (syns > 0)
unanswered = (
    tried & column("server_packets").equals(0) & syns.equals(column("client_packets")) & (column("syn_retries") > 0)
)
NAME = "syn_unanswered"


def judge(case: Case) -> Iterator[Finding]:
    flows, every = case.tally(NAME), case.tally(f"{NAME}.tried")
    if not flows.flows or scans(case).explains("unanswered", flows.flows):
        return
    found, services = case.answers.groups(f"{NAME}.services", {"unanswered": 1}, by="unanswered")
    dead = [service for service in services if service.values["unanswered"] == service.flows]
    share = flows.flows / every.flows
    harm = harm_of(share, UNANSWERED_HARM)
    if dead:
        harm = max(harm, harm_of(sum(service.flows for service in dead), DEAD_SERVICE_HARM))
    place = services[0].key
    named = f"{address_text(place['server'], place['ip_version'])} port {place['server_port']}"
    more = f" and {counted(found - 1, 'other service')}" if found > 1 else ""
    answers = (
        "It answered nobody in this capture"
        if dead and dead[0] is services[0]
        else "It answered other connections, so it is there"
    )
    yield make(
        case,
        NAME,
        "connections",
        direction="client_to_server",
        measure=Measure("unanswered_connections", flows.flows, "flows"),
        harm=harm,
        confidence=(0.7 + 0.3 * sure(flows.flows)) * case.trust.complete * case.trust.both_sides,
        words=Words(
            title=f"{counted(flows.flows, 'connection')} to {named}{more} got no answer.",
            cause=f"SYNs were sent again ({counted(flows.sums['retries'], 'time')}) and nothing came back. {answers}.",
            remedy="See whether the host is up and a firewall drops instead of refusing; capture on the server's side "
            "to see whether the SYN arrives there.",
            source="RFC 9293 section 3.10.7.3, RFC 6298; Zeek conn_state S0",
        ),
        told=[flows],
        evidence=mark_evidence(flows.worst, "client", {"retransmission": "the SYN again"})
        + first_frames(flows.worst, "the SYN"),
        filter=stream_filter(flows.worst, "tcp.flags.syn == 1 && tcp.flags.ack == 0"),
    )


RULE = Rule(
    questions=QUESTIONS
    | {
        NAME: Tally(
            where=unanswered,
            score=column("syn_retries"),
            sums={"retries": column("syn_retries"), "bytes": terms.whole_bytes},
        ),
        f"{NAME}.tried": Tally(where=tried, score=syns, keep=0),
        f"{NAME}.services": Groups(
            where=tried, key=("server", "ip_version", "server_port"), sums={"unanswered": unanswered}
        ),
    },
    judge=judge,
    by_silence=True,
)
