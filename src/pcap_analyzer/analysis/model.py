"""What one pass over a capture has learnt: the value that every report, table and page is made from.

Plain frozen structs on arrays of the standard library: `analyze` imports neither numpy nor pyarrow, and making the
classes costs a hundredth of what dataclasses cost at every start. Times are int64 nanoseconds since 1970 UTC, lengths
are original (wire) lengths unless the name says captured, rates and means are left to the reader of these sums, so
that neither threads nor batches can change a digit. Every list is bounded.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from pcap_analyzer.analysis.watches import Answers

if TYPE_CHECKING:
    import pyarrow as pa

Batches = Callable[[Sequence[str] | None, int], Any]
Streams = Callable[[str, Sequence[str] | None, int], Any]
STREAMED = ("packets", "tcp_events")
"""Tables that an analysis does not hold: the capture is read again for them."""
Ended = Literal["fin", "reset", "open"]

TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
TCP_MARKS = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "lost_segment",
    "ack_lost_segment",
    "duplicate_ack",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_full",
    "window_update",
    "keep_alive",
    "keep_alive_ack",
    "reused_ports",
    "seen_twice",
)
"""In the order of their bits."""
CAUSES = ("rto", "fast", "tail_loss", "syn_retry", "spurious", "unknown")
"""Why a sender repeated a segment."""
LIMITS = ("receiver", "congestion", "application")
"""What a transfer waited for."""


class SourceInfo(msgspec.Struct, frozen=True):
    """How the capture was given and read: the only part that may differ between two runs over the same packets."""

    name: str
    """File name without its folder; "-" for standard input."""
    size_bytes: int | None
    """Bytes on disk, compressed as they are; None: the size is not known (a pipe)."""
    compression: str | None
    """gzip, zstd, lz4, xz or bz2; None: plain."""
    seconds: float
    """Wall time of the scan."""
    threads: int
    stage_ns: dict[str, int] = msgspec.field(default_factory=dict)
    """Nanoseconds by stage (read, walk, decode, flow, number), of all threads together; empty: not measured."""


class LinkTypeCount(msgspec.Struct, frozen=True):
    """Packets of one link type."""

    number: int
    """LINKTYPE_ number."""
    packets: int


class CaptureInfo(msgspec.Struct, frozen=True):
    """The capture as a whole."""

    format: Literal["pcap", "pcapng"]
    variant: str
    """In words, e.g. "pcap, microseconds, little-endian"."""
    packets: int
    bytes: int
    """Sum of original lengths."""
    captured_bytes: int
    """Sum of captured lengths."""
    first_ns: int | None
    """Earliest packet time; None: no packet has a time."""
    last_ns: int | None
    """Latest packet time; None: no packet has a time."""
    link_types: list[LinkTypeCount]
    """Most packets first, then by number."""
    sections: int
    """pcapng section header blocks; 1 in pcap."""
    comments: list[str] = msgspec.field(default_factory=list)
    """Comments of sections and interfaces, in file order, the first 100. Text of the file: hostile."""


class Damage(msgspec.Struct, frozen=True):
    """Where the walk over the file had to end, and why."""

    offset: int
    """Byte in the (decompressed) file."""
    reason: str
    """One sentence: found, expected."""


class UnsupportedPart(msgspec.Struct, frozen=True):
    """Something in the capture that we do not read, by name."""

    name: str
    """e.g. "link type 147 (USER0)", "ethertype 0x88cc"."""
    packets: int


class Quality(msgspec.Struct, frozen=True):
    """How far the capture can be trusted. Counts are packets unless they say otherwise."""

    damage: Damage | None
    """None: the file was walked to its end."""
    cut_packets: int
    """captured length < original length."""
    truncated: int
    """decode_status truncated: a header is cut."""
    malformed: int
    unsupported: int
    dropped: int | None
    """Packets the capturing side says it lost (pcapng statistics, epb_dropcount); None: the file does not say."""
    backward_time: int
    """Packets earlier than the one before them in the file."""
    without_time: int
    fragments: int
    """IP fragments."""
    skipped_bytes: int
    """Bytes of the file that belong to no record that was read."""
    snap_length: int | None
    """Largest snap length of the interfaces; None: unlimited or not stated."""
    one_sided_flows: int
    """TCP and UDP flows with packets in one direction only."""
    two_sided_flows: int
    unsupported_parts: list[UnsupportedPart] = msgspec.field(default_factory=list)
    """Most packets first, at most 100."""
    first_fragment: int | None = None
    """The frame of the first of `fragments`."""


class Interface(msgspec.Struct, frozen=True):
    """One capture interface: pcapng's interface description, or the whole of a pcap file."""

    id: int
    """Counted over all sections from 0."""
    name: str | None
    """if_name; None: not stated. Text of the file: hostile."""
    description: str | None
    """if_description; None: not stated. Text of the file: hostile."""
    link_type: int
    snap_length: int
    """0: unlimited."""
    resolution: str
    """In words, e.g. "1 µs", "1 ns", "2^-20 s"."""
    packets: int
    received: int | None = None
    """isb_ifrecv; None: not stated."""
    dropped: int | None = None
    """isb_ifdrop; None: not stated."""
    section: int = 0
    """Counted from 0."""


