"""Durations in logarithmic buckets: a percentile is at most 2 % off, and memory does not grow with the number of
values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pcap_analyzer.analysis.model import Histogram

RATIO = 1.04
# From 1 ns to about 10^6 s; 0 and what is below has a bucket of its own.
EDGES = np.unique(np.concatenate(([0], np.ceil(RATIO ** np.arange(0, 882))))).astype(np.int64)


class DurationCounts:
    """Collects durations in ns; negative ones (time went backwards) are left out."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(EDGES), np.int64)
        self._total = 0
        self._min: int | None = None
        self._max: int | None = None

    def add(self, durations: npt.NDArray[np.int64]) -> None:
        """durations: (n,) ns."""
        durations = durations[durations >= 0]
        if not len(durations):
            return
        self._counts += np.bincount(np.searchsorted(EDGES, durations, "right") - 1, minlength=len(EDGES))
        self._total += int(durations.sum())
        low, high = int(durations.min()), int(durations.max())
        self._min = low if self._min is None else min(self._min, low)
        self._max = high if self._max is None else max(self._max, high)

    def histogram(self) -> Histogram:
        """The buckets from the first to the last that holds something."""
        used = np.flatnonzero(self._counts)
        if not len(used):
            return Histogram()
        first, last = int(used[0]), int(used[-1])
        edges = np.append(EDGES, np.int64(2) * EDGES[-1])[first : last + 2]
        return Histogram(edges, self._counts[first : last + 1], self._total, self._min, self._max)
