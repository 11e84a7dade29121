"""TCP in a few lines for a terminal."""

from __future__ import annotations

from pcap_analyzer.report import words
from pcap_analyzer.report.model import Distribution, TcpAnalysis, TcpSummary


def tcp_lines(tcp: TcpSummary) -> list[tuple[str, str]]:
    """(label, text), two or three; none where segments were not judged."""
    if tcp.analysis is None:
        return []
    lines = [("Segments", _segments(tcp.analysis)), ("Round trips", _round_trips(tcp.analysis))]
    held = _held_up(tcp.analysis)
    return [*lines, ("Held up", held)] if held else lines


def _segments(found: TcpAnalysis) -> str:
    marked = {row.mark: row.client + row.server for row in found.marks}
    kinds = {
        "fast": marked.get("fast_retransmission", 0),
        "spurious": marked.get("spurious_retransmission", 0),
    }
    named = ", ".join(f"{name} {words.count(number)}" for name, number in kinds.items() if number)
    repeated = (
        f"{words.plural(found.retransmissions, 'retransmission')} ({words.share(found.retransmissions, found.segments)}"
    )
    rest = {
        "out of order": marked.get("out_of_order", 0),
        "seen twice": found.seen_twice_segments,
        "behind a gap": marked.get("lost_segment", 0),
    }
    others = "".join(f", {words.count(number)} {name}" for name, number in rest.items() if number)
    return f"{words.count(found.segments)}: {repeated}{f'; {named}' if named else ''}){others}"


def _round_trips(found: TcpAnalysis) -> str:
    sides = (("to clients", found.client_rtt), ("to servers", found.server_rtt))
    return ", ".join(f"{side} {_round_trip(rtt)}" for side, rtt in sides)


def _round_trip(rtt: Distribution) -> str:
    if not rtt.count:
        return "not measured"
    return f"{words.duration(rtt.p50_ns)} (p50) {words.duration(rtt.p95_ns)} (p95)"


def _held_up(found: TcpAnalysis) -> str:
    parts = []
    whole = sum(row.duration_ns for row in found.limits)
    if whole:
        shares = ", ".join(f"{row.title} {words.share(row.duration_ns, whole)}" for row in found.limits)
        parts.append(f"transfers waited for {shares}")
    if found.zero_window_count:
        closed = words.plural(found.zero_window_count, "zero window")
        parts.append(f"{closed}, {words.duration(found.zero_window_ns)} in all")
    return "; ".join(parts)
