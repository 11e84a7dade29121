"""What the scan found of TCP, over all flows and for one: the scanner's numbers under their names."""

from __future__ import annotations

from typing import Any

from pcap_analyzer._native.scan import Scanner
from pcap_analyzer.analysis.durations import round_trips
from pcap_analyzer.analysis.model import CAUSES, LIMITS, TCP_MARKS, TcpDirection, TcpTotals

ALL_MARKS = (*TCP_MARKS, "tfo_syn", "tfo_ack", "tfo_ignored")  # by mark_t of native/tcp.pxd, as schema.MARKS
# fields of a direction's `causes` and `limits_ns`, by cause_t and limit_t of native/tcp.pxd
CAUSE_ORDER = ("unknown", "rto", "fast", "tail_loss", "syn_retry")
LIMIT_ORDER = ("receiver", "congestion", "application")
FILL_ORDER = ("reordered", "repaired", "late")  # of `fills`, by fill_t
RETRANSMISSION, OUT_OF_ORDER, LOST_SEGMENT, DUPLICATE_ACK, ZERO_WINDOW, SEEN_TWICE = (
    TCP_MARKS.index(name)
    for name in ("retransmission", "out_of_order", "lost_segment", "duplicate_ack", "zero_window", "seen_twice")
)


def tcp_totals(scanner: Scanner, counters: dict[str, Any], summary: dict[str, Any]) -> TcpTotals | None:
    """Over all flows; None: the capture has no TCP segment that can be judged. After Scanner.counters()."""
    if not counters["segments"]:
        return None
    client, server = summary["tcp"]
    marks = [dict(zip(ALL_MARKS, counted, strict=True)) for counted in scanner.marks()]
    to_client, to_server = (round_trips(counted) for counted in scanner.round_trips())
    causes = {name: _sum(summary, "causes", at) for at, name in enumerate(CAUSE_ORDER)}
    causes["spurious"] = client["spurious_dsack"] + server["spurious_dsack"]
    limits = {name: _sum(summary, "limits_ns", at) for at, name in enumerate(LIMIT_ORDER)}
    return TcpTotals(
        segments=counters["segments"],
        payload_bytes=counters["segment_bytes"],
        unique_bytes=client["unique_bytes"] + server["unique_bytes"],
        seen_twice_segments=sum(counted["seen_twice"] for counted in marks),
        seen_twice_bytes=client["again_bytes"] + server["again_bytes"],
        missed_bytes=client["missed_bytes"] + server["missed_bytes"],
        client_marks={name: count for name, count in marks[0].items() if count},
        server_marks={name: count for name, count in marks[1].items() if count},
        causes={name: causes[name] for name in CAUSES if causes.get(name)},
        client_rtt=to_client,
        server_rtt=to_server,
        zero_window_count=client["zero_periods"] + server["zero_periods"],
        zero_window_ns=client["zero_ns"] + server["zero_ns"],
        limited_ns={name: limits[name] for name in LIMITS} if any(limits.values()) else {},
        flows_bounded=summary["bounded"],
    )


def tcp_direction(side: dict[str, Any], other: dict[str, Any]) -> TcpDirection:
    """What one side of a flow sent. other: the direction back, whose round trips are those to this side."""
    marks = side["marks"]
    measured = other["rtt_samples"] > 0
    return TcpDirection(
        retransmissions=marks[RETRANSMISSION],
        out_of_order=marks[OUT_OF_ORDER],
        seen_twice=marks[SEEN_TWICE],
        lost_segments=marks[LOST_SEGMENT],
        duplicate_acks=marks[DUPLICATE_ACK],
        zero_windows=marks[ZERO_WINDOW],
        max_bytes_in_flight=side["max_bytes_in_flight"] or None,
        rtt_p50_ns=other["rtt_p50_ns"] if measured else None,
        rtt_p95_ns=other["rtt_p95_ns"] if measured else None,
    )


def _sum(summary: dict[str, Any], name: str, at: int) -> int:
    client, server = summary["tcp"]
    total: int = client[name][at] + server[name][at]
    return total
