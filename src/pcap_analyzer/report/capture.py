"""The capture as a whole: format, size, times, link types, comments."""

from __future__ import annotations

from msgspec.structs import asdict

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.iana import link_type_name
from pcap_analyzer.report.model import CaptureSummary, LinkType
from pcap_analyzer.report.text import plain

MAX_LINK_TYPES = 50
MAX_COMMENTS = 20


def capture_section(analysis: Analysis) -> CaptureSummary:
    """Packets, bytes and the span of time between the earliest and the latest packet."""
    capture = analysis.capture
    timed = capture.first_ns is not None and capture.last_ns is not None
    return CaptureSummary(
        format=capture.format,
        variant=plain(capture.variant),
        packets=capture.packets,
        bytes=capture.bytes,
        captured_bytes=capture.captured_bytes,
        first_ns=capture.first_ns,
        last_ns=capture.last_ns,
        duration_ns=(capture.last_ns or 0) - (capture.first_ns or 0) if timed else None,
        sections=capture.sections,
        link_types=[
            LinkType(**asdict(row), name=link_type_name(row.number)) for row in capture.link_types[:MAX_LINK_TYPES]
        ],
        comments=[plain(comment, 1_000) for comment in capture.comments[:MAX_COMMENTS]],
    )
