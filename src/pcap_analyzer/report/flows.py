"""Flows: how many of which kind, and the largest."""

from __future__ import annotations

from msgspec.structs import asdict

from pcap_analyzer.analysis.model import Analysis, Flow
from pcap_analyzer.iana import protocol_name, service_name
from pcap_analyzer.report.model import FlowRow, FlowsSummary
from pcap_analyzer.report.text import plain

MAX_ROWS = 100
MAX_RETRANSMITTING = 20
TCP, UDP = 6, 17


def flows_section(analysis: Analysis) -> FlowsSummary:
    """Counts by transport, and the top flows by bytes."""
    totals = analysis.totals
    return FlowsSummary(
        total=totals.flows,
        tcp=totals.tcp,
        udp=totals.udp,
        icmp=totals.icmp,
        sctp=totals.sctp,
        other=totals.other,
        top=[_row(flow) for flow in analysis.top_flows[:MAX_ROWS]],
        retransmitting=[_row(flow) for flow in analysis.retransmitting[:MAX_RETRANSMITTING]],
    )


def _row(flow: Flow) -> FlowRow:
    cleaned = {
        "client": plain(flow.client),
        "server": plain(flow.server),
        "tunnel": None if flow.tunnel is None else plain(flow.tunnel),
        "conn_state": None if flow.conn_state is None else plain(flow.conn_state),
        "history": plain(flow.history, 60),
    }
    return FlowRow(
        **asdict(flow) | cleaned,
        protocol_name=protocol_name(flow.protocol),
        service=None if flow.server_port is None else service_name(flow.protocol, flow.server_port),
        display_filter=_display_filter(flow),
    )


def _display_filter(flow: Flow) -> str:
    """Wireshark numbers TCP and UDP streams as we do; everything else is told by its addresses."""
    if flow.stream is not None and flow.protocol in (TCP, UDP):
        return f"{'tcp' if flow.protocol == TCP else 'udp'}.stream == {flow.stream}"
    version, field = ("ip", "proto") if flow.ip_version == 4 else ("ipv6", "nxt")
    pair = f"{version}.addr == {plain(flow.client)} && {version}.addr == {plain(flow.server)}"
    return f"{pair} && {version}.{field} == {flow.protocol}"
