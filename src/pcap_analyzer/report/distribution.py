"""Durations as people look at them: percentiles, and bars for a picture."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise

from pcap_analyzer.analysis.model import Histogram
from pcap_analyzer.report.model import Distribution

MAX_BARS = 48
MICROSECOND = 1_000


def distribution(histogram: Histogram, *, step: int | None = None, bars: bool = True) -> Distribution:
    """Percentiles and bars from the logarithmic buckets. step: buckets a bar; None: what gives MAX_BARS at most.

    bars: False where nobody draws them; there are none then.
    """
    edges, seen = histogram.edges_ns.tolist(), _seen(histogram)
    total = seen[-1] if seen else 0
    bar_edges, bar_counts = _bars(edges, seen, step) if bars else ([], [])

    def percentile(percent: int) -> int | None:
        value = _percentile(edges, seen, percent)
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
    spans = [_drawn(one.edges_ns.tolist(), _seen(one)) for one in histograms]
    step = max((_step(len(span)) for span in spans), default=1)
    return [distribution(one, step=step) for one in histograms]


def _seen(histogram: Histogram) -> list[int]:
    """Values up to each bucket, itself included."""
    return list(accumulate(histogram.counts.tolist()))


def _percentile(edges: list[int], seen: list[int], percent: int) -> int | None:
    """The geometric middle of the bucket that holds the value of this rank (nearest rank); None without values."""
    if not seen or not seen[-1]:
        return None
    index = bisect_left(seen, max(1, -(-seen[-1] * percent // 100)))
    return math.isqrt(max(edges[index], 0) * max(edges[index + 1], 0))


def _bars(edges: list[int], seen: list[int], step: int | None) -> tuple[list[int], list[int]]:
    """Neighbouring buckets merged into bars, from the first that holds a value to the last."""
    first, end = _filled(seen)
    if first == end:
        return [], []
    drawn = _drawn(edges, seen)
    starts = ([first] if drawn.start > first else []) + list(drawn[:: step or _step(len(drawn))])
    before = [seen[start - 1] if start else 0 for start in starts] + [seen[end - 1]]
    counts = [after - at for at, after in pairwise(before)]
    return [edges[start] for start in starts] + [edges[end]], counts


def _drawn(edges: list[int], seen: list[int]) -> range:
    """The buckets that bars are made of; what lies before them is one bar of its own.

    Most captures have no time below a microsecond: zeros would stretch a logarithmic picture over empty decades.
    """
    first, end = _filled(seen)
    return range(bisect_right(edges, MICROSECOND, first + 1, end + 1) - 1, end) if first < end else range(end, end)


def _filled(seen: list[int]) -> tuple[int, int]:
    """The first bucket that holds a value, and where those behind the last begin; equal: none does."""
    if not seen or not seen[-1]:
        return 0, 0
    return bisect_left(seen, 1), bisect_left(seen, seen[-1]) + 1


def _step(buckets: int) -> int:
    return max(1, -(-buckets // MAX_BARS))
