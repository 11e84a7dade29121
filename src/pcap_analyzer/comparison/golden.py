"""Reading a recorded answer of tshark: a gzipped table with one line per packet and a header line."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator

from pcap_analyzer.comparison.layers import IpLayer, TsharkPacket, integer, layer_names, network_positions
from pcap_analyzer.comparison.marks import MARK_FIELDS, WIRESHARK_MARKS
from pcap_analyzer.comparison.tshark import fragment_columns

# The table's columns under tshark's names.
NAMES = {
    "len": "frame.len",
    "caplen": "frame.cap_len",
    "iface": "frame.interface_id",
    "vlan": "vlan.id",
    "tcp_sport": "tcp.srcport",
    "tcp_dport": "tcp.dstport",
    "tcp_stream": "tcp.stream",
    "tcp_seq": "tcp.seq_raw",
    "tcp_ack": "tcp.ack_raw",
    "tcp_len": "tcp.len",
    "tcp_flags": "tcp.flags",
    "tcp_win_raw": "tcp.window_size_value",
    "tcp_win": "tcp.window_size",
    "a_ack_rtt": "tcp.analysis.ack_rtt",
    "a_bytes_in_flight": "tcp.analysis.bytes_in_flight",
    "udp_sport": "udp.srcport",
    "udp_dport": "udp.dstport",
    "udp_stream": "udp.stream",
    "udp_len": "udp.length",
    "sctp_sport": "sctp.srcport",
    "sctp_dport": "sctp.dstport",
    "icmp_type": "icmp.type",
    "icmp_code": "icmp.code",
    "icmp6_type": "icmpv6.type",
    "icmp6_code": "icmpv6.code",
}


def recorded_packets(table: str | os.PathLike[str]) -> Iterator[TsharkPacket]:
    """Every packet of the table; pcapng blocks that are no packets are left out."""
    with gzip.open(table, "rt", encoding="utf-8", newline="\n") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["encap"]:
                yield _packet(row)


def _packet(row: dict[str, str]) -> TsharkPacket:
    layers = layer_names(row["protocols"])
    marks = row["flags"].split(",") if row["flags"] else []
    return TsharkPacket(
        frame_number=int(row["num"]),
        timestamp=integer(row["ts_ns"]),
        layers=layers,
        ip_layers=_ip_layers(layers, row),
        fields={
            **{field: row[column] for column, field in NAMES.items()},  # ieee8021ad.id was not recorded
            **{field: "1" if name in marks else "" for name, field in zip(WIRESHARK_MARKS, MARK_FIELDS, strict=True)},
        },
        separator=",",
    )


def _ip_layers(layers: tuple[str, ...], row: dict[str, str]) -> list[IpLayer]:
    """The IP layers: addresses of all, the other fields of the outermost alone."""
    if not row["ip_dst"]:  # absent, or cut inside
        return []
    pairs = (
        [pair.split(">") for pair in row["ip_layers"].split(";")]
        if row["ip_layers"]
        else [[row["ip_src"], row["ip_dst"]]]
    )
    found: list[IpLayer] = []
    for at, (src, dst) in zip(network_positions(layers), pairs, strict=False):
        columns = {"ip_version": 6 if ":" in src else 4, "src": src, "dst": dst}
        found.append(IpLayer(at, columns if found else {**columns, **_outermost(row)}))
    return found


def _outermost(row: dict[str, str]) -> dict[str, object]:
    """What the table knows of the outermost IP layer alone."""
    offset = row["frag"].partition("/")[0]
    return {
        ("protocol" if row["ip_ver"] == "4" else "next_header"): integer(row["ip_proto"]),
        "ttl": integer(row["ip_ttl"]),
        "ip_id": integer(row["ip_id"]),
        **fragment_columns(int(offset.rstrip("+") or 0), offset.endswith("+")),
    }
