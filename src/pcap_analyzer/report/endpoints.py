"""The addresses that moved most bytes."""

from __future__ import annotations

from msgspec.structs import replace

from pcap_analyzer.analysis.model import Analysis, Endpoints
from pcap_analyzer.report.text import plain

MAX_ROWS = 100


def endpoints_section(analysis: Analysis) -> Endpoints:
    """The top addresses by bytes, and how many there are in all."""
    endpoints = analysis.endpoints
    return Endpoints(
        total=endpoints.total,
        rows=[replace(row, address=plain(row.address)) for row in endpoints.rows[:MAX_ROWS]],
    )
