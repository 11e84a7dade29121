"""The columns of every table: name, type, unit, meaning of null, source. Declared once, a public contract.

`VERSION` stands in the metadata of every Arrow schema as `pcap_analyzer.schema_version`; a change of meaning raises
it, a new column does not. Types are written in words so that names, units and documentation can be read without
pyarrow, which takes 0.3 s to import: `analyze` never needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
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
# By event_kind_t, cause_t and fill_t of the kernels.
TCP_EVENT_KINDS = (*MARKS, "syn_retry", "reset", "gap", "spurious_dsack", "spurious_timestamps")
CAUSES = ("unknown", "rto", "fast", "tail_loss", "syn_retry")
FILLS = ("reordered", "repaired", "late")


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
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(self.columns)}")


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


TCP_EVENTS = Table(
    "tcp_events",
    "one mark of a packet; one SYN retry, reset, gap, or repetition proven needless",
    (
        field("frame_number", "uint64", "of the packet, as in `packets`; rows are in its order"),
        field("timestamp", TIME, "when the packet was captured", null="the record has no time"),
        field("flow_id", "uint32", "row of the flow in `flows`"),
        field("stream", "uint32", "Wireshark's tcp.stream"),
        field("from_client", "bool", "sent by the client side of the flow"),
        field(
            "event",
            WORD,
            "a mark, by its name in tcp_marks; syn_retry; reset; gap: bytes before the segment were not captured; "
            "spurious_dsack, spurious_timestamps: the packet proves that needless_frame was not needed",
            source="tcp.analysis.*; RFC 2883 (DSACK), RFC 3522 (timestamps)",
        ),
        field(
            "repeats_frame",
            "uint64",
            "first captured frame with the segment's first byte; of a duplicate ACK, the ACK that it repeats",
            null="no repetition, or what it repeats was not captured or is forgotten",
            source="ours; of a duplicate ACK tcp.analysis.duplicate_ack_frame",
        ),
        field(
            "answers_frame",
            "uint64",
            "the other side's packet that it answers or is judged by: keep-alive, probe, the last ACK, the window",
            null="it answers none, or that was not captured",
        ),
        field(
            "acks_frame",
            "uint64",
            "the segment whose end it acknowledges",
            null="it acknowledges the end of no captured segment",
            source="tcp.analysis.acks_frame",
        ),
        field(
            "expected",
            "uint32",
            "raw sequence number that was due; of ack_lost_segment, the end of what was captured without a gap; of "
            "spurious_retransmission, what was acknowledged; of window_full, the window's edge; of gap, its beginning",
            null="not known, or the event is a proof",
        ),
        field(
            "found",
            "uint32",
            "the segment's instead; of ack_lost_segment, its ACK number; of window_full and gap, their end",
            null="the event is a proof",
        ),
        field(
            "threshold",
            SPAN,
            "that told retransmission from out of order: initial round trip, or 3 ms; 20 ms of a fast one",
            unit="ns",
            null="no time was compared",
        ),
        field(
            "since",
            SPAN,
            "what was compared with it: time since since_frame; negative where time ran backwards, which is very long",
            unit="ns",
            null="no time was compared",
        ),
        field(
            "since_frame",
            "uint64",
            "that reached the highest sequence number; of a fast retransmission, the other side's last packet",
            null="no time was compared, or there was none",
        ),
        field(
            "delay",
            SPAN,
            "since repeats_frame; time that ran backwards stands still",
            unit="ns",
            null="no repetition of data, or its original is not known",
        ),
        field(
            "cause",
            WORD,
            "why it was sent again: rto, fast, tail_loss, syn_retry or unknown",
            null="nothing of it was captured before",
            source="RFC 6298, RFC 5681, RFC 8985",
        ),
        field(
            "fill",
            WORD,
            "how it came to fill a gap: reordered on the way; repaired: sent again, the first copy was lost before the "
            "capture point; late: acknowledged before",
            null="it fills none",
        ),
        field(
            "duplicate_number",
            "uint32",
            "of a duplicate ACK, from 1",
            null="no duplicate ACK",
            source="tcp.analysis.duplicate_ack_num",
        ),
        field("needless_frame", "uint64", "the repetition that is proven needless", null="the event is no proof"),
    ),
)


OTHER_SIDE = {"client": "server", "server": "client"}
NOT_CAPTURED = "not captured, or not TCP"
NO_SYN = "no SYN of this side was captured, or not TCP"
CUT = NO_SYN + ", or its options were cut before this one"
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


def _direction(side: str) -> tuple[Field, ...]:
    """What `side` sent, and how far it is."""
    return (
        field(f"{side}_packets", "uint64", f"packets sent by the {side}"),
        field(f"{side}_bytes", "uint64", f"original lengths of the packets sent by the {side}", unit="bytes"),
        field(
            f"{side}_payload_bytes",
            "uint64",
            f"payload sent by the {side}, on the wire: behind its transport header, or behind IP where none is read",
            unit="bytes",
        ),
        *(
            field(f"{side}_{flag}", "uint64", f"packets of the {side} with {flag.upper()}", null=NOT_TCP)
            for flag in FLAGS
        ),
        *_options(side),
        *_windows(side),
        *(
            field(f"{side}_{mark}", "uint32", f"packets of the {side} marked {mark}: see tcp_marks", null=NOT_TCP)
            for mark in MARKS
        ),
        *_bytes(side),
        *_round_trips(side),
        field(f"{side}_first_payload", TIME, f"first packet of the {side} with payload", null="there is none"),
        field(f"{side}_last_payload", TIME, f"last packet of the {side} with payload", null="there is none"),
    )


def _options(side: str) -> tuple[Field, ...]:
    """What a SYN of `side` said."""
    return (
        field(f"{side}_mss", "uint16", "maximum segment size it takes", unit="bytes", null=NO_SYN + ", or no option"),
        field(
            f"{side}_window_scale", "uint8", "shift of its windows", null=NO_SYN + ", or no option", source="RFC 7323"
        ),
        field(f"{side}_sack_permitted", "bool", "it takes selective acknowledgements", null=CUT, source="RFC 2018"),
        field(f"{side}_timestamps", "bool", "its SYN had the timestamps option", null=CUT, source="RFC 7323"),
    )


def _windows(side: str) -> tuple[Field, ...]:
    """The windows that `side` announced."""
    none = "only SYN and RST were captured, or not TCP"
    return (
        *(
            field(
                f"{side}_window_{which}",
                "uint32",
                f"{words} window it announced but in SYN and RST, scaled as far as the scale is known",
                unit="bytes",
                null=none,
            )
            for which, words in (("min", "smallest"), ("max", "largest"), ("last", "last"))
        ),
        field(f"{side}_zero_window_periods", "uint32", "times that its window closed", null=NOT_TCP),
        field(f"{side}_zero_window_time", SPAN, "how long its window was closed", unit="ns", null=NOT_TCP),
    )


def _bytes(side: str) -> tuple[Field, ...]:
    """What became of the payload that `side` sent."""
    return (
        field(
            f"{side}_retransmitted_bytes",
            "uint64",
            "payload of the packets marked retransmission",
            unit="bytes",
            null=NOT_TCP,
        ),
        field(f"{side}_seen_twice_bytes", "uint64", "payload that was captured before", unit="bytes", null=NOT_TCP),
        field(f"{side}_unique_bytes", "uint64", "payload, each byte once", unit="bytes", null=NOT_TCP),
        field(
            f"{side}_missed_bytes",
            "uint64",
            "gaps between captured bytes that nothing filled",
            unit="bytes",
            null=NOT_TCP,
        ),
        field(
            f"{side}_missed_acknowledged_bytes",
            "uint64",
            f"those of them that the {OTHER_SIDE[side]} acknowledged: the capture lost them, not the network",
            unit="bytes",
            null=NOT_TCP,
        ),
        field(
            f"{side}_max_bytes_in_flight",
            "uint32",
            "most that was sent and not acknowledged",
            unit="bytes",
            null="never known, or not TCP",
            source="tcp.analysis.bytes_in_flight",
        ),
    )


def _round_trips(side: str) -> tuple[Field, ...]:
    """From the capture point to `side` and back."""
    none = f"no segment of the {OTHER_SIDE[side]} was acknowledged in a way that can be measured, or not TCP"
    return (
        *(
            field(
                f"{side}_rtt_{which}",
                SPAN,
                f"{words} round trip from the capture point to the {side} and back",
                unit="ns",
                null=none,
                source="RFC 6298 section 3, Karn",
            )
            for which, words in (
                ("min", "shortest"),
                ("mean", "mean"),
                ("max", "longest"),
                ("p50", "median, at most 2 % off,"),
                ("p95", "95th percentile, at most 2 % off,"),
            )
        ),
        field(f"{side}_rtt_samples", "uint32", "round trips measured", null=NOT_TCP),
    )


def _sizes(side: str) -> tuple[Field, ...]:
    """How large the packets of `side` were."""
    none = f"no packet of the {side}"
    return (
        *(
            field(f"{side}_size_{which}", kind, f"{words} original length of its packets", unit="bytes", null=none)
            for which, kind, words in (
                ("min", "uint32", "smallest"),
                ("mean", "float64", "mean"),
                ("max", "uint32", "largest"),
            )
        ),
        field(
            f"{side}_size_stddev",
            "float64",
            "standard deviation of the original lengths of its packets",
            unit="bytes",
            null=none + ", or lengths that no packet can have",
        ),
    )


def _handling(side: str) -> tuple[Field, ...]:
    """Why `side` sent again, what proved that needless, and what it waited for."""
    causes = {
        "rto": "after a time-out",
        "fast": "after duplicate or selective acknowledgements",
        "tail_loss": "as a tail loss probe",
        "syn_retry": "a SYN without an answer",
        "unknown": "for a reason that cannot be told",
    }
    fills = {
        "reordered": "overtaken on the way",
        "repaired": "sent again, the first was lost before the capture point",
        "late": "acknowledged before",
    }
    limits = {
        "receiver": f"the {OTHER_SIDE[side]}'s window was full",
        "congestion": "it waited for acknowledgements",
        "application": "it had nothing to send",
    }
    proofs = {"dsack": "a DSACK (RFC 2883)", "timestamps": "the echo of an earlier timestamp (RFC 3522)"}
    return (
        *(
            field(f"{side}_repeats_{name}", "uint32", f"segments seen twice, {words}", null=NOT_TCP)
            for name, words in causes.items()
        ),
        *(
            field(f"{side}_spurious_{name}", "uint32", f"repetitions that {words} proves needless", null=NOT_TCP)
            for name, words in proofs.items()
        ),
        *(
            field(f"{side}_fills_{name}", "uint32", f"segments that filled a gap, {words}", null=NOT_TCP)
            for name, words in fills.items()
        ),
        *(
            field(
                f"{side}_retransmission_delay_{which}",
                SPAN,
                f"{words} time from an original to its repetition",
                unit="ns",
                null="no repetition whose original is known",
            )
            for which, words in (("mean", "mean"), ("max", "longest"))
        ),
        *(
            field(
                f"{side}_{name}_limited",
                SPAN,
                f"time of its transfers in which {words}",
                unit="ns",
                null=NOT_TCP,
            )
            for name, words in limits.items()
        ),
        field(
            f"{side}_timestamp_rtt_mean",
            SPAN,
            f"mean round trip from the capture point to the {side} and back by the timestamps option",
            unit="ns",
            null=f"no timestamp of the {OTHER_SIDE[side]} was echoed",
            source="RFC 7323",
        ),
        field(f"{side}_timestamp_rtt_samples", "uint32", "round trips measured so", null=NOT_TCP),
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
        field(
            "community_id",
            "string",
            "Community ID of version 1, seed 0; of ICMP that of the first packet's type",
            null="the protocol has ports, but no header of it was read",
            source="https://github.com/corelight/community-id-spec",
        ),
        field("first_seen", TIME, "earliest packet", null="no packet has a time"),
        field("last_seen", TIME, "latest packet", null="no packet has a time"),
        field("duration", SPAN, "from first_seen to last_seen", unit="ns", null="no packet has a time"),
        *_direction("client"),
        *_direction("server"),
        field("handshake_network", SPAN, "SYN to SYN/ACK", unit="ns", null=NOT_CAPTURED),
        field("handshake_client", SPAN, "SYN/ACK to the client's ACK", unit="ns", null=NOT_CAPTURED),
        field(
            "initial_rtt",
            SPAN,
            "the whole handshake: last SYN to first ACK",
            unit="ns",
            null=NOT_CAPTURED,
            source="tcp.analysis.initial_rtt",
        ),
        field(
            "syn_retries",
            "uint32",
            "SYNs of the client that came again before the answer was acknowledged",
            null=NOT_TCP,
        ),
        field(
            "time_to_first_byte",
            SPAN,
            "from the client's last payload before the server's first to that one",
            unit="ns",
            null="not both captured, the server spoke first, or not TCP",
        ),
        field("ended", WORD, "fin, reset or open", null=NOT_TCP),
        field(
            "conn_state",
            WORD,
            "state of the connection as Zeek names it",
            null="neither TCP nor UDP",
            source="Zeek, base/protocols/conn",
        ),
        field("history", "string", "events of the connection as Zeek writes them", source="Zeek, base/protocols/conn"),
        field(
            "completeness",
            "uint8",
            "bit set of what was captured: SYN 1, SYN/ACK 2, ACK 4, data 8, FIN 16, RST 32",
            null=NOT_TCP,
            source="tcp.completeness",
        ),
        *_sizes("client"),
        *_sizes("server"),
        # inter-arrival figures, service and server name go here.
        *_handling("client"),
        *_handling("server"),
        field("bounded", "bool", "a list of this flow was full: some of its TCP measures are less exact"),
        field(
            "marks_exact",
            "bool",
            "False: it made room for other flows before its end and was judged anew when it returned",
        ),
    ),
)

ENDPOINTS = Table(
    "endpoints",
    "one address",
    (
        field(
            "address",
            "string",
            "innermost address; rows are in order of bytes, most first",
            null="all addresses beyond the first million that were met, together",
            source="text: RFC 5952",
        ),
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
        field(
            "retransmissions",
            "uint64",
            "TCP segments marked retransmission, fast and spurious ones among them",
            null="the capture has no TCP",
        ),
    ),
)

NO_NOTE = "not in the file, or an interface behind the first 10,000"

INTERFACES = Table(
    "interfaces",
    "one interface of the capture",
    (
        field("interface_id", "uint32", "counted over all sections, from 0"),
        field("section", "uint32", "pcapng section, from 0"),
        field("name", "string", "name of the device", null=NO_NOTE),
        field("description", "string", "description of the device", null=NO_NOTE),
        field("link_type", "uint16", "LINKTYPE_ number"),
        field("snap_length", "uint32", "longest capture of one packet", unit="bytes", null="no limit"),
        field("resolution", "string", "of the timestamps, e.g. 1 µs"),
        field("packets", "uint64", "packets of this interface in the file"),
        field("received", "uint64", "packets that the interface saw", null=NO_NOTE),
        field("dropped", "uint64", "packets that the capture lost", null=NO_NOTE),
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

NO_ANSWER = "no response was captured"
NO_QUERY = "the query was not captured"

DNS = Table(
    "dns",
    "one DNS transaction: a query with its repeats and its response; in order of frame_number",
    (
        field("frame_number", "uint64", "first message of the transaction: the query, where it was captured"),
        field("response_frame", "uint64", "first response", null=NO_ANSWER),
        field("timestamp", TIME, "when the query was sent first", null="not captured, or the record has no time"),
        field("flow_id", "uint32", "row of the flow in `flows`"),
        field("stream", "uint32", "Wireshark's udp.stream or tcp.stream"),
        field("service", WORD, "dns (port 53), mdns (5353) or llmnr (5355)"),
        field("transport", WORD, "udp or tcp"),
        field("ip_version", "uint8", "4 or 6"),
        field("client", WORD, "sent the query; to a group, the sender"),
        field("client_port", "uint16", "port of the client"),
        field("resolver", WORD, "was asked: the query's destination"),
        field("resolver_port", "uint16", "port of the resolver"),
        field("transaction_id", "uint16", "the message's identifier", source="RFC 1035 section 4.1.1"),
        field("opcode", "uint8", "kind of query, 0 for an ordinary one", source="RFC 6895 section 2.2"),
        field(
            "query_name",
            "string",
            "name asked for, as sent; the root is a dot, other names end without one; what is no printable ASCII is "
            "\\DDD, a dot or backslash inside a label has a backslash before it",
            null="the message has none, or it was not captured",
            source="RFC 1035 section 5.1, RFC 4343 section 2.1",
        ),
        field("query_type", "uint16", "type asked for", null="as query_name", source="RFC 6895 section 3.1"),
        field("query_type_name", WORD, "its name, TYPE65280 where it has none", null="as query_name"),
        field("query_class", "uint16", "class asked for, 1 is the Internet", null="as query_name"),
        field(
            "status",
            WORD,
            "answered, unanswered, open (the capture ends within half a second of the query), no_query (only a "
            "response was captured), multicast (a message to a group, which needs no answer)",
        ),
        field("rcode", "uint8", "the response's code, 0 for no error", null=NO_ANSWER, source="RFC 6895 section 2.3"),
        field("rcode_name", WORD, "its name, e.g. NXDOMAIN; RCODE12 where it has none", null=NO_ANSWER),
        field(
            "latency",
            SPAN,
            "from the first query to the response; below 0 where the capture's clock went back",
            null="not both were captured, or they have no time",
            source="Wireshark's dns.time, Zeek's rtt",
        ),
        field("retry_latency", SPAN, "the same from the last repeat of the query before it", null="as latency"),
        field("retries", "uint16", "times that the query was repeated unanswered, from the same port", unit="messages"),
        field("extra_responses", "uint16", "responses after the first", unit="messages"),
        field("copies", "uint16", "packets of it that were captured once more, as by a mirror port", unit="packets"),
        field("answers", "uint16", "answer records that the response announces", null=NO_ANSWER),
        field("first_address", WORD, "first A or AAAA among the answers", null="none, or not captured"),
        field("authoritative", "bool", "the server answers for its own zone, not from a cache", null=NO_ANSWER),
        field("truncated", "bool", "the response did not fit: the client should ask over TCP", null=NO_ANSWER),
        field("recursion_desired", "bool", "the client wants the server to ask others", null=NO_QUERY),
        field("recursion_available", "bool", "the server does", null=NO_ANSWER),
        field("query_bytes", "uint32", "the query's message", unit="bytes", null=NO_QUERY),
        field("response_bytes", "uint32", "the response's message", unit="bytes", null=NO_ANSWER),
    ),
)

TABLES = {
    table.name: table
    for table in (PACKETS, TCP_EVENTS, FLOWS, ENDPOINTS, PROTOCOLS, INTERVALS, INTERFACES, CAPTURE, DNS)
}


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a type written in words. Raises KeyError for a word that is no type."""
    import pyarrow as pa  # noqa: PLC0415 - late on purpose, see above

    makers: dict[str, Callable[[], Any]] = {
        "bool": pa.bool_,
        "uint8": pa.uint8,
        "uint16": pa.uint16,
        "uint32": pa.uint32,
        "uint64": pa.uint64,
        "int64": pa.int64,
        "float64": pa.float64,
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


def names_of(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    """The columns that a caller asks for. Raises TypeError for one text, whose letters would be taken for names."""
    if isinstance(columns, str):
        raise TypeError(f"columns is the text {columns!r}; a list of names is expected, e.g. [{columns!r}]")
    return None if columns is None else tuple(columns)


@lru_cache(64)
def arrow_schema(table: Table, columns: tuple[str, ...] | None = None) -> pa.Schema:
    """The Arrow schema of `table`, or of those of its `columns` asked for, in the order asked for.

    Raises KeyError for a column the table does not have.
    """
    import pyarrow as pa  # noqa: PLC0415

    chosen = table.fields if columns is None else tuple(table[name] for name in columns)
    return pa.schema([arrow_field(one) for one in chosen], metadata={VERSION_KEY: VERSION})
