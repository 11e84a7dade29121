"""The protocol hierarchy, cut to its largest rows."""

from __future__ import annotations

from msgspec.structs import replace

from pcap_analyzer.analysis.model import Analysis, ProtocolRow
from pcap_analyzer.report.model import Protocols
from pcap_analyzer.report.text import plain

MAX_ROWS = 150
MAX_NAME = 40


def protocols_section(analysis: Analysis) -> Protocols:
    """The hierarchy; the smallest rows are left out beyond MAX_ROWS and summed."""
    kept = _largest(analysis.protocols)
    # A row below one that was cut is already in that one's sum.
    cut = [row for row in analysis.protocols if row.path not in kept and (len(row.path) == 1 or row.path[:-1] in kept)]
    return Protocols(
        rows=[
            replace(row, path=tuple(plain(name, MAX_NAME) for name in row.path))
            for row in analysis.protocols
            if row.path in kept
        ],
        cut_rows=len(analysis.protocols) - len(kept),
        cut_packets=sum(row.packets for row in cut),
        cut_bytes=sum(row.bytes for row in cut),
    )


def _largest(rows: list[ProtocolRow]) -> set[tuple[str, ...]]:
    """The paths of the rows that stay; a parent is never smaller than its child, so it always stays with it."""
    order = sorted(rows, key=lambda row: (-row.packets, -row.bytes, len(row.path), row.path))
    return {row.path for row in order[:MAX_ROWS]}
