"""TCP segment by segment: marks, causes, round trips, windows, what transfers waited for."""

from __future__ import annotations

from pcap_analyzer.analysis.model import CAUSES, LIMITS, TCP_MARKS, Analysis, TcpTotals
from pcap_analyzer.report.distribution import comparable
from pcap_analyzer.report.model import CauseRow, LimitRow, MarkRow, TcpAnalysis
from pcap_analyzer.report.tcp import names
from pcap_analyzer.report.tcp.notes import notes


def analysis_part(analysis: Analysis) -> TcpAnalysis | None:
    """None: segments were not judged, or there are none."""
    tcp = analysis.tcp
    if tcp is None or not tcp.segments:
        return None
    client_rtt, server_rtt = comparable(tcp.client_rtt, tcp.server_rtt)
    return TcpAnalysis(
        segments=tcp.segments,
        payload_bytes=tcp.payload_bytes,
        unique_bytes=tcp.unique_bytes,
        seen_twice_segments=tcp.seen_twice_segments,
        seen_twice_bytes=tcp.seen_twice_bytes,
        missed_bytes=tcp.missed_bytes,
        retransmissions=sum(marks.get("retransmission", 0) for marks in (tcp.client_marks, tcp.server_marks)),
        marks=_marks(tcp),
        causes=_causes(tcp),
        client_rtt=client_rtt,
        server_rtt=server_rtt,
        zero_window_count=tcp.zero_window_count,
        zero_window_ns=tcp.zero_window_ns,
        client_windows=tcp.client_windows,
        server_windows=tcp.server_windows,
        limits=_limits(tcp),
        flows_bounded=tcp.flows_bounded,
        marks_exact=analysis.marks_exact,
        evicted_flows=analysis.evicted_flows,
        notes=notes(analysis, tcp),
    )


def _marks(tcp: TcpTotals) -> list[MarkRow]:
    rows = []
    for mark in _all_of(TCP_MARKS, tcp.client_marks, tcp.server_marks):
        title, meaning = names.named(names.MARKS, mark)
        client, server = tcp.client_marks.get(mark, 0), tcp.server_marks.get(mark, 0)
        rows.append(MarkRow(mark, title, meaning, client, server, names.mark_filter(mark)))
    return rows


def _causes(tcp: TcpTotals) -> list[CauseRow]:
    if not any(tcp.causes.values()):
        return []
    return [
        CauseRow(cause, *names.named(names.CAUSES, cause), tcp.causes.get(cause, 0))
        for cause in _all_of(CAUSES, tcp.causes)
    ]


def _limits(tcp: TcpTotals) -> list[LimitRow]:
    if not any(tcp.limited_ns.values()):
        return []
    return [
        LimitRow(limit, *names.named(names.LIMITS, limit), tcp.limited_ns.get(limit, 0))
        for limit in _all_of(LIMITS, tcp.limited_ns)
    ]


def _all_of(known: tuple[str, ...], *counted: dict[str, int]) -> list[str]:
    """The known names in their order, then those that were counted without being known here."""
    return list(dict.fromkeys([*known, *(name for numbers in counted for name in numbers)]))
