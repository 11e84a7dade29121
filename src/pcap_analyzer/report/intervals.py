"""Traffic over time."""

from __future__ import annotations

from msgspec.structs import asdict

from pcap_analyzer.analysis.model import Analysis, TcpIntervals
from pcap_analyzer.analysis.silences import silences
from pcap_analyzer.report.model import Series, TcpSeries


def intervals_section(analysis: Analysis) -> Series:
    """The buckets as lists; the analysis already bounds them to 2,000."""
    intervals = analysis.intervals
    return Series(
        start_ns=intervals.start_ns,
        width_ns=intervals.width_ns,
        packets=intervals.packets.tolist(),
        bytes=intervals.bytes.tolist(),
        payload_bytes=intervals.payload.tolist(),
        tcp_bytes=intervals.tcp_bytes.tolist(),
        udp_bytes=intervals.udp_bytes.tolist(),
        other_bytes=intervals.other_bytes.tolist(),
        tcp=None if intervals.tcp is None else _tcp(intervals.tcp),
        silences=silences(intervals),
    )


def _tcp(marks: TcpIntervals) -> TcpSeries:
    return TcpSeries(**{name: column.tolist() for name, column in asdict(marks).items()})
