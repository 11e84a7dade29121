"""Flows: how many of which kind, and the largest."""

from __future__ import annotations

from pcap_analyzer.analysis.model import Analysis, Flow
from pcap_analyzer.iana import protocol_name, service_name
from pcap_analyzer.report.model import FlowRow, FlowsSummary
from pcap_analyzer.report.text import plain

MAX_ROWS = 100
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
    )


def _row(flow: Flow) -> FlowRow:
    return FlowRow(
        flow_id=flow.flow_id,
        stream=flow.stream,
        ip_version=flow.ip_version,
        protocol=flow.protocol,
        protocol_name=protocol_name(flow.protocol),
        client=plain(flow.client),
        client_port=flow.client_port,
        server=plain(flow.server),
        server_port=flow.server_port,
        service=None if flow.server_port is None else service_name(flow.protocol, flow.server_port),
        vlan_id=flow.vlan_id,
        tunnel=None if flow.tunnel is None else plain(flow.tunnel),
        first_ns=flow.first_ns,
        last_ns=flow.last_ns,
        client_packets=flow.client_packets,
        client_bytes=flow.client_bytes,
        client_payload_bytes=flow.client_payload_bytes,
        server_packets=flow.server_packets,
        server_bytes=flow.server_bytes,
        server_payload_bytes=flow.server_payload_bytes,
        syn_retries=flow.syn_retries,
        handshake_network_ns=flow.handshake_network_ns,
        handshake_client_ns=flow.handshake_client_ns,
        initial_rtt_ns=flow.initial_rtt_ns,
        conn_state=None if flow.conn_state is None else plain(flow.conn_state),
        history=plain(flow.history, 60),
        ended=flow.ended,
        client_flags=flow.client_flags,
        server_flags=flow.server_flags,
        display_filter=_display_filter(flow),
    )


def _display_filter(flow: Flow) -> str:
    """Wireshark numbers TCP and UDP streams as we do; everything else is told by its addresses."""
    if flow.stream is not None and flow.protocol in (TCP, UDP):
        return f"{'tcp' if flow.protocol == TCP else 'udp'}.stream == {flow.stream}"
    version, field = ("ip", "proto") if flow.ip_version == 4 else ("ipv6", "nxt")
    pair = f"{version}.addr == {plain(flow.client)} && {version}.addr == {plain(flow.server)}"
    return f"{pair} && {version}.{field} == {flow.protocol}"
