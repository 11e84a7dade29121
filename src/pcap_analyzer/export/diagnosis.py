"""Findings as the page shows them: the first of them at once, each with its evidence and the picture of a flow.

A picture is laid out in pixels downwards and in percent across, so that one drawing fits every width without scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pcap_analyzer.findings.model import Finding
from pcap_analyzer.report.model import Report, Timeline, TimelinePacket

SHOWN_FIRST = 6
ROW, NOTED_ROW, GAP_ROW, HEAD = 22, 40, 24, 8  # pixels
CLIENT, SERVER = 30, 97  # percent: where the two sides stand


def findings_shown(report: Report) -> list[dict[str, Any]]:
    """One entry a finding, in order."""
    drawn = {timeline.finding: timeline for timeline in report.source.timelines}
    return [_shown(place, finding, drawn.get(place)) for place, finding in enumerate(report.findings)]


def _shown(place: int, finding: Finding, timeline: Timeline | None) -> dict[str, Any]:
    evidence = list(_evidence(finding, timeline.evidence_ns if timeline else []))
    return {
        "id": f"finding-{place + 1}",
        "finding": finding,
        "evidence": evidence,
        "timed": any(one["time_ns"] is not None for one in evidence),
        "timeline": None if timeline is None else _picture(timeline, finding),
        "counts": finding.measure.unit == "ratio" and any(flow.value > 1 for flow in finding.flows),
    }


def _evidence(finding: Finding, times: Sequence[int | None]) -> Iterator[dict[str, Any]]:
    """By frame, each frame once with all that is to be seen there."""
    rows: dict[int, dict[str, Any]] = {}
    for place, one in enumerate(finding.evidence):
        row = rows.setdefault(one.frame, {"frame": one.frame, "texts": [], "time_ns": None})
        row["texts"].append(one.text)
        row["time_ns"] = times[place] if place < len(times) else None
    for frame in sorted(rows):
        yield rows[frame]


def _picture(timeline: Timeline, finding: Finding) -> dict[str, Any]:
    """The packets with their places; `flow` is whose they are."""
    start = next((packet.time_ns for packet in timeline.packets if packet.time_ns is not None), None)
    rows, y = [], HEAD
    for packet in timeline.packets:
        if packet.skipped:
            rows.append({"gap": True, "y": y + GAP_ROW // 2})
            y += GAP_ROW
        height = NOTED_ROW if packet.note else ROW
        rows.append(_row(packet, y + height - 6, start))
        y += height
    return {
        "flow": next((flow for flow in finding.flows if flow.flow_id == timeline.flow_id), None),
        "rows": rows,
        "packets": [row for row in rows if not row["gap"]],
        "height": y + HEAD,
        "whole": timeline.whole,
    }


def _row(packet: TimelinePacket, y: int, start: int | None) -> dict[str, Any]:
    ends = (CLIENT, SERVER) if packet.from_client else (SERVER, CLIENT)
    return {
        "gap": False,
        "y": y,
        "x1": ends[0],
        "x2": ends[1],
        "since_ns": None if start is None or packet.time_ns is None else packet.time_ns - start,
        "packet": packet,
        "note": packet.note,
    }


def overview(report: Report, sizes: Sequence[int], start_ns: int, width_ns: int) -> dict[str, Any] | None:
    """Bytes over time as an outline in a box of 1000 by 100, and the time spans of findings in percent of it."""
    whole = width_ns * len(sizes)
    if len(sizes) < 2 or whole <= 0 or not max(sizes):
        return None
    return {
        "outline": f"M0,100 L{_outline(sizes)} L1000,100 Z",
        "steps": len(sizes),
        "start_ns": start_ns,
        "end_ns": start_ns + whole,
        "lanes": _lanes(report, start_ns, whole),
    }


def _outline(sizes: Sequence[int]) -> str:
    """Each step's left and right corner, "x,y x,y …". Every number is written once: two steps share an edge."""
    count, top = len(sizes), max(sizes)
    edges = [f"{1000 * edge / count:.1f}" for edge in range(count + 1)]
    heights = [f",{100 - 96 * size / top:.1f} " for size in sizes]
    corners = [""] * (4 * count)
    corners[::4], corners[1::4], corners[2::4], corners[3::4] = edges[:-1], heights, edges[1:], heights
    return "".join(corners).rstrip()


def _lanes(report: Report, start_ns: int, whole: int) -> list[dict[str, Any]]:
    def percent(ns: int) -> float:
        return round(min(100.0, max(0.0, 100 * (ns - start_ns) / whole)), 2)

    times = {timeline.finding: timeline.evidence_ns for timeline in report.source.timelines}
    lanes = []
    for place, finding in enumerate(report.findings[:SHOWN_FIRST]):
        if finding.span is None:
            continue
        begin, end = percent(finding.span.first_ns), percent(finding.span.last_ns)
        lanes.append(
            {
                "id": f"finding-{place + 1}",
                "finding": finding,
                "x": begin,
                "width": max(0.4, round(end - begin, 2)),
                "marks": sorted({percent(time) for time in times.get(place, ()) if time is not None}),
            }
        )
    return lanes