class ProtocolRow(msgspec.Struct, frozen=True):
    """One row of the protocol hierarchy (tshark's io,phs): every prefix of a path is a row of its own."""

    path: tuple[str, ...]
    """e.g. ("eth", "ip", "tcp")."""
    packets: int
    bytes: int


class TcpIntervals(msgspec.Struct, frozen=True, eq=False):
    """TCP segments with a mark, per bucket of the Intervals they belong to."""

    retransmissions: array[int]
    """Fast and spurious ones among them, as in Wireshark."""
    fast: array[int]
    spurious: array[int]
    out_of_order: array[int]
    lost_segments: array[int]
    """Segments in front of which something is missing."""
    duplicate_acks: array[int]
    zero_windows: array[int]
    seen_twice: array[int]


TICK_NS, SPAN_NS = 1_024_000, 131_072_000  # TICK_NS of native/peaks.pxd, and as many of them as make a span


class Peaks(msgspec.Struct, frozen=True, eq=False):
    """The busiest tick and the busiest span of ticks that begin in each bucket; all arrays have the same length n."""

    bytes: array[int]
    frames: array[int]
    """The first packet of that tick; 0: none begins in the bucket."""
    span_bytes: array[int]
    lost: array[int]
    """TCP segments that were sent in the bucket, or missed in it, and came again later."""


class Intervals(msgspec.Struct, frozen=True, eq=False):
    """Sums per time bucket, at most 2,000 buckets of equal width; all arrays have the same length n."""

    start_ns: int
    """Start of bucket 0: the time of the first packet; 0 where n is 0."""
    width_ns: int
    packets: array[int]
    bytes: array[int]
    payload: array[int]
    """Transport payload bytes."""
    tcp_bytes: array[int]
    udp_bytes: array[int]
    other_bytes: array[int]
    """bytes - tcp_bytes - udp_bytes."""
    tcp: TcpIntervals | None = None
    """None: not measured."""
    peaks: Peaks | None = None
    """None: not measured."""


class Silence(msgspec.Struct, frozen=True):
    """A stretch of time without a packet, to the bucket."""

    start_ns: int
    end_ns: int


class Endpoint(msgspec.Struct, frozen=True):
    """One address: what it sent and received."""

    address: str
    flows: int
    packets_sent: int
    packets_received: int
    bytes_sent: int
    bytes_received: int


class Endpoints(msgspec.Struct, frozen=True):
    """The addresses of the capture."""

    total: int
    """How many there are, also beyond the rows."""
    rows: list[Endpoint]
    """Most bytes first, at most 1,000."""


class Conversation(msgspec.Struct, frozen=True):
    """All flows between two addresses, any ports and protocols."""

    a: str
    b: str
    flows: int
    packets_ab: int
    packets_ba: int
    bytes_ab: int
    bytes_ba: int


class Service(msgspec.Struct, frozen=True):
    """All flows to one server port."""

    protocol: int
    """IP protocol number: 6, 17, 132."""
    port: int
    flows: int
    packets: int
    bytes: int


Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Counts = Annotated[list[Count], msgspec.Meta(max_length=120)]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]


class Throughput(msgspec.Struct, frozen=True):
    """Packets and bytes on the wire by time: at most 120 stretches of equal width, the last not yet over."""

    start: datetime | None = None
    """When stretch 0 begins; None where no packet has a time."""
    width_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    packets: Counts = []
    bytes: Counts = []


class ProtocolShare(msgspec.Struct, frozen=True):
    """Packets that end in one protocol. path: layers, outermost first, as "eth:ip:tcp"."""

    path: ShortText
    packets: Count
    bytes: Count


