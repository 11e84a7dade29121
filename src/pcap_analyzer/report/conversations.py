"""The pairs of addresses that exchanged most bytes."""

from __future__ import annotations

from msgspec.structs import replace

from pcap_analyzer.analysis.model import Analysis, Conversation
from pcap_analyzer.report.text import plain

MAX_ROWS = 50


def conversations_section(analysis: Analysis) -> list[Conversation]:
    """The top pairs by bytes."""
    return [replace(row, a=plain(row.a), b=plain(row.b)) for row in analysis.conversations[:MAX_ROWS]]
