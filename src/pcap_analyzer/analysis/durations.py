"""Durations in logarithmic buckets: a percentile is at most 2 % off, and memory does not grow with their number."""

from __future__ import annotations

from array import array
from functools import cache
from itertools import takewhile
from math import ceil
from typing import Any

from pcap_analyzer._native.rows import round_trip_edge
from pcap_analyzer.analysis.model import Histogram

RATIO = 1.04
LONGEST_NS = 10**15  # about twelve days; what is longer is in the last bucket
ROUND_TRIP_BUCKETS = 1920  # native/spread.pxd
COUNT_BYTES = 8


@cache
def bucket_edges() -> tuple[int, ...]:
    """Lower bounds of the buckets in ns, ascending; 0 has one of its own."""
    powers = takewhile(lambda edge: edge <= LONGEST_NS, (ceil(RATIO**power) for power in range(1000)))
    return tuple(sorted({0, *powers}))


def histogram(counted: dict[str, Any]) -> Histogram:
    """The scanner's counts per bucket, from the first to the last that holds something."""
    counts = counted["counts"]
    used = [index for index, count in enumerate(counts) if count]
    if not used:
        return Histogram()
    first, last = used[0], used[-1]
    edges = (*bucket_edges(), 2 * bucket_edges()[-1])
    return Histogram(
        array("q", edges[first : last + 2]),
        array("q", counts[first : last + 1]),
        counted["total"],
        counted["least"],
        counted["most"],
    )


@cache
def _round_trip_edges() -> array[int]:
    return array("q", (round_trip_edge(bucket) for bucket in range(ROUND_TRIP_BUCKETS + 1)))


def round_trips(counted: dict[str, Any]) -> Histogram:
    """The scanner's round trips, in its own buckets: 1/32 of a power of two wide."""
    buckets = sorted(counted["counts"])
    if not buckets:
        return Histogram()
    first, last = buckets[0], buckets[-1]
    counts = array("q", bytes(COUNT_BYTES * (last + 1 - first)))
    for bucket, count in counted["counts"].items():
        counts[bucket - first] = count
    return Histogram(
        _round_trip_edges()[first : last + 2],
        counts,
        counted["total"],
        counted["least"],
        counted["most"],
    )
