"""The addresses that moved most bytes."""

from __future__ import annotations

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.report.model import EndpointRow, EndpointsSummary
from pcap_analyzer.report.text import plain

MAX_ROWS = 100


def endpoints_section(analysis: Analysis) -> EndpointsSummary:
    """The top addresses by bytes, and how many there are in all."""
    return EndpointsSummary(
        total=analysis.endpoints.total,
        rows=[
            EndpointRow(
                address=plain(row.address),
                flows=row.flows,
                packets_sent=row.packets_sent,
                packets_received=row.packets_received,
                bytes_sent=row.bytes_sent,
                bytes_received=row.bytes_received,
            )
            for row in analysis.endpoints.rows[:MAX_ROWS]
        ],
    )
