"""The sums over all flows as the tables of the Analysis: endpoints, conversations, services, totals, the largest flows.

Packets without a flow (later fragments, malformed ones) count for addresses too: Wireshark's endpoints have them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from pcap_analyzer._native.scan import FlowReader
from pcap_analyzer._native.watch import Watcher
from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.durations import bucket_edges, histogram
from pcap_analyzer.analysis.flows import ENDED, KIND_ICMP, KIND_OTHER, KIND_SCTP, KIND_TCP, KIND_UDP, STATES, flow_of
from pcap_analyzer.analysis.model import (
    Conversation,
    Endpoint,
    Endpoints,
    Flow,
    FlowTotals,
    Handshakes,
    Service,
)
from pcap_analyzer.tunnels import tunnel_name

ADDRESS = 16  # bytes; in the keys of endpoints and pairs the IP version stands behind the addresses
SEED_BYTES = 16
FEW_FLOWS = 4096  # for fewer a thread costs more than it saves


def flow_summary(reader: FlowReader, watcher: Watcher | None, *, last: bool, threads: int = 1) -> dict[str, Any]:
    """Everything below in one pass over the flows, on two threads at most. last: see FlowReader.summary."""
    observer = None if watcher is None else watcher.observer()
    apart = threads > 1 and len(reader) >= FEW_FLOWS
    return reader.summary(bucket_edges(), os.urandom(SEED_BYTES), observer, last, apart)


def endpoints(summary: dict[str, Any]) -> Endpoints:
    rows = [
        Endpoint(address_text(key[:ADDRESS], key[ADDRESS]), flows, sent, received, bytes_sent, bytes_received)
        for key, (flows, sent, received, bytes_sent, bytes_received) in summary["endpoints"]
    ]
    return Endpoints(total=summary["addresses"], rows=rows)


def conversations(summary: dict[str, Any]) -> list[Conversation]:
    """`a` is the smaller address."""
    return [
        Conversation(
            address_text(key[:ADDRESS], key[2 * ADDRESS]),
            address_text(key[ADDRESS : 2 * ADDRESS], key[2 * ADDRESS]),
            flows,
            packets_ab,
            packets_ba,
            bytes_ab,
            bytes_ba,
        )
        for key, (flows, packets_ab, packets_ba, bytes_ab, bytes_ba) in summary["pairs"]
    ]


def services(summary: dict[str, Any]) -> list[Service]:
    return [
        Service(key[0], key[1] << 8 | key[2], flows, packets, size)
        for key, (flows, packets, size, *_) in summary["services"]
    ]


def top_flows(summary: dict[str, Any], paths: Sequence[Sequence[str]]) -> list[Flow]:
    """Most bytes first; of equals the earlier. paths: layer names by node of the protocol hierarchy."""
    rows = sorted(summary["largest"], key=lambda row: (-(row["client_bytes"] + row["server_bytes"]), row["flow_id"]))
    return [flow_of(row, tunnel_name(paths[row["path"]]) or None) for row in rows]


def retransmitting(summary: dict[str, Any], paths: Sequence[Sequence[str]]) -> list[Flow]:
    """Most segments marked retransmission first; of equals the earlier."""
    rows = sorted(
        summary["retransmitting"],
        key=lambda row: (-(row["client_tcp"]["marks"][0] + row["server_tcp"]["marks"][0]), row["flow_id"]),
    )
    return [flow_of(row, tunnel_name(paths[row["path"]]) or None) for row in rows]


def totals(summary: dict[str, Any]) -> FlowTotals:
    kinds = summary["kinds"]
    complete, opened = summary["complete"], summary["opened"]
    network, client, initial = (histogram(counted) for counted in summary["durations"])
    return FlowTotals(
        flows=sum(kinds),
        tcp=kinds[KIND_TCP],
        udp=kinds[KIND_UDP],
        icmp=kinds[KIND_ICMP],
        sctp=kinds[KIND_SCTP],
        other=kinds[KIND_OTHER],
        conn_states={name: count for name, count in zip(STATES, summary["states"], strict=False) if name and count},
        ended={name: count for name, count in zip(ENDED, summary["ended"], strict=True) if name and count},
        handshakes=Handshakes(complete, opened, kinds[KIND_TCP] - complete - opened),
        resets=summary["resets"],
        syn_retries=summary["syn_retries"],
        syn_retry_flows=summary["syn_retry_flows"],
        handshake_network=network,
        handshake_client=client,
        initial_rtt=initial,
    )
