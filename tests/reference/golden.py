"""What tshark recorded of a capture, as the columns that the twin can be asked for."""

from __future__ import annotations

import csv
import gzip
import ipaddress
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tests.reference.frame import TCP, UDP, Packet
from tests.reference.reader import Record
from tests.reference.streams import Streams

Row = dict[str, str]
Columns = dict[str, str]
TRANSPORTS = ("tcp", "udp", "udplite", "sctp", "icmp", "icmpv6")
# The layers that the twin reads; the rest of frame.protocols is applications and unread protocols.
LAYERS = frozenset(
    "eth vlan ieee8021ad llc mpls pwethheuristic pwethcw pppoes ppp chdlc sll null raw fr fddi tr arcnet ipnet"  # noqa: SIM905
    " ipoib clip nflog netlink netlink-netfilter radiotap wlan_radio prism wlancap ppi wlan arp ip ipv6 ah tcp udp"
    " udplite sctp icmp icmpv6 gre erspan etherip vxlan geneve gtp gtpprime teredo l2tp nsh cmd pktap ieee8021ah"
    " ieee8021cb vntag etag hsr macsec avsp trill cfp batadv bcp_bpdu mp lisp-data capwap.data tzsp juniper ayiya isl"
    " ap1394 atm lane".split()
)
SHIMS = ("ethertype", "pcap_pktdata", "user_dlt", "data")  # Wireshark's internal steps between two layers


def index(golden: Path) -> dict[str, dict[str, object]]:
    """INDEX.json: capture → status, type, packets and more."""
    files: dict[str, dict[str, object]] = json.loads((golden / "INDEX.json").read_text())["files"]
    return files


def rows(golden: Path, capture: str) -> Iterator[Row]:
    """tshark's packets; pcapng blocks that are no packets are left out."""
    path = golden / f"{capture}.packets.tsv.gz"
    if path.exists():
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            yield from (row for row in reader if row["encap"])


def text(value: int | None) -> str:
    return "" if value is None else str(value)


@lru_cache(10_000)
def address(raw: bytes) -> str:
    return str(ipaddress.ip_address(raw))


@lru_cache(10_000)
def read_layers(protocols: str) -> tuple[str, ...]:
    """The layers up to the first that is not read, or up to what an ICMP error quotes."""
    found: list[str] = []
    for name in protocols.split(":"):
        if name in SHIMS or name.startswith("ipv6."):
            continue
        if name not in LAYERS:
            break
        found.append(name)
        if name in ("icmp", "icmpv6"):
            break
    return tuple(found)


def expected(row: Row) -> Columns:
    """tshark's columns of one packet, of the innermost transport header that is not quoted."""
    protocols = row["protocols"].split(":")
    quote = min((at for at, name in enumerate(protocols) if name in ("icmp", "icmpv6")), default=len(protocols))
    networks = sum(name in ("ip", "ipv6") for name in protocols[:quote])
    outermost = [f"{row['ip_src']}>{row['ip_dst']}"] if row["ip_src"] else []
    pairs = row["ip_layers"].split(";") if row["ip_layers"] else outermost
    columns = {
        "timestamp": row["ts_ns"],
        "captured": row["caplen"],
        "original": row["len"],
        "interface": row["iface"],
        "vlan": row["vlan"],
        "tcp_stream": row["tcp_stream"],
        "udp_stream": row["udp_stream"],
        "addresses": ";".join(pairs[:networks]),
        "layers": ":".join(read_layers(row["protocols"])),
        "icmp": _first(row["icmp_type"] or row["icmp6_type"]) + "," + _first(row["icmp_code"] or row["icmp6_code"]),
    }
    if networks <= 1:  # the table knows the outermost alone
        columns["fragment"] = row["frag"].split("/")[0].replace("0", "", row["frag"].startswith("0/"))
    if networks == 1 and row["ip_ver"] == "4":
        columns |= {"ttl": row["ip_ttl"], "ip_id": text(int(row["ip_id"], 16) if row["ip_id"] else None)}
        if "ah" not in protocols:
            columns["protocol"] = row["ip_proto"]
    # The packet's own transport header stands behind its innermost IP header.
    behind = max((at for at, name in enumerate(protocols[:quote]) if name in ("ip", "ipv6")), default=quote)
    own = next((at for at in range(behind, quote) if protocols[at] in TRANSPORTS), None)
    if own is not None:
        columns |= _transport(row, protocols[own], protocols[:own].count(protocols[own]))
    return columns


def _first(values: str) -> str:
    return values.partition(",")[0]


def _transport(row: Row, name: str, occurrence: int) -> Columns:
    def value(column: str) -> str:
        values = row[column].split(",") if row[column] else []
        return values[occurrence] if occurrence < len(values) else ""

    if name == "tcp":
        flags = value("tcp_flags")
        return {
            "ports": value("tcp_sport") + "," + value("tcp_dport"),
            "tcp_seq": value("tcp_seq"),
            "tcp_ack": value("tcp_ack"),
            "tcp_window": value("tcp_win_raw"),
            "payload": value("tcp_len"),
            "tcp_flags": str(int(flags, 16)) if flags else "",
            "tcp_mss": _first(row["tcp_mss"]),
            "tcp_scale": _first(row["tcp_wscale"]),
            "tcp_tsval": _first(row["tcp_tsval"]),
        }
    if name in ("udp", "udplite"):
        length = value("udp_len")
        columns = {"ports": value("udp_sport") + "," + value("udp_dport")}
        if name == "udp" and length and int(length) >= 8:
            columns["payload"] = str(int(length) - 8)
        return columns
    if name == "sctp":
        return {"ports": value("sctp_sport") + "," + value("sctp_dport")}
    return {}


def found(record: Record, packet: Packet, streams: Streams) -> Columns:
    """The twin's columns of the same packet."""
    numbers = [(header.protocol, streams.number(header)) for header in packet.headers]
    fragment = "" if packet.fragment_offset is None else f"{packet.fragment_offset}{'+' * bool(packet.more_fragments)}"
    first_timestamp = packet.tcp_timestamps[0] if packet.tcp_timestamps else None
    return {
        "timestamp": text(record.timestamp),
        "captured": str(record.captured),
        "original": str(record.original),
        "interface": text(record.interface),
        "vlan": ",".join(map(str, packet.vlans)),
        "tcp_stream": ",".join(str(number) for protocol, number in numbers if protocol == TCP),
        "udp_stream": ",".join(str(number) for protocol, number in numbers if protocol == UDP),
        "addresses": ";".join(f"{address(src)}>{address(dst)}" for src, dst in packet.ip_layers),
        "layers": ":".join(name for name in packet.layers if name != "user_dlt"),
        "icmp": f"{text(packet.icmp_type)},{text(packet.icmp_code)}",
        "fragment": fragment,
        "ttl": text(packet.ttl),
        "ip_id": text(packet.ip_id),
        "protocol": text(packet.protocol),
        "ports": f"{text(packet.src_port)},{text(packet.dst_port)}",
        "tcp_seq": text(packet.tcp_seq),
        "tcp_ack": text(packet.tcp_ack),
        "tcp_window": text(packet.tcp_window),
        "tcp_flags": text(packet.tcp_flags),
        "payload": text(packet.payload_length),
        "tcp_mss": text(packet.tcp_mss),
        "tcp_scale": text(packet.tcp_scale),
        "tcp_tsval": text(first_timestamp),
    }
