"""The report as data: what stands in the JSON, what every page and table is rendered from.

A public contract. A change of meaning raises SCHEMA_VERSION; a new field does not. Times are integer nanoseconds since
1970 UTC, durations integer nanoseconds, bytes original (wire) lengths; null means what the field's docstring in
`analysis.model` says. All but `source` is the same for any threads, batches and pipes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pcap_analyzer.analysis.model import (
    Conversation,
    DnsDomain,
    DnsExample,
    Endpoints,
    Flow,
    Handshakes,
    Interface,
    LinkTypeCount,
    ProtocolRow,
    Quality,
    Service,
    Silence,
    Windows,
)
from pcap_analyzer.findings.model import Finding, Health

SCHEMA_VERSION = 1

Level = Literal["problem", "caution", "note"]


class TimelinePacket(msgspec.Struct, frozen=True):
    """One packet of a timeline."""

    frame: int
    """Wireshark's frame.number."""
    time_ns: int | None
    from_client: bool
    length: int
    """On the wire."""
    payload: int
    flags: str
    """TCP flags that are set, e.g. "SYN ACK"; empty: not TCP."""
    seq: int | None
    """Relative to the first one seen of that side, as Wireshark shows it; null: not TCP."""
    ack: int | None
    """Relative; null: not TCP, or no ACK."""
    skipped: bool
    """Packets of the flow before this one are left out."""
    note: str | None
    """What the finding says of this frame."""


class Timeline(msgspec.Struct, frozen=True):
    """Packets of a finding's worst flow: how it began, what is around the evidence, how it ended."""

    finding: int
    """Place in `findings`."""
    flow_id: int
    packets: list[TimelinePacket]
    whole: bool
    """True: these are all packets of the flow."""
    evidence_ns: list[int | None]
    """When each frame of the finding's evidence was captured; null: not known."""


class Source(msgspec.Struct, frozen=True):
    """How the capture was given and read."""

    name: str
    size_bytes: int | None
    compression: str | None
    seconds: float
    threads: int
    program: str
    timelines: list[Timeline] = []
    """Of the worst findings; empty where the capture cannot be read twice (a pipe, a compressed file)."""


class LinkType(LinkTypeCount, frozen=True, kw_only=True):
    """Packets of one link type, and what it is called."""

    name: str


class CaptureSummary(msgspec.Struct, frozen=True):
    """The capture as a whole."""

    format: str
    variant: str
    packets: int
    bytes: int
    captured_bytes: int
    first_ns: int | None
    last_ns: int | None
    duration_ns: int | None
    sections: int
    link_types: list[LinkType]
    comments: list[str]


class Remark(msgspec.Struct, frozen=True):
    """One plain sentence on what the capture can and cannot show."""

    code: str
    """Stable name; also the id of its definition."""
    level: Level
    text: str
    display_filter: str | None = None
    """Wireshark display filter that shows the packets; null: no filter does."""


class QualitySummary(Quality, frozen=True, kw_only=True):
    """How far the capture can be trusted: the counts, and what they mean for the reader."""

    remarks: list[Remark]
    """Worst first; empty: nothing limits what the capture shows."""
    marks_exact: bool
    evicted_flows: int


class InterfaceRow(Interface, frozen=True, kw_only=True):
    """One capture interface."""

    link_type_name: str


class Interfaces(msgspec.Struct, frozen=True):
    total: int
    rows: list[InterfaceRow]


class Protocols(msgspec.Struct, frozen=True):
    """The hierarchy, parents before children; a parent's numbers contain its children's."""

    rows: list[ProtocolRow]
    cut_rows: int
    """Rows left out because they are the smallest."""
    cut_packets: int
    """Packets of those, each counted once."""
    cut_bytes: int


class TcpSeries(msgspec.Struct, frozen=True):
    """TCP segments with a mark per bucket; retransmissions contain the fast and the spurious."""

    retransmissions: list[int]
    fast: list[int]
    spurious: list[int]
    out_of_order: list[int]
    lost_segments: list[int]
    duplicate_acks: list[int]
    zero_windows: list[int]
    seen_twice: list[int]