class Talker(msgspec.Struct, frozen=True):
    """What one address sent and received."""

    address: ShortText
    packets: Count
    bytes: Count


class ServiceShare(msgspec.Struct, frozen=True):
    """All flows to one server port. protocol: "TCP", "UDP", "SCTP".  name: None where the port has none."""

    protocol: ShortText
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)]
    name: ShortText | None
    flows: Count
    packets: Count
    bytes: Count


class EarlyFinding(msgspec.Struct, frozen=True):
    """A finding on what has come of a capture. flows: how many it is about."""

    id: ShortText
    severity: Literal["info", "notice", "warning", "critical"]
    title: Annotated[str, msgspec.Meta(max_length=1000)]
    flows: Count


class FirstResults(msgspec.Struct, frozen=True):
    """What is known while a capture is still being read, small enough to be told every moment.

    bytes: on the wire.  protocols, talkers, services: at most 10, most bytes first.  retransmissions: of `segments`,
    those of TCP that were judged.  findings: at most 10, most harmful first, without those that silence is judged by.
    Bounds hold for whoever reads it from a worker, which has read hostile bytes.
    """

    packets: Count = 0
    bytes: Count = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    flows: Count = 0
    segments: Count = 0
    retransmissions: Count = 0
    throughput: Throughput = Throughput()
    protocols: Annotated[list[ProtocolShare], msgspec.Meta(max_length=10)] = []
    talkers: Annotated[list[Talker], msgspec.Meta(max_length=10)] = []
    services: Annotated[list[ServiceShare], msgspec.Meta(max_length=10)] = []
    findings: Annotated[list[EarlyFinding], msgspec.Meta(max_length=10)] = []


class TcpDirection(msgspec.Struct, frozen=True):
    """What one side of a TCP flow sent, segments by mark, and how far it is."""

    retransmissions: int
    """Fast and spurious ones among them."""
    out_of_order: int
    seen_twice: int
    """Segments with payload that this side had sent past the capture point before."""
    lost_segments: int
    """Segments in front of which something is missing."""
    duplicate_acks: int
    zero_windows: int
    max_bytes_in_flight: int | None = None
    """None: never known."""
    rtt_p50_ns: int | None = None
    """From the capture point to this side and back: from a segment on its way there to the ACK that it sent. None: no
    segment was acknowledged in a way that can be measured (Karn's rule)."""
    rtt_p95_ns: int | None = None


class Flow(msgspec.Struct, frozen=True):
    """One five-tuple conversation, both directions: the columns of the table `flows` that exist already."""

    flow_id: int
    stream: int | None
    """Wireshark's tcp.stream or udp.stream; None: neither TCP nor UDP."""
    ip_version: int
    protocol: int
    """IP protocol number."""
    client: str
    client_port: int | None
    """None: the protocol has no ports."""
    server: str
    server_port: int | None
    first_ns: int | None
    """None: no packet of the flow has a time."""
    last_ns: int | None
    client_packets: int
    client_bytes: int
    client_payload_bytes: int
    server_packets: int
    server_bytes: int
    server_payload_bytes: int
    vlan_id: int | None = None
    """Outermost tag first seen; None: untagged."""
    tunnel: str | None = None
    """Path of encapsulations first seen, e.g. "gre"; None: none."""
    syn_retries: int = 0
    handshake_network_ns: int | None = None
    """SYN to SYN/ACK; None: not both seen."""
    handshake_client_ns: int | None = None
    """SYN/ACK to ACK; None: not both seen."""
    initial_rtt_ns: int | None = None
    """Wireshark's tcp.analysis.initial_rtt; None: no whole handshake."""
    conn_state: str | None = None
    """Zeek's conn_state; None: not a protocol it is defined for."""
    history: str = ""
    """Zeek's history."""
    ended: Ended | None = None
    """How a TCP flow stood at the end of the capture; None: not TCP."""
    client_flags: dict[str, int] = msgspec.field(default_factory=dict)
    """Segments by flag, keys of TCP_FLAGS; empty: not TCP."""
    server_flags: dict[str, int] = msgspec.field(default_factory=dict)
    client_tcp: TcpDirection | None = None
    """None: not TCP, or not measured."""
    server_tcp: TcpDirection | None = None


def _no_values() -> array[int]:
    return array("q")


