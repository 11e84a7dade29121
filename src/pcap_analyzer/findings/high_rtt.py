"""High round-trip time: paths that are long even when idle.

The round trip of an idle path is the shortest that was seen: from the capture point to both sides, or the handshake's.
What grows under load is a queue, and another finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, column, least, where
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, lasting, make, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import HIGH_RTT, HIGH_RTT_HARM, MS, SECOND
from pcap_analyzer.findings.trust import sure

NAME = "high_rtt"
LONGEST = 1 << 62
sampled = (column("client_rtt_samples") > 0) | (column("server_rtt_samples") > 0)
both = (column("client_rtt_samples") > 0) & (column("server_rtt_samples") > 0)
of_data = where(both, column("client_rtt_least") + column("server_rtt_least"), LONGEST)
of_handshake = where(column("initial_rtt_ns") > 0, column("initial_rtt_ns"), LONGEST)
trip = least(of_data, of_handshake)
measured = terms.is_tcp & sampled & (trip < LONGEST)


def judge(case: Case) -> Iterator[Finding]:
    flows, every = case.tally(NAME), case.tally(f"{NAME}.measured")
    if not flows.flows:
        return
    mean, share = flows.sums["trip"] / flows.flows, flows.flows / every.flows
    yield make(
        case,
        NAME,
        "delay",
        direction="both",
        measure=Measure("round_trip", round(mean / MS, 2), "ms"),
        harm=harm_of(mean / SECOND, HIGH_RTT_HARM) * (0.5 + 0.5 * share),
        confidence=(0.6 + 0.4 * sure(flows.flows)) * case.trust.times,
        words=Words(
            title=f"{counted(flows.flows, 'connection')} ({percent(share)}) have a round trip of {lasting(mean)} and "
            "more even when nothing waits.",
            cause="The path itself is long: distance, a satellite or radio link, a VPN, or a detour.",
            remedy="See which side of the capture point is far (round trips of the TCP section), and trace the route "
            "there; bring the service nearer, or need fewer round trips.",
            source="RFC 6298 section 3 (Karn); ITU-T G.114",
        ),
        told=[flows],
        evidence=first_frames(flows.worst, "the first packet"),
        filter=stream_filter(flows.worst),
        value=lambda row: row["score"] / MS,
    )


RULE = Rule(
    questions={
        NAME: Tally(where=measured & (trip >= HIGH_RTT), score=trip, sums={"trip": trip, "bytes": terms.whole_bytes}),
        f"{NAME}.measured": Tally(where=measured, score=trip, keep=0),
    },
    judge=judge,
)
