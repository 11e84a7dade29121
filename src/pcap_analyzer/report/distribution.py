"""Durations as people look at them: percentiles, and bars for a picture."""

from __future__ import annotations

import math

from pcap_analyzer.analysis.model import Histogram
from pcap_analyzer.report.model import Distribution

MAX_BARS = 48
MICROSECOND = 1_000


def distribution(histogram: Histogram, *, step: int | None = None) -> Distribution:
    """Percentiles and bars from the logarithmic buckets. step: buckets a bar; None: what gives MAX_BARS at most."""
    counts = [int(n) for n in histogram.counts]
    edges = [int(edge) for edge in histogram.edges_ns]
    total = sum(counts)
    bar_edges, bar_counts = _bars(edges, counts, step)

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


def comparable(*histograms: Histogram) -> list[Distribution]:
    """Distributions for one picture: their bars are equally wide, so that heights may be compared."""
    spans = [_drawn([int(edge) for edge in one.edges_ns], [int(n) for n in one.counts]) for one in histograms]
    step = max((_step(len(span)) for span in spans), default=1)
    return [distribution(one, step=step) for one in histograms]


def _percentile(edges: list[int], counts: list[int], total: int, percent: int) -> int | None:
    """The geometric middle of the bucket that holds the value of this rank (nearest rank); None without values."""
    rank = max(1, -(-total * percent // 100))
    seen = 0
    for index, number in enumerate(counts):
        seen += number
        if number and seen >= rank:
            return math.isqrt(max(edges[index], 0) * max(edges[index + 1], 0))
    return None


def _bars(edges: list[int], counts: list[int], step: int | None) -> tuple[list[int], list[int]]:
    """Neighbouring buckets merged into bars, from the first that holds a value to the last."""
    filled = [index for index, number in enumerate(counts) if number]
    if not filled:
        return [], []
    first, end = filled[0], filled[-1] + 1
    drawn = _drawn(edges, counts)
    starts = ([first] if drawn.start > first else []) + list(drawn[:: step or _step(len(drawn))])
    ends = [*starts[1:], end]
    return [edges[start] for start in starts] + [edges[end]], [
        sum(counts[start:stop]) for start, stop in zip(starts, ends, strict=True)
    ]


def _drawn(edges: list[int], counts: list[int]) -> range:
    """The buckets that bars are made of; what lies before them is one bar of its own.

    Most captures have no time below a microsecond: zeros would stretch a logarithmic picture over empty decades.
    """
    filled = [index for index, number in enumerate(counts) if number]
    first, end = (filled[0], filled[-1] + 1) if filled else (0, 0)
    return range(next((index for index in range(first, end) if edges[index + 1] > MICROSECOND), end), end)


def _step(buckets: int) -> int:
    return max(1, -(-buckets // MAX_BARS))
