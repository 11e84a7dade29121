"""The pairs of addresses that exchanged most bytes."""

from __future__ import annotations

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.report.model import ConversationRow
from pcap_analyzer.report.text import plain

MAX_ROWS = 50


def conversations_section(analysis: Analysis) -> list[ConversationRow]:
    """The top pairs by bytes."""
    return [
        ConversationRow(
            a=plain(row.a),
            b=plain(row.b),
            flows=row.flows,
            packets_ab=row.packets_ab,
            packets_ba=row.packets_ba,
            bytes_ab=row.bytes_ab,
            bytes_ba=row.bytes_ba,
        )
        for row in analysis.conversations[:MAX_ROWS]
    ]