class Histogram(msgspec.Struct, frozen=True, eq=False):
    """Durations in logarithmic buckets, narrow enough (ratio ≤ 1.04) that a percentile is at most 2 % off.

    Bucket i holds edges_ns[i] <= value < edges_ns[i + 1]. Empty arrays: nothing was measured.
    """

    edges_ns: array[int] = msgspec.field(default_factory=_no_values)
    """(n + 1,) ascending."""
    counts: array[int] = msgspec.field(default_factory=_no_values)
    """(n,)"""
    total_ns: int = 0
    """Sum of the values."""
    min_ns: int | None = None
    max_ns: int | None = None


class Handshakes(msgspec.Struct, frozen=True):
    """TCP flows by what was seen of their handshake (RFC 9293 section 3.5); the three add up to all TCP flows."""

    complete: int = 0
    """SYN, SYN/ACK and the client's ACK."""
    incomplete: int = 0
    """A SYN, but not all three: unanswered, refused, or given up."""
    unseen: int = 0
    """No SYN: the connection is older than the capture."""


class FlowTotals(msgspec.Struct, frozen=True):
    """Sums over all flows, also those beyond `top_flows`."""

    flows: int = 0
    tcp: int = 0
    udp: int = 0
    icmp: int = 0
    """ICMP and ICMPv6."""
    sctp: int = 0
    other: int = 0
    conn_states: dict[str, int] = msgspec.field(default_factory=dict)
    """TCP flows by Zeek's conn_state; states that did not occur may be missing."""
    ended: dict[str, int] = msgspec.field(default_factory=dict)
    """TCP flows by `Flow.ended`: fin, reset, open."""
    handshakes: Handshakes = msgspec.field(default_factory=Handshakes)
    resets: int = 0
    """RST segments."""
    syn_retries: int = 0
    """SYN segments sent again."""
    syn_retry_flows: int = 0
    """Flows with at least one."""
    handshake_network: Histogram = msgspec.field(default_factory=Histogram)
    """SYN to SYN/ACK, one value a flow."""
    handshake_client: Histogram = msgspec.field(default_factory=Histogram)
    """SYN/ACK to ACK, one value a flow."""
    initial_rtt: Histogram = msgspec.field(default_factory=Histogram)
    """Wireshark's tcp.analysis.initial_rtt, one value a flow."""


class Windows(msgspec.Struct, frozen=True):
    """The receive windows that one side offered, in bytes, scaled as far as the scale is known; zeros count."""

    min: int
    median: int
    """From logarithmic buckets."""
    max: int


class TcpTotals(msgspec.Struct, frozen=True):
    """Sums over all TCP segments that could be judged: no fragments, no broken headers."""

    segments: int
    payload_bytes: int
    """Each segment's payload as often as it was seen."""
    unique_bytes: int
    """Each byte of a direction's sequence once."""
    seen_twice_segments: int
    seen_twice_bytes: int
    missed_bytes: int
    """Gaps in the sequence that nothing ever filled, though bytes behind them were seen."""
    client_marks: dict[str, int]
    """Segments sent by clients, by mark; keys of TCP_MARKS, missing: none."""
    server_marks: dict[str, int]
    causes: dict[str, int]
    """Repeated segments by why; keys of CAUSES."""
    client_rtt: Histogram
    """From the capture point to the client and back, by Karn's rule: segments that were sent once."""
    server_rtt: Histogram
    """From the capture point to the server and back."""
    zero_window_count: int
    """Times that a window closed."""
    zero_window_ns: int
    """Time that windows were closed, over all flows and directions."""
    limited_ns: dict[str, int]
    """Time that transfers waited for what, over all flows and directions; keys of LIMITS; empty: not measured."""
    flows_bounded: int = 0
    """Flows in which a list was full, so that some measures are less exact."""
    client_windows: Windows | None = None
    """None: not measured."""
    server_windows: Windows | None = None


class DnsTrouble(msgspec.Struct, frozen=True):
    """Transactions of one resolver that went wrong in one way, or all of them."""

    first_ns: int | None = None
    """Earliest of their queries; None: none has a time."""
    last_ns: int | None = None
    frames: list[tuple[int, int, int]] = msgspec.field(default_factory=list)
    """(frame of the query, flow_id, latency in ns or 0) of three at most: the slowest, else the first."""


