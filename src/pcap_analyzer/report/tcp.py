"""TCP connections: how they began, how they stood at the end, how long the handshake took."""

from __future__ import annotations

import math

from pcap_analyzer.analysis.model import Analysis, Histogram
from pcap_analyzer.report.model import ConnState, Distribution, Ending, TcpSummary
from pcap_analyzer.report.text import plain

MAX_BARS = 48
MICROSECOND = 1_000

# Zeek's conn_state (https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html), in our words.
CONN_STATES = {
    "SF": "Opened and closed in order.",
    "S0": "The client asked, nobody answered.",
    "S1": "Open when the capture ended.",
    "S2": "The client closed its side; the server's close was not seen.",
    "S3": "The server closed its side; the client's close was not seen.",
    "REJ": "The server refused the connection with a reset.",
    "RSTO": "Established, then reset by the client.",
    "RSTR": "The server sent a reset after the connection began.",
    "RSTOS0": "The client sent a SYN and then a reset; no answer was seen.",
    "RSTRH": "The server answered and then reset; no SYN was seen.",
    "SH": "The client sent a SYN and then a FIN; no answer was seen.",
    "SHR": "The server answered and then closed; no SYN was seen.",
    "OTH": "No SYN was seen: the connection is older than the capture.",
}

ENDINGS = {
    "fin": "Closed in order: FIN.",
    "reset": "Broken off: RST.",
    "open": "Still open, or its end is not in the capture.",
}


def tcp_section(analysis: Analysis) -> TcpSummary:
    """Handshakes, states, endings, and the times of the handshake's parts."""
    totals = analysis.totals
    return TcpSummary(
        flows=totals.tcp,
        handshakes=totals.handshakes,
        conn_states=[
            ConnState(state=plain(state), flows=flows, meaning=CONN_STATES.get(state, ""))
            for state, flows in _most_first(totals.conn_states)
        ],
        endings=[
            Ending(ended=plain(ended), flows=flows, meaning=ENDINGS.get(ended, ""))
            for ended, flows in _most_first(totals.ended)
        ],
        resets=totals.resets,
        syn_retries=totals.syn_retries,
        syn_retry_flows=totals.syn_retry_flows,
        handshake_network=distribution(totals.handshake_network),
        handshake_client=distribution(totals.handshake_client),
        initial_rtt=distribution(totals.initial_rtt),
    )


def distribution(histogram: Histogram) -> Distribution:
    """Percentiles and bars from the logarithmic buckets."""
    counts = [int(n) for n in histogram.counts]
    edges = [int(edge) for edge in histogram.edges_ns]
    total = sum(counts)
    bar_edges, bar_counts = _bars(edges, counts)

    def percentile(percent: int) -> int | None:
        value = _percentile(edges, counts, total, percent)
        if value is None or histogram.min_ns is None or histogram.max_ns is None:
            return value
        return min(max(value, histogram.min_ns), histogram.max_ns)

    return Distribution(
        count=total,
        min_ns=histogram.min_ns if total else None,
        mean_ns=histogram.total_ns // total if total else None,
        p50_ns=percentile(50),
        p95_ns=percentile(95),
        p99_ns=percentile(99),
        max_ns=histogram.max_ns if total else None,
        bar_edges_ns=bar_edges,
        bar_counts=bar_counts,
    )


def _percentile(edges: list[int], counts: list[int], total: int, percent: int) -> int | None:
    """The geometric middle of the bucket that holds the value of this rank (nearest rank); None without values."""
    rank = max(1, -(-total * percent // 100))
    seen = 0
    for index, number in enumerate(counts):
        seen += number
        if number and seen >= rank:
            return math.isqrt(max(edges[index], 0) * max(edges[index + 1], 0))
    return None


def _bars(edges: list[int], counts: list[int]) -> tuple[list[int], list[int]]:
    """Neighbouring buckets merged into at most MAX_BARS and one, from the first that holds a value to the last."""
    filled = [index for index, number in enumerate(counts) if number]
    if not filled:
        return [], []
    first, end = filled[0], filled[-1] + 1
    # Most captures have no time below a microsecond: zeros would stretch a logarithmic picture over empty decades.
    coarse = next((index for index in range(first, end) if edges[index + 1] > MICROSECOND), end)
    step = max(1, -(-(end - coarse) // MAX_BARS))
    starts = ([first] if coarse > first else []) + list(range(coarse, end, step))
    ends = [*starts[1:], end]
    return [edges[start] for start in starts] + [edges[end]], [
        sum(counts[start:stop]) for start, stop in zip(starts, ends, strict=True)
    ]


def _most_first(flows_by_name: dict[str, int]) -> list[tuple[str, int]]:
    occurred = [(name, flows) for name, flows in flows_by_name.items() if flows]
    return sorted(occurred, key=lambda item: (-item[1], item[0]))
