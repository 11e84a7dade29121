"""Asymmetric routing: connections that live, of which only one direction passes the capture point.

Acknowledgements that are sent prove that something came back, by another way.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, make, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import ONE_SIDED_FLOWS, ONE_SIDED_HARM, ONE_SIDED_PACKETS, ONE_SIDED_SHARE
from pcap_analyzer.findings.trust import sure

NAME = "asymmetric_routing"
packets = column("client_packets") + column("server_packets")
acks = terms.flag("client", "ack") + terms.flag("server", "ack")
alone = column("client_packets").equals(0) | column("server_packets").equals(0)
lively = terms.is_tcp & (packets >= ONE_SIDED_PACKETS) & (acks >= ONE_SIDED_PACKETS - 1)


def judge(case: Case) -> Iterator[Finding]:
    flows, every = case.tally(NAME), case.tally(f"{NAME}.all")
    if flows.flows < ONE_SIDED_FLOWS or flows.flows < ONE_SIDED_SHARE * every.flows:
        return
    share = flows.flows / every.flows
    yield make(
        case,
        NAME,
        "path",
        direction="none",
        measure=Measure("one_sided_share", round(share, 4), "ratio"),
        harm=harm_of(share, ONE_SIDED_HARM),
        confidence=0.5 + 0.5 * sure(flows.flows),
        words=Words(
            title=f"Of {counted(flows.flows, 'connection')} ({percent(share)}) only one direction passes here.",
            cause="They acknowledge data that this capture never saw: it takes another way, or the capture filter or "
            "the mirror port leaves one direction out.",
            remedy="Mirror both directions, or join captures of both ways; firewalls and load balancers that keep "
            "state must see both.",
            source="RFC 9293 section 3.4; Zeek conn_state OTH, SH",
        ),
        told=[flows],
        evidence=first_frames(flows.worst, "the first packet of a connection with one direction"),
        filter=stream_filter(flows.worst),
    )


RULE = Rule(
    questions={
        NAME: Tally(where=lively & alone, score=packets, sums={"bytes": terms.whole_bytes}),
        f"{NAME}.all": Tally(where=lively, score=packets, keep=0),
    },
    judge=judge,
)