class DnsResolver(msgspec.Struct, frozen=True):
    """What was asked of one address and port, UDP and TCP together. Repeats of a query are one transaction."""

    address: str
    port: int
    ip_version: int
    service: str
    """dns; or mdns, llmnr where a single host was asked."""
    transactions: int
    answered: int
    unanswered: int
    """The capture went on for half a second at least, and no response was seen."""
    open: int
    """It did not."""
    no_query: int
    """Only the response was captured."""
    rcodes: dict[str, int]
    """Responses by their code's name; codes that did not occur are missing."""
    failed: int
    """Responses with another code than NOERROR and NXDOMAIN."""
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
    latency: Histogram
    """From the first query to the response."""
    reply: Histogram
    """From the last repeat of the query to the response: what of the latency is the resolver's."""
    p50_ns: int | None
    """Of latency; None: nothing was measured."""
    p95_ns: int | None
    reply_p50_ns: int | None
    reply_p95_ns: int | None
    all: DnsTrouble
    """Every transaction; its frames are the slowest."""
    unanswered_ones: DnsTrouble
    failed_ones: DnsTrouble


class DnsDomain(msgspec.Struct, frozen=True):
    """What was asked about one domain: the last two labels of names, or three as in co.uk."""

    name: str
    """In small letters, escaped as RFC 4343 says. Text of the capture: hostile."""
    transactions: int
    unanswered: int
    missing: int
    """NXDOMAIN."""
    names: int
    """Different names, estimated: some 6 % off."""
    name_bytes: int
    """Of all names asked for, the domain itself left out."""
    longest: int
    """Of them, bytes."""
    text_types: int
    """Transactions that asked for TXT or NULL."""
    query_bytes: int
    response_bytes: int
    client: str | None
    """None: several asked."""
    first_ns: int | None
    last_ns: int | None
    longest_frame: int
    """Where the longest name is asked for; 0: no name is below the domain."""
    longest_flow: int


class DnsExample(msgspec.Struct, frozen=True):
    """One transaction that is worth looking at."""

    frame: int
    response_frame: int | None
    flow_id: int
    stream: int
    transport: str
    time_ns: int | None
    client: str
    resolver: str
    resolver_port: int
    id: int
    name: str | None
    """Escaped; None: not captured. Text of the capture: hostile."""
    type: str | None
    rcode: str | None
    """None: no response."""
    latency_ns: int | None
    retries: int


class DnsTotals(msgspec.Struct, frozen=True):
    """DNS over UDP and TCP, paired to transactions. What goes to groups is counted only."""

    messages: int
    """Read, on any of the ports."""
    not_dns: int
    """Packets and parts of streams on a port of DNS that are none."""
    cut: int
    """Messages whose question was not captured: they are paired by their number alone."""
    fragments: int
    """Messages in the first fragment of a datagram: what is behind it was not looked at."""
    unmeasured: int
    """TCP segments in which it is not known where a message begins: streams are not put together."""
    given_up: int
    """Transactions counted as unanswered because too many were open at once."""
    dns: int
    """Transactions on port 53."""
    mdns: int
    llmnr: int
    groups: int
    """Messages of mDNS and LLMNR to groups."""
    types: dict[str, int]
    """Transactions by type asked for, most first, at most 20."""
    all: DnsResolver
    """Over all resolvers; its address is empty."""
    resolvers_total: int
    resolvers: list[DnsResolver]
    """The 100 with most transactions, most first; then of the others the 50 with most trouble."""
    domains_total: int
    """About, where there are more than 16,384: of those that leave the sums again, some are counted twice."""
    domains: list[DnsDomain]
    """The 100 with most transactions; then of the others the 50 with most bytes in names."""
    unanswered: list[DnsExample]
    """The first ten."""
    failed: list[DnsExample]
    """The first ten."""
    slowest: list[DnsExample]
    """The slowest ten."""


class FlowKey(msgspec.Struct, frozen=True):
    """What tells the packets of one flow from all others, between its first frame and its last."""

    protocol: int
    client: str
    client_port: int | None
    server: str
    server_port: int | None


class FlowPacket(msgspec.Struct, frozen=True):
    """One packet of a flow, as it lies in the file."""

    frame: int
    """Wireshark's frame.number."""
    time_ns: int | None
    from_client: bool
    length: int
    """On the wire."""
    payload: int
    """Transport payload bytes."""
    flags: int | None
    """The twelve TCP flags; None: not TCP."""
    seq: int | None
    """As on the wire."""
    ack: int | None
    window: int | None
    """Unscaled."""


Lookup = Callable[[FlowKey, int, int], list[FlowPacket]]


def no_packets(flow: FlowKey, first: int, last: int) -> list[FlowPacket]:
    return []


