"""Slow server: the answer takes much longer than the path, from the request's last byte to the answer's first.

Wireshark calls it service response time. The round trip from the capture point to the server and back is taken off.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.watches import Groups, Tally, column, where
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, lasting, make, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of, reaching
from pcap_analyzer.findings.thresholds import MS, RESPONSE_FACTOR, RESPONSE_HARM, RESPONSE_LEAST, SECOND
from pcap_analyzer.findings.trust import sure

NAME = "slow_server"
took = column("first_byte_ns")
path = where(column("client_rtt_samples") > 0, column("client_rtt_least"), 0)
asked = terms.is_tcp & terms.known(took)
slow = asked & (took - path >= RESPONSE_LEAST) & (took >= path * RESPONSE_FACTOR)


def judge(case: Case) -> Iterator[Finding]:
    flows, every = case.tally(NAME), case.tally(f"{NAME}.asked")
    if not flows.flows:
        return
    mean, share = flows.sums["took"] / flows.flows, flows.flows / every.flows
    found, services = case.answers.groups(f"{NAME}.services", {"slow": 1}, by="slow")
    place = services[0].key
    named = f"{address_text(place['server'], place['ip_version'])} port {place['server_port']}"
    more = f" and {counted(found - 1, 'other service')}" if found > 1 else ""
    way = flows.sums["path"] / flows.flows
    yield make(
        case,
        NAME,
        "transfers",
        direction="server_to_client",
        measure=Measure("time_to_first_byte", round(mean / MS, 3), "ms"),
        harm=reaching(harm_of(mean / SECOND, RESPONSE_HARM), share),
        confidence=(0.5 + 0.5 * sure(flows.flows)) * case.trust.times,
        words=Words(
            title=f"{named}{more} took {lasting(mean)} to begin {counted(flows.flows, 'answer')}.",
            cause=f"The way to the server and back takes {lasting(way)}; the rest passed inside it. "
            f"{counted(every.flows - flows.flows, 'other answer')} began sooner.",
            remedy="Look at the server's program, its database and its load at these times; the network is not what "
            "takes so long.",
            source="Wireshark tcp.time_delta, http.time; RFC 6298",
        ),
        told=[flows],
        evidence=first_frames(flows.worst, "the connection whose first answer was late begins"),
        filter=stream_filter(flows.worst, f"tcp.time_delta > {RESPONSE_LEAST / SECOND} || tcp.flags.syn == 1"),
        value=lambda row: row["score"] / MS,
    )


RULE = Rule(
    questions={
        NAME: Tally(where=slow, score=took, sums={"took": took, "path": path, "bytes": terms.whole_bytes}),
        f"{NAME}.asked": Tally(where=asked, score=took, keep=0),
        f"{NAME}.services": Groups(where=asked, key=("server", "ip_version", "server_port"), sums={"slow": slow}),
    },
    judge=judge,
)
