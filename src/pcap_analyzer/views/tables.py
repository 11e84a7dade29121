"""The columns of the views: what other tools call them, and what they mean here. docs/views.md is made of this."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.schema import SPAN, TABLES, TIME, WORD, Field, Table, field

SINGLE = "all packets have one time: Zeek leaves it unset too"
IN_TUNNEL = "a packet was in a tunnel, or behind a link layer whose length is not known"
FLAG_NAMES = ("syn", "cwr", "ece", "urg", "ack", "psh", "rst", "fin")

ZEEK_CONN = Table(
    "zeek_conn",
    "one connection, as in Zeek's conn.log; the originator is the client of `flows`",
    (
        field("ts", TIME, "first packet", null="no packet has a time"),
        field("uid", "string", "F and the flow_id: Zeek's is a random number"),
        field("id.orig_h", WORD, "address of the originator"),
        field(
            "id.orig_p", "uint16", "its port; of ICMP the type of the first packet", null="the protocol has no ports"
        ),
        field("id.resp_h", WORD, "address of the responder"),
        field(
            "id.resp_p", "uint16", "its port; of ICMP the code of the first packet", null="the protocol has no ports"
        ),
        field("proto", WORD, "tcp, udp, icmp (of both versions) or unknown_transport"),
        field("duration", SPAN, "from the first packet to the last, a closing ACK among them", null=SINGLE),
        field(
            "orig_bytes",
            "uint64",
            "payload of the originator; of TCP each byte once, with those that were not captured",
            unit="bytes",
            null=SINGLE,
        ),
        field("resp_bytes", "uint64", "payload of the responder, likewise", unit="bytes", null=SINGLE),
        field("conn_state", WORD, "as in `flows`; OTH where it is neither TCP nor UDP"),
        field("missed_bytes", "uint64", "bytes of both sides in gaps that nothing filled; 0 but for TCP", unit="bytes"),
        field("history", "string", "as in `flows`"),
        field("orig_pkts", "uint64", "packets of the originator"),
        field("orig_ip_bytes", "uint64", "IP lengths of its packets", unit="bytes", null=IN_TUNNEL),
        field("resp_pkts", "uint64", "packets of the responder"),
        field("resp_ip_bytes", "uint64", "IP lengths of its packets", unit="bytes", null=IN_TUNNEL),
        field("ip_proto", "uint8", "IP protocol number"),
        field("vlan", "uint16", "outermost VLAN of the first packet", null="no tag"),
        field("community_id", "string", "as in `flows`", null="the protocol has ports, but no header of it was read"),
    ),
)

WAYS = {
    "bidirectional": "of both directions",
    "src2dst": "of the side that sent the first packet",
    "dst2src": "of the other side",
}
KINDS = (("min", "uint64"), ("mean", "float64"), ("stddev", "float64"), ("max", "uint64"))
GAP_KINDS = (("min", "int64"), ("mean", "float64"), ("stddev", "float64"), ("max", "int64"))
WORDS = {"min": "least", "mean": "mean", "stddev": "sample standard deviation (n - 1) of the", "max": "greatest"}


def _nfstream_times() -> Iterator[Field]:
    for way, words in WAYS.items():
        yield field(f"{way}_first_seen_ms", "int64", f"first packet {words}, since 1970; 0: none", unit="ms")
        yield field(f"{way}_last_seen_ms", "int64", f"last packet {words}, since 1970; 0: none", unit="ms")
        yield field(f"{way}_duration_ms", "int64", "the difference of the two", unit="ms")
        yield field(f"{way}_packets", "uint64", f"packets {words}")
        yield field(f"{way}_bytes", "uint64", f"original lengths of the packets {words}", unit="bytes")


def _nfstream_spreads() -> Iterator[Field]:
    for way, words in WAYS.items():
        for name, kind in KINDS:
            yield field(f"{way}_{name}_ps", kind, f"{WORDS[name]} packet size {words}; 0: no packet", unit="bytes")
    for way, words in WAYS.items():
        for name, kind in GAP_KINDS:
            meaning = (
                f"{WORDS[name]} time between packets {words}, each time cut to whole ms; 0: fewer than two packets"
            )
            yield field(f"{way}_{name}_piat_ms", kind, meaning, unit="ms")
    for way, words in WAYS.items():
        for flag in FLAG_NAMES:
            yield field(f"{way}_{flag}_packets", "uint64", f"TCP packets {words} with {flag.upper()}")


NFSTREAM = Table(
    "nfstream",
    "one flow with the statistical features of NFStream; src is who sent the first packet",
    (
        field("id", "uint32", "flow_id"),
        field("src_ip", WORD, "sent the first packet"),
        field("src_port", "uint16", "its port; 0: the protocol has none"),
        field("dst_ip", WORD, "the other side"),
        field("dst_port", "uint16", "its port; 0: the protocol has none"),
        field("protocol", "uint8", "IP protocol number"),
        field("ip_version", "uint8", "4 or 6"),
        field("vlan_id", "uint16", "outermost VLAN of the first packet; 0: no tag"),
        *_nfstream_times(),
        *_nfstream_spreads(),
    ),
)

SIDES = {"Fwd": "of the side that sent the first packet", "Bwd": "of the other side"}
FOUR = (("Mean", "float64"), ("Std", "float64"), ("Max", "int64"), ("Min", "int64"))
FOUR_WORDS = {"Mean": "mean", "Std": "sample standard deviation (n - 1) of the", "Max": "greatest", "Min": "least"}
ACTIVE = "stretch in which no packet came later than 5 s after the one before; those of one packet do not count"


def _cic_lengths() -> Iterator[Field]:
    for side, words in SIDES.items():
        for name, kind in (("Max", "int64"), ("Min", "int64"), ("Mean", "float64"), ("Std", "float64")):
            yield field(f"{side} Packet Length {name}", kind, f"{FOUR_WORDS[name]} payload {words}", unit="bytes")


def _cic_gaps() -> Iterator[Field]:
    for name, kind in FOUR:
        yield field(f"Flow IAT {name}", kind, f"{FOUR_WORDS[name]} time between packets", unit="µs")
    for side, words in SIDES.items():
        yield field(f"{side} IAT Total", "int64", f"from the first packet {words} to the last", unit="µs")
        for name, kind in FOUR:
            yield field(f"{side} IAT {name}", kind, f"{FOUR_WORDS[name]} time between packets {words}", unit="µs")


def _cic_bulks() -> Iterator[Field]:
    bulk = "bulk: four packets with payload or more, each within 1 s of the one before, none of the other side between"
    for side, words in SIDES.items():
        yield field(f"{side} Bytes/Bulk Avg", "float64", f"payload a bulk {words} ({bulk})", unit="bytes")
        yield field(f"{side} Packet/Bulk Avg", "float64", f"packets a bulk {words}")
        yield field(f"{side} Bulk Rate Avg", "float64", f"payload of bulks {words} in their time", unit="bytes/s")
    for side, words in SIDES.items():
        yield field(f"Subflow {side} Packets", "float64", f"packets {words} a subflow; one ends with a gap above 1 s")
        yield field(f"Subflow {side} Bytes", "float64", f"payload {words} a subflow", unit="bytes")


def _cic_periods() -> Iterator[Field]:
    for what, words in (("Active", ACTIVE), ("Idle", "gap of more than 5 s")):
        for name, kind in FOUR:
            yield field(f"{what} {name}", kind, f"{FOUR_WORDS[name]} {words}", unit="µs")


CICFLOWMETER = Table(
    "cicflowmeter",
    "one flow with the features of CICFlowMeter, its errors corrected; Src is who sent the first packet",
    (
        field("Flow ID", "string", "addresses, ports and protocol, joined by dashes: Src first"),
        field("Src IP", WORD, "sent the first packet"),
        field("Src Port", "uint16", "its port; 0: the protocol has none"),
        field("Dst IP", WORD, "the other side"),
        field("Dst Port", "uint16", "its port; 0: the protocol has none"),
        field("Protocol", "uint8", "IP protocol number"),
        field("Timestamp", TIME, "first packet", null="no packet has a time"),
        field("Flow Duration", "int64", "from the first packet to the last", unit="µs"),
        field("Total Fwd Packet", "uint64", "packets of the side that sent the first packet"),
        field("Total Bwd packets", "uint64", "packets of the other side"),
        field("Total Length of Fwd Packet", "uint64", "payload of the side that sent the first packet", unit="bytes"),
        field("Total Length of Bwd Packet", "uint64", "payload of the other side", unit="bytes"),
        *_cic_lengths(),
        field("Flow Bytes/s", "float64", "payload in the time of the flow", unit="bytes/s", null="it took no time"),
        field("Flow Packets/s", "float64", "packets in the time of the flow", unit="1/s", null="it took no time"),
        *_cic_gaps(),
        *(
            field(f"{side} {flag} Flags", "uint64", f"TCP packets {words} with {flag}")
            for flag in ("PSH", "URG")
            for side, words in SIDES.items()
        ),
        *(
            field(
                f"{side} Header Length", "uint64", f"TCP, UDP, SCTP or ICMP headers {words}, with options", unit="bytes"
            )
            for side, words in SIDES.items()
        ),
        *(
            field(f"{side} Packets/s", "float64", f"packets {words} in the time of the flow", null="it took no time")
            for side, words in SIDES.items()
        ),
        field("Packet Length Min", "int64", "least payload", unit="bytes"),
        field("Packet Length Max", "int64", "greatest payload", unit="bytes"),
        field("Packet Length Mean", "float64", "mean payload", unit="bytes"),
        field("Packet Length Std", "float64", "sample standard deviation (n - 1) of the payload", unit="bytes"),
        field("Packet Length Variance", "float64", "its square"),
        *(
            field(f"{flag} Flag Count", "uint64", f"TCP packets with {flag}")
            for flag in ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "CWR", "ECE")
        ),
        field("Down/Up Ratio", "float64", "packets of the other side for each of the first sender"),
        field("Average Packet Size", "float64", "the same as Packet Length Mean", unit="bytes"),
        field("Fwd Segment Size Avg", "float64", "the same as Fwd Packet Length Mean", unit="bytes"),
        field("Bwd Segment Size Avg", "float64", "the same as Bwd Packet Length Mean", unit="bytes"),
        *_cic_bulks(),
        field(
            "FWD Init Win Bytes", "int64", "window of the first packet of the first sender, as on the wire; 0: not TCP"
        ),
        field("Bwd Init Win Bytes", "int64", "the same of the other side"),
        field("Fwd Act Data Pkts", "uint64", "packets of the first sender with payload"),
        field("Fwd Seg Size Min", "int64", "its shortest header, as in Fwd Header Length", unit="bytes"),
        *_cic_periods(),
    ),
)

VIEWS = {table.name: table for table in (ZEEK_CONN, NFSTREAM, CICFLOWMETER)}
ALL_TABLES = TABLES | VIEWS
"""What can be exported and asked for in SQL."""