class Series(msgspec.Struct, frozen=True):
    """Sums per bucket of equal width; all lists have the same length."""

    start_ns: int
    width_ns: int
    packets: list[int]
    bytes: list[int]
    payload_bytes: list[int]
    tcp_bytes: list[int]
    udp_bytes: list[int]
    other_bytes: list[int]
    tcp: TcpSeries | None
    """Null: not measured."""
    silences: list[Silence]
    """Stretches of days without packets that are nearly all of the time; graphs leave them out."""


class ServiceRow(Service, frozen=True, kw_only=True):
    """All flows to one server port."""

    protocol_name: str
    name: str | None
    """The usual name for the port; null: it has none."""


class FlowRow(Flow, frozen=True, kw_only=True):
    """One flow, and how to find it."""

    protocol_name: str
    service: str | None
    """The usual name of the server port; null: it has none."""
    display_filter: str
    """Wireshark display filter that shows this flow."""


class FlowsSummary(msgspec.Struct, frozen=True):
    total: int
    tcp: int
    udp: int
    icmp: int
    sctp: int
    other: int
    top: list[FlowRow]
    """Most bytes first."""
    retransmitting: list[FlowRow]
    """TCP flows with most retransmissions first, at most 20; empty: none, or not measured."""


class ConnState(msgspec.Struct, frozen=True):
    state: str
    flows: int
    meaning: str


class Ending(msgspec.Struct, frozen=True):
    ended: str
    flows: int
    meaning: str


class Distribution(msgspec.Struct, frozen=True):
    """Durations: exact count, extremes and mean; percentiles at most 2 % off; bars for a picture."""

    count: int
    min_ns: int | None
    mean_ns: int | None
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    max_ns: int | None
    bar_edges_ns: list[int]
    """One more than the bars."""
    bar_counts: list[int]


class MarkRow(msgspec.Struct, frozen=True):
    """One mark: how many segments of each side have it."""

    mark: str
    """Name of the bit in the column `tcp_marks`."""
    title: str
    meaning: str
    client: int
    """Segments sent by clients."""
    server: int
    display_filter: str | None
    """Wireshark display filter that shows them; null: Wireshark has no such mark."""


class CauseRow(msgspec.Struct, frozen=True):
    """Why segments were repeated."""

    cause: str
    title: str
    meaning: str
    segments: int


class LimitRow(msgspec.Struct, frozen=True):
    """What transfers waited for."""

    limit: str
    title: str
    meaning: str
    duration_ns: int
    """Over all flows and directions."""


class TcpAnalysis(msgspec.Struct, frozen=True):
    """TCP segment by segment, both sides together unless a name says which."""

    segments: int
    """Those that could be judged: no fragments, no broken headers."""
    payload_bytes: int
    """Each segment's payload as often as it was seen."""
    unique_bytes: int
    """Each byte of a direction's sequence once."""
    seen_twice_segments: int
    seen_twice_bytes: int
    missed_bytes: int
    """Gaps in the sequence that nothing ever filled."""
    retransmissions: int
    """Marked by Wireshark's rules; fast and spurious ones among them."""
    marks: list[MarkRow]
    """All marks in the order of their bits, also those that did not occur."""
    causes: list[CauseRow]
    """All causes in a fixed order; empty: nothing was repeated."""
    client_rtt: Distribution
    """From the capture point to the client and back; count 0 and nulls: not measured."""
    server_rtt: Distribution
    zero_window_count: int
    zero_window_ns: int
    client_windows: Windows | None
    """Receive windows that clients offered, bytes; null: not measured."""
    server_windows: Windows | None
    limits: list[LimitRow]
    """Receiver, congestion, application; empty: not measured."""
    flows_bounded: int
    marks_exact: bool
    """False: `evicted_flows` flows were written out while still alive and judged anew when they returned."""
    evicted_flows: int
    notes: list[str]
    """What to know before these numbers are laid beside others."""


