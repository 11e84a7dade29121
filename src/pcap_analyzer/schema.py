"""The columns of every table: name, type, unit, meaning of null, source. Declared once, a public contract.

`VERSION` stands in the metadata of every Arrow schema as `pcap_analyzer.schema_version`; a change of meaning raises
it, a new column does not. Types are written in words so that names, units and documentation can be read without
pyarrow, which takes 0.3 s to import: `analyze` never needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

VERSION = "1"
VERSION_KEY = "pcap_analyzer.schema_version"
TIME = "timestamp[ns, UTC]"
SPAN = "duration[ns]"
WORD = "dictionary"  # text with few different values: int32 indices into strings
NO_FLOW = "the packet belongs to no flow"
NOT_TCP = "not TCP"
NOT_JUDGED = "no TCP, a fragment, or a header that is longer than its packet"
NO_IP = "no IP layer was read"

# Bits of tcp_marks from bit 0, named as Wireshark names them in tcp.analysis; seen_twice is ours.
MARKS = (
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
    "tfo_syn",
    "tfo_ack",
    "tfo_ignored",
)


@dataclass(frozen=True)
class Field:
    """One column. `null` says what an absent value means; None: the column has no nulls."""

    name: str
    kind: str
    meaning: str
    unit: str | None = None
    null: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Table:
    """One table: what a row is, and its columns in their public order."""

    name: str
    row: str
    fields: tuple[Field, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(one.name for one in self.fields)

    def __getitem__(self, name: str) -> Field:
        """The column called `name`. Raises KeyError for a name the table does not have."""
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(name)


def field(
    name: str, kind: str, meaning: str, *, unit: str | None = None, null: str | None = None, source: str | None = None
) -> Field:
    """Declare one column."""
    return Field(name, kind, meaning, unit, null, source)


PACKETS = Table(
    "packets",
    "one record of the capture",
    (
        field("frame_number", "uint64", "Wireshark's frame.number, from 1; skips pcapng blocks that are no packets"),
        field(
            "timestamp", TIME, "when the frame was captured", null="the record has no time (pcapng simple packet block)"
        ),
        field("interface_id", "uint32", "pcapng interface, counted over all sections", null="pcap has no interfaces"),
        field("link_type", "uint16", "LINKTYPE_ number", source="https://www.tcpdump.org/linktypes.html"),
        field("captured_length", "uint32", "bytes of the frame in the file", unit="bytes"),
        field("original_length", "uint32", "bytes of the frame on the wire", unit="bytes"),
        field("decode_status", WORD, "complete, truncated (a header is cut), malformed or unsupported"),
        field("vlan_id", "uint16", "outermost VLAN", null="no tag", source="IEEE 802.1Q"),
        field("inner_vlan_id", "uint16", "next VLAN", null="no second tag", source="IEEE 802.1ad"),
        field(
            "tunnel", WORD, "path of encapsulations, outermost first, e.g. gre or gre/erspan", null="not in a tunnel"
        ),
        field("outer_src", WORD, "source of the outermost IP layer of a tunnel", null="not in a tunnel"),
        field("outer_dst", WORD, "destination of the outermost IP layer of a tunnel", null="not in a tunnel"),
        field("ip_version", "uint8", "4 or 6, innermost IP layer", null=NO_IP),
        field("src", WORD, "source of the innermost IP layer", null=NO_IP, source="text: RFC 5952"),
        field("dst", WORD, "destination of the innermost IP layer", null=NO_IP, source="text: RFC 5952"),
        field("protocol", "uint8", "IP protocol number, after extension headers", null=NO_IP),
        field("ttl", "uint8", "time to live or hop limit", null=NO_IP),
        field("dscp", "uint8", "differentiated services code point", null=NO_IP, source="RFC 2474"),
        field("ecn", "uint8", "explicit congestion notification", null=NO_IP, source="RFC 3168"),
        field("ip_id", "uint16", "IPv4 identification", null="not IPv4"),
        field(
            "fragment_offset",
            "uint16",
            "of the payload in the datagram; later fragments have no ports",
            unit="bytes",
            null="not a fragment",
        ),
        field("more_fragments", "bool", "more fragments of this datagram follow", null="not a fragment"),
        field("src_port", "uint16", "TCP, UDP or SCTP source port", null="no such header was read"),
        field("dst_port", "uint16", "TCP, UDP or SCTP destination port", null="no such header was read"),
        field("icmp_type", "uint8", "ICMP or ICMPv6 type", null="neither ICMP nor ICMPv6"),
        field("icmp_code", "uint8", "ICMP or ICMPv6 code", null="neither ICMP nor ICMPv6"),
        field(
            "payload_length",
            "uint32",
            "bytes behind the transport header on the wire",
            unit="bytes",
            null="no transport header was read",
        ),
        field("flow_id", "uint32", "row of the flow in `flows`, from 0 by first packet", null=NO_FLOW),
        field("stream", "uint32", "Wireshark's tcp.stream or udp.stream", null="neither TCP nor UDP, or no flow"),
        field("from_client", "bool", "sent by the client side of the flow", null=NO_FLOW),
        field("tcp_flags", "uint16", "12 bits as on the wire", null=NOT_TCP, source="RFC 9293 section 3.1"),
        field("tcp_seq", "uint32", "raw sequence number", null=NOT_TCP),
        field("tcp_ack", "uint32", "raw acknowledgement number, also where the ACK flag is not set", null=NOT_TCP),
        field(
            "tcp_window",
            "uint32",
            "window after scaling, as far as the scale is known",
            unit="bytes",
            null=NOT_TCP,
            source="tcp.window_size",
        ),
        field("tcp_window_raw", "uint16", "window field as on the wire", null=NOT_TCP),
        field(
            "tcp_marks",
            "uint32",
            "bit set, from bit 0: " + ", ".join(MARKS),
            null=NOT_JUDGED,
            source="tcp.analysis.*; seen_twice is ours: payload bytes of this direction were captured before",
        ),
        field(
            "ack_rtt",
            SPAN,
            "since the segment that this packet acknowledges; negative where time went backwards",
            unit="ns",
            null="it acknowledges the end of no captured segment, or within less than 1 ns",
            source="tcp.analysis.ack_rtt",
        ),
        field(
            "bytes_in_flight",
            "uint32",
            "sent by this side and not acknowledged, with this packet",
            unit="bytes",
            null="no payload, or a segment before it was missed and nothing acknowledged since",
            source="tcp.analysis.bytes_in_flight",
        ),
        field("decode_layer", WORD, "where decoding stopped: link, network or transport; none: it did not stop"),
        field(
            "protocols",
            WORD,
            "names of the layers read, as Wireshark's frame.protocols, e.g. eth:ip:tcp",
            null="no layer was read",
        ),
    ),
)


def _direction(side: str) -> tuple[Field, ...]:
    """The counters of one direction of a flow: what `side` sent."""
    flags = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
    return (
        field(f"{side}_packets", "uint64", f"packets sent by the {side}"),
        field(f"{side}_bytes", "uint64", f"original lengths of the packets sent by the {side}", unit="bytes"),
        field(f"{side}_payload_bytes", "uint64", f"transport payload sent by the {side}, on the wire", unit="bytes"),
        *(
            field(f"{side}_{flag}", "uint64", f"packets of the {side} with {flag.upper()}", null=NOT_TCP)
            for flag in flags
        ),
        # MSS, window scale and extremes, the counters of the marks, bytes in flight, RTT and payload times go here.
    )


FLOWS = Table(
    "flows",
    "one conversation of two endpoints, both directions",
    (
        field("flow_id", "uint32", "from 0, by first packet"),
        field("stream", "uint32", "Wireshark's tcp.stream or udp.stream", null="neither TCP nor UDP"),
        field("ip_version", "uint8", "4 or 6"),
        field("protocol", "uint8", "IP protocol number"),
        field("client", WORD, "sent the SYN; without one the side with the higher port; else the first sender"),
        field("client_port", "uint16", "port of the client", null="the protocol has no ports"),
        field("server", WORD, "the other side"),
        field("server_port", "uint16", "port of the server", null="the protocol has no ports"),
        field("vlan_id", "uint16", "outermost VLAN of the first packet", null="no tag"),
        field("tunnel", WORD, "path of encapsulations of the first packet", null="not in a tunnel"),
        # community_id goes here.
        field("first_seen", TIME, "earliest packet", null="no packet has a time"),
        field("last_seen", TIME, "latest packet", null="no packet has a time"),
        field("duration", SPAN, "from first_seen to last_seen", null="no packet has a time"),
        *_direction("client"),
        *_direction("server"),
        field("handshake_network", SPAN, "SYN to SYN/ACK", null="not captured, or not TCP"),
        field("handshake_client", SPAN, "SYN/ACK to the client's ACK", null="not captured, or not TCP"),
        field("initial_rtt", SPAN, "the whole handshake: last SYN to first ACK", null="not captured, or not TCP"),
        field("syn_retries", "uint32", "SYNs repeated with the same sequence number", null=NOT_TCP),
        # time to first byte goes here.
        field("ended", WORD, "fin, reset or open", null=NOT_TCP),
        field("conn_state", WORD, "state of the connection as Zeek names it", source="Zeek, base/protocols/conn"),
        field("history", "string", "events of the connection as Zeek writes them", source="Zeek, base/protocols/conn"),
        # completeness, size and inter-arrival figures, service and server name go here.
    ),
)

ENDPOINTS = Table(
    "endpoints",
    "one address",
    (
        field("address", "string", "innermost address", source="text: RFC 5952"),
        field("flows", "uint64", "flows that have this address on either side"),
        field("packets_sent", "uint64", "packets with this source"),
        field("packets_received", "uint64", "packets with this destination"),
        field("bytes_sent", "uint64", "original lengths of the packets sent", unit="bytes"),
        field("bytes_received", "uint64", "original lengths of the packets received", unit="bytes"),
    ),
)

PROTOCOLS = Table(
    "protocols",
    "one path of the protocol hierarchy; parents first",
    (
        field("path", "string", "names of the layers joined by a colon, e.g. eth:ip:tcp", source="tshark -z io,phs"),
        field("packets", "uint64", "packets that have this path or one below it"),
        field("bytes", "uint64", "their original lengths", unit="bytes"),
    ),
)

INTERVALS = Table(
    "intervals",
    "one bucket of time; all are equally wide",
    (
        field("start", TIME, "when the bucket begins"),
        field("packets", "uint64", "packets in the bucket"),
        field("bytes", "uint64", "their original lengths", unit="bytes"),
        field("payload_bytes", "uint64", "their transport payload on the wire", unit="bytes"),
        field("tcp_bytes", "uint64", "original lengths of TCP packets", unit="bytes"),
        field("udp_bytes", "uint64", "original lengths of UDP packets", unit="bytes"),
        field("other_bytes", "uint64", "original lengths of all other packets", unit="bytes"),
        # retransmissions go here.
    ),
)

INTERFACES = Table(
    "interfaces",
    "one interface of the capture",
    (
        field("interface_id", "uint32", "counted over all sections, from 0"),
        field("section", "uint32", "pcapng section, from 0"),
        field("name", "string", "name of the device", null="not in the file"),
        field("description", "string", "description of the device", null="not in the file"),
        field("link_type", "uint16", "LINKTYPE_ number"),
        field("snap_length", "uint32", "longest capture of one packet", unit="bytes", null="no limit"),
        field("resolution", "string", "of the timestamps, e.g. 1 µs"),
        field("packets", "uint64", "packets of this interface in the file"),
        field("received", "uint64", "packets that the interface saw", null="no statistics in the file"),
        field("dropped", "uint64", "packets that the capture lost", null="no statistics in the file"),
    ),
)

CAPTURE = Table(
    "capture",
    "the whole capture: one row",
    (
        field("format", "string", "pcap or pcapng"),
        field("variant", "string", "resolution and byte order in words"),
        field("size", "uint64", "bytes of the file as stored", unit="bytes", null="read from a stream"),
        field("packets", "uint64", "records of the file"),
        field("bytes", "uint64", "original lengths", unit="bytes"),
        field("captured_bytes", "uint64", "captured lengths", unit="bytes"),
        field("first_seen", TIME, "earliest packet", null="no packet has a time"),
        field("last_seen", TIME, "latest packet", null="no packet has a time"),
        field("duration", SPAN, "from first_seen to last_seen", null="no packet has a time"),
        field("cut_packets", "uint64", "packets cut by the snap length"),
        field("truncated", "uint64", "packets with a header that is cut"),
        field("malformed", "uint64", "packets with a header that contradicts itself"),
        field("unsupported", "uint64", "packets of a link type or protocol that is not decoded"),
        field("dropped", "uint64", "packets that the capture lost", null="the file does not say"),
        # duplicates go here.
        field("backward_time", "uint64", "packets with a time before that of an earlier packet"),
        field("one_sided_flows", "uint64", "TCP and UDP flows with packets in one direction only"),
        field("skipped_bytes", "uint64", "bytes of the file that could not be read as records", unit="bytes"),
    ),
)

TABLES = {table.name: table for table in (PACKETS, FLOWS, ENDPOINTS, PROTOCOLS, INTERVALS, INTERFACES, CAPTURE)}


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a type written in words. Raises KeyError for a word that is no type."""
    import pyarrow as pa  # noqa: PLC0415 - late on purpose, see above

    makers: dict[str, Callable[[], Any]] = {
        "bool": pa.bool_,
        "uint8": pa.uint8,
        "uint16": pa.uint16,
        "uint32": pa.uint32,
        "uint64": pa.uint64,
        "string": pa.string,
        TIME: lambda: pa.timestamp("ns", tz="UTC"),
        SPAN: lambda: pa.duration("ns"),
        WORD: lambda: pa.dictionary(pa.int32(), pa.string()),
    }
    return makers[kind]()


def arrow_field(declared: Field) -> pa.Field[Any]:
    """One column in Arrow form; meaning, unit, null and source travel in its metadata."""
    import pyarrow as pa  # noqa: PLC0415

    notes = {
        "meaning": declared.meaning,
        "unit": declared.unit,
        "null": declared.null,
        "source": declared.source,
    }
    return pa.field(
        declared.name,
        arrow_type(declared.kind),
        nullable=declared.null is not None,
        metadata={key: value for key, value in notes.items() if value is not None},
    )


@lru_cache(64)
def arrow_schema(table: Table, columns: tuple[str, ...] | None = None) -> pa.Schema:
    """The Arrow schema of `table`, or of those of its `columns` asked for, in the order asked for.

    Raises KeyError for a column the table does not have.
    """
    import pyarrow as pa  # noqa: PLC0415

    chosen = table.fields if columns is None else tuple(table[name] for name in columns)
    return pa.schema([arrow_field(one) for one in chosen], metadata={VERSION_KEY: VERSION})
