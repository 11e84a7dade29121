"""What Wireshark's TCP analysis says of a packet, mark by mark, beside our columns.

tshark's analysis fields do not say which TCP layer of a frame they belong to: where there are several, or the only one
is quoted by an ICMP error, nothing is compared.
"""

from __future__ import annotations

from typing import Any

from pcap_analyzer.comparison.layers import TsharkPacket, integer, nanoseconds
from pcap_analyzer.schema import MARKS

OURS_ALONE = ("seen_twice",)
WIRESHARK_MARKS = tuple(name for name in MARKS if name not in OURS_ALONE)
MARK_FIELDS = tuple(f"tcp.analysis.{name}" for name in WIRESHARK_MARKS)
ANALYSIS_FIELDS = ("tcp.window_size", "tcp.analysis.ack_rtt", "tcp.analysis.bytes_in_flight", *MARK_FIELDS)
ANALYSIS_COLUMNS = ("tcp_window", "tcp_marks", "ack_rtt", "bytes_in_flight")


def mark_column(name: str) -> str:
    """What a mark is called among the compared columns."""
    return f"mark {name}"


def analysis(packet: TsharkPacket) -> dict[str, Any]:
    """Compared columns → tshark's values for the frame's TCP segment; a mark is True or absent."""
    if packet.layers.count("tcp") != 1 or packet.layers.index("tcp") > packet.quote:
        return {}
    return {
        "tcp_window": integer(packet.value("tcp.window_size")),
        "ack_rtt": nanoseconds(packet.value("tcp.analysis.ack_rtt") or ""),
        "bytes_in_flight": integer(packet.value("tcp.analysis.bytes_in_flight")),
        **{
            mark_column(name): packet.value(field) is not None or None
            for name, field in zip(WIRESHARK_MARKS, MARK_FIELDS, strict=True)
        },
    }


def mark_columns(marks: int | None) -> dict[str, Any]:
    """The same of our bit set."""
    return {
        mark_column(name): bool((marks or 0) >> bit & 1) or None
        for bit, name in enumerate(MARKS)
        if name not in OURS_ALONE
    }