class TcpSummary(msgspec.Struct, frozen=True):
    """TCP connections, and what their segments show."""

    flows: int
    handshakes: Handshakes
    conn_states: list[ConnState]
    """Most flows first; only states that occurred."""
    endings: list[Ending]
    resets: int
    syn_retries: int
    syn_retry_flows: int
    handshake_network: Distribution
    handshake_client: Distribution
    initial_rtt: Distribution
    analysis: TcpAnalysis | None
    """Null: segments were not judged, or there are none."""


class CodeRow(msgspec.Struct, frozen=True):
    """Responses with one code."""

    rcode: str
    meaning: str
    responses: int


class DnsFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions by what became of them; repeats of a query are one transaction."""

    transactions: int
    answered: int
    unanswered: int
    """The capture went on for half a second at least, and no response was seen."""
    open: int
    """It did not."""
    no_query: int
    """Only the response was captured."""
    failed: int
    """Responses with another code than NOERROR and NXDOMAIN."""
    rcodes: list[CodeRow]
    """Most responses first; only codes that occurred."""
    tcp: int
    truncated: int
    """Responses that did not fit."""
    retries: int
    """Queries sent again, from the same port with the same identifier."""
    retried: int
    """Transactions with a retry."""
    extra_responses: int
    copies: int
    """Packets captured once more, as by a mirror port."""
    query_bytes: int
    response_bytes: int
    latency: Distribution
    """From the first query to the response."""
    reply: Distribution
    """From the last repeat of the query to the response."""


class DnsResolverRow(DnsFigures, frozen=True, kw_only=True):
    """What was asked of one address and port; its distributions have no bars."""

    address: str
    port: int
    service: str
    first_ns: int | None
    """Earliest query; null: none has a time."""
    last_ns: int | None
    display_filter: str
    """Wireshark display filter that shows what was asked of it."""


class DnsRow(DnsExample, frozen=True, kw_only=True):
    """One transaction, and how to find it."""

    display_filter: str


class DnsSummary(DnsFigures, frozen=True, kw_only=True):
    """DNS over UDP and TCP: the figures are over all resolvers."""

    messages: int
    not_dns: int
    """Packets and parts of streams on a port of DNS that are none."""
    cut: int
    """Messages whose question was not captured."""
    fragments: int
    """Messages in the first fragment of a datagram."""
    unmeasured: int
    """TCP segments in which it is not known where a message begins."""
    given_up: int
    """Transactions counted as unanswered because too many were open at once."""
    groups: int
    """Messages of mDNS and LLMNR to groups; they are in none of the figures."""
    types: dict[str, int]
    """Transactions by type asked for, most first, at most 20."""
    resolvers_total: int
    resolvers: list[DnsResolverRow]
    """The 100 with most transactions, most first; then of the others the 50 with most trouble."""
    domains_total: int
    domains: list[DnsDomain]
    """The 100 with most transactions; then of the others the 50 with most bytes in names."""
    unanswered_rows: list[DnsRow]
    """The first ten."""
    failed_rows: list[DnsRow]
    """The first ten."""
    slowest_rows: list[DnsRow]
    """The slowest ten."""
    notes: list[str]
    """What to know before these numbers are laid beside others."""


class Report(msgspec.Struct, frozen=True):
    schema_version: int
    source: Source
    capture: CaptureSummary
    quality: QualitySummary
    findings: list[Finding]
    """Ordered by harm."""
    health: Health
    intervals: Series
    protocols: Protocols
    endpoints: Endpoints
    conversations: list[Conversation]
    services: list[ServiceRow]
    flows: FlowsSummary
    tcp: TcpSummary
    dns: DnsSummary | None
    """Null: there is no DNS in the capture."""
    interfaces: Interfaces