def no_flows(columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
    """In place of the table `flows`. Raises ValueError."""
    raise ValueError("the flows of this analysis were not kept")


def not_again(name: str, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
    """In place of the tables that are read from the capture again. Raises ValueError."""
    raise ValueError(f"{name} are read from the capture again, and this one came from no file: use open_capture")


def _no_dns(columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
    raise ValueError("the DNS transactions of this analysis were not kept")


class Analysis(msgspec.Struct, frozen=True, eq=False):
    """All that one pass has learnt. Only `source` depends on how the file was given."""

    source: SourceInfo
    capture: CaptureInfo
    quality: Quality
    interfaces: list[Interface]
    """In order of id, the first 1,000."""
    protocols: list[ProtocolRow]
    """Depth first, parents before children, at most 1,000 rows."""
    intervals: Intervals
    endpoints: Endpoints
    conversations: list[Conversation]
    """Top 100 pairs by bytes."""
    services: list[Service]
    """Top 100 by bytes."""
    top_flows: list[Flow]
    """Top 100 by bytes."""
    totals: FlowTotals
    tcp: TcpTotals | None = None
    """None: not measured."""
    retransmitting: list[Flow] = msgspec.field(default_factory=list)
    """TCP flows with most retransmissions, both directions together, the most first; at most 20, none without any."""
    marks_exact: bool = True
    """False: more flows were live at once than are held, so some were judged after a gap."""
    evicted_flows: int = 0
    flow_batches: Batches = no_flows
    """Called with columns and a batch size; see flows()."""
    answers: Answers | None = None
    """To what the diagnosis asks of every flow; None: it was not asked."""
    endpoint_batches: Batches = no_flows
    """Called with columns and a batch size: the table `endpoints`, all of it."""
    interface_batches: Batches = no_flows
    """Called with columns and a batch size: the table `interfaces`, all of it."""
    dns_totals: DnsTotals | None = None
    """None: the capture has no DNS."""
    dns_batches: Batches = _no_dns
    """Called with columns and a batch size; see dns()."""
    lookup: Lookup = no_packets
    """Called with a flow and two frame numbers: its packets from the first to the last; none where the capture cannot
    be read twice."""
    stream: Streams = not_again
    """Called with packets or tcp_events, columns and a batch size; see packets()."""
    memory: object = None
    """What the scan has left, which goes with the analysis: to free it takes a microsecond a flow."""

    def flows(self, columns: Sequence[str] | None = None, *, batch_size: int = 16_384) -> pa.RecordBatchReader:
        """The table `flows` (schema.py) as a stream of record batches of at most `batch_size` rows, by flow_id.

        columns: those wanted, in the order given; None for all.  Memory is held for one batch.  It can be called as
        often as one likes.  Raises KeyError for a column that does not exist, ValueError for a batch size outside 1 to
        65,536.
        """
        return self.flow_batches(columns, batch_size)

    def dns(self, columns: Sequence[str] | None = None, *, batch_size: int = 16_384) -> pa.RecordBatchReader:
        """The table `dns` (schema.py) as a stream of record batches, in order of frame_number; otherwise as flows()."""
        return self.dns_batches(columns, batch_size)

    def packets(self, columns: Sequence[str] | None = None, *, batch_size: int = 65_536) -> pa.RecordBatchReader:
        """The table `packets` (schema.py) as a stream of record batches: the file is read again, nothing is held.

        Otherwise as flows(). Raises ValueError also where the capture was no file, CaptureError where it is gone.
        """
        return self.stream("packets", columns, batch_size)

    def tcp_events(self, columns: Sequence[str] | None = None, *, batch_size: int = 65_536) -> pa.RecordBatchReader:
        """The table `tcp_events` (schema.py), as packets()."""
        return self.stream("tcp_events", columns, batch_size)

    def table(
        self, name: str, columns: Sequence[str] | None = None, *, batch_size: int = 16_384
    ) -> pa.RecordBatchReader:
        """Any table, by its name in schema.py: packets and tcp_events as packets(), the others as flows()."""
        if name in STREAMED:
            return self.stream(name, columns, batch_size)
        if name == "flows":
            return self.flows(columns, batch_size=batch_size)
        if name == "dns":
            return self.dns(columns, batch_size=batch_size)
        if name == "endpoints":
            return self.endpoint_batches(columns, batch_size)
        if name == "interfaces":
            return self.interface_batches(columns, batch_size)
        from pcap_analyzer.analysis.tables import summary_table  # noqa: PLC0415 - pyarrow takes 0.3 s

        return summary_table(self, name, columns)
