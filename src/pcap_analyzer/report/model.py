"""The report as data: what stands in the JSON, what every page and table is rendered from.

A public contract. A change of meaning raises SCHEMA_VERSION; a new field does not. Times are integer nanoseconds since
1970 UTC, durations integer nanoseconds, bytes original (wire) lengths; null means what the field's docstring in
`analysis.model` says. All but `source` is the same for any threads, batches and pipes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA_VERSION = 1

Level = Literal["problem", "caution", "note"]


class Source(msgspec.Struct, frozen=True):
    """How the capture was given and read."""

    name: str
    size_bytes: int | None
    compression: str | None
    seconds: float
    threads: int
    program: str


class LinkType(msgspec.Struct, frozen=True):
    number: int
    name: str
    packets: int


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


class DamageAt(msgspec.Struct, frozen=True):
    offset: int
    reason: str


class Unsupported(msgspec.Struct, frozen=True):
    name: str
    packets: int


class Remark(msgspec.Struct, frozen=True):
    """One plain sentence on what the capture can and cannot show."""

    code: str
    """Stable name; also the id of its definition."""
    level: Level
    text: str
    display_filter: str | None = None
    """Wireshark display filter that shows the packets; null: no filter does."""


class QualitySummary(msgspec.Struct, frozen=True):
    """How far the capture can be trusted."""

    remarks: list[Remark]
    """Worst first; empty: nothing limits what the capture shows."""
    damage: DamageAt | None
    cut_packets: int
    truncated: int
    malformed: int
    unsupported: int
    dropped: int | None
    backward_time: int
    without_time: int
    fragments: int
    skipped_bytes: int
    snap_length: int | None
    one_sided_flows: int
    two_sided_flows: int
    marks_exact: bool
    evicted_flows: int
    unsupported_parts: list[Unsupported]


class InterfaceRow(msgspec.Struct, frozen=True):
    id: int
    section: int
    name: str | None
    description: str | None
    link_type: int
    link_type_name: str
    snap_length: int
    resolution: str
    packets: int
    received: int | None
    dropped: int | None


class Interfaces(msgspec.Struct, frozen=True):
    total: int
    rows: list[InterfaceRow]


class Protocol(msgspec.Struct, frozen=True):
    path: list[str]
    packets: int
    bytes: int


class Protocols(msgspec.Struct, frozen=True):
    """The hierarchy, parents before children; a parent's numbers contain its children's."""

    rows: list[Protocol]
    cut_rows: int
    """Rows left out because they are the smallest."""
    cut_packets: int
    """Packets of those, each counted once."""
    cut_bytes: int


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


class EndpointRow(msgspec.Struct, frozen=True):
    address: str
    flows: int
    packets_sent: int
    packets_received: int
    bytes_sent: int
    bytes_received: int


class EndpointsSummary(msgspec.Struct, frozen=True):
    total: int
    rows: list[EndpointRow]


class ConversationRow(msgspec.Struct, frozen=True):
    a: str
    b: str
    flows: int
    packets_ab: int
    packets_ba: int
    bytes_ab: int
    bytes_ba: int


class ServiceRow(msgspec.Struct, frozen=True):
    protocol: int
    protocol_name: str
    port: int
    name: str | None
    flows: int
    packets: int
    bytes: int


class FlowRow(msgspec.Struct, frozen=True):
    flow_id: int
    stream: int | None
    ip_version: int
    protocol: int
    protocol_name: str
    client: str
    client_port: int | None
    server: str
    server_port: int | None
    service: str | None
    vlan_id: int | None
    tunnel: str | None
    first_ns: int | None
    last_ns: int | None
    client_packets: int
    client_bytes: int
    client_payload_bytes: int
    server_packets: int
    server_bytes: int
    server_payload_bytes: int
    syn_retries: int
    handshake_network_ns: int | None
    handshake_client_ns: int | None
    initial_rtt_ns: int | None
    conn_state: str | None
    history: str
    ended: str | None
    client_flags: dict[str, int]
    server_flags: dict[str, int]
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


class ConnState(msgspec.Struct, frozen=True):
    state: str
    flows: int
    meaning: str


class Ending(msgspec.Struct, frozen=True):
    ended: str
    flows: int
    meaning: str


class HandshakeCounts(msgspec.Struct, frozen=True):
    complete: int
    incomplete: int
    unseen: int


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


class TcpSummary(msgspec.Struct, frozen=True):
    flows: int
    handshakes: HandshakeCounts
    conn_states: list[ConnState]
    """Most flows first; only states that occurred."""
    endings: list[Ending]
    resets: int
    syn_retries: int
    syn_retry_flows: int
    handshake_network: Distribution
    handshake_client: Distribution
    initial_rtt: Distribution


class Finding(msgspec.Struct, frozen=True):
    """A diagnosed problem."""

    code: str
    severity: str
    title: str
    explanation: str
    display_filter: str | None = None


class Report(msgspec.Struct, frozen=True):
    schema_version: int
    source: Source
    capture: CaptureSummary
    quality: QualitySummary
    findings: list[Finding]
    """Ordered by harm."""
    intervals: Series
    protocols: Protocols
    endpoints: EndpointsSummary
    conversations: list[ConversationRow]
    services: list[ServiceRow]
    flows: FlowsSummary
    tcp: TcpSummary
    interfaces: Interfaces
