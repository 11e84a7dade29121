"""Sums of whole numbers per flow, over packets that come batch by batch.

All sums are integers, so that neither batches nor threads can change a digit. Rows of a batch are sorted by flow, and
each flow's are reduced at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

FIRST_FLOWS = 1024
LIMB = 20  # bits: a square is summed in three parts, each of which fits
LIMB_MASK = (1 << LIMB) - 1
MOST_HIGH = 1 << 31
LARGEST = np.iinfo(np.int64).max


class Column:
    """One whole number per flow, which begins as `start`; it grows with the flows."""

    def __init__(self, start: int = 0) -> None:
        self._start = start
        self._values: Int64 = np.full(FIRST_FLOWS, start, np.int64)

    def reach(self, flow: int) -> Int64:
        """The values of all flows, that one among them."""
        if flow >= len(self._values):
            grown = np.full(max(flow + 1, 2 * len(self._values)), self._start, np.int64)
            grown[: len(self._values)] = self._values
            self._values = grown
        return self._values

    def __len__(self) -> int:
        """How many flows there is room for."""
        return len(self._values)

    def of(self, begin: int, end: int) -> Int64:
        """Those of flows [begin, end)."""
        return self.reach(end)[begin:end]


class Runs:
    """Where the rows of each flow begin, in rows that are sorted by flow."""

    def __init__(self, flow: Int64) -> None:
        self.starts = np.flatnonzero(np.diff(flow, prepend=-1))
        self.flows = flow[self.starts]
        self.lengths = np.diff(self.starts, append=len(flow))
        self.ends = self.starts + self.lengths - 1

    @property
    def last_flow(self) -> int:
        return int(self.flows[-1])


class Total:
    """The sum of a number over the packets of each flow."""

    def __init__(self) -> None:
        self._sum = Column()

    def add(self, flow: Int64, values: NDArray[Any]) -> None:
        """flow: (n,) sorted.  values: (n,)."""
        if len(flow):
            runs = Runs(flow)
            self._sum.reach(runs.last_flow)[runs.flows] += np.add.reduceat(values.astype(np.int64), runs.starts)

    def of(self, begin: int, end: int) -> Int64:
        return self._sum.of(begin, end)


class Spread:
    """Count, sum, least, most and spread of a number over the packets of each flow; 0 where there was none."""

    def __init__(self) -> None:
        self._count, self._total = Column(), Column()
        self._least, self._most = Column(LARGEST), Column(-LARGEST)
        self._squares = [Column() for _ in range(3)]

    def add(self, flow: Int64, values: NDArray[Any]) -> None:
        """flow: (n,) sorted.  values: (n,), |value| < 2**51; what is beyond counts as that in the squares."""
        if not len(flow):
            return
        runs, numbers = Runs(flow), values.astype(np.int64)
        at, last = runs.flows, runs.last_flow
        self._count.reach(last)[at] += runs.lengths
        self._total.reach(last)[at] += np.add.reduceat(numbers, runs.starts)
        least, most = self._least.reach(last), self._most.reach(last)
        least[at] = np.minimum(least[at], np.minimum.reduceat(numbers, runs.starts))
        most[at] = np.maximum(most[at], np.maximum.reduceat(numbers, runs.starts))
        high, low = np.clip(numbers >> LIMB, -MOST_HIGH, MOST_HIGH), numbers & LIMB_MASK
        for column, product in zip(self._squares, (high * high, high * low, low * low), strict=True):
            column.reach(last)[at] += np.add.reduceat(product, runs.starts)

    def count(self, begin: int, end: int) -> Int64:
        return self._count.of(begin, end)

    def total(self, begin: int, end: int) -> Int64:
        return self._total.of(begin, end)

    def least(self, begin: int, end: int) -> Int64:
        return np.where(self.count(begin, end) > 0, self._least.of(begin, end), 0)

    def most(self, begin: int, end: int) -> Int64:
        return np.where(self.count(begin, end) > 0, self._most.of(begin, end), 0)

    def mean(self, begin: int, end: int) -> Float:
        return np.asarray(self.total(begin, end) / np.maximum(self.count(begin, end), 1))

    def variance(self, begin: int, end: int) -> Float:
        """Of a sample: divided by count - 1; 0 of fewer than two."""
        count = self.count(begin, end).astype(np.longdouble)
        high, mixed, low = (column.of(begin, end).astype(np.longdouble) for column in self._squares)
        squares = high * (1 << 2 * LIMB) + mixed * (1 << LIMB + 1) + low
        total = self.total(begin, end).astype(np.longdouble)
        deviations = np.maximum(squares - total * total / np.maximum(count, 1), 0)
        return np.where(count > 1, deviations / np.maximum(count - 1, 1), 0).astype(np.float64)

    def deviation(self, begin: int, end: int) -> Float:
        return np.asarray(np.sqrt(self.variance(begin, end)))


class Gaps:
    """Times between the packets of a flow, in units of `unit_ns`; times are cut to the unit first, as the tools do."""

    def __init__(self, unit_ns: int) -> None:
        self._unit_ns = unit_ns
        self._last = Column(-LARGEST)
        self.spread = Spread()

    def add(self, flow: Int64, time_ns: Int64) -> tuple[Int64, Int64]:
        """flow: (n,) sorted, in order of capture.  Returns the gap before each row, and of which rows it is known."""
        if not len(flow):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        runs, times = Runs(flow), time_ns // self._unit_ns
        last = self._last.reach(runs.last_flow)
        before = np.empty_like(times)
        before[1:] = times[:-1]
        before[runs.starts] = last[runs.flows]
        known = np.flatnonzero(before != -LARGEST)
        last[runs.flows] = times[runs.ends]
        gaps = times[known] - before[known]
        self.spread.add(flow[known], gaps)
        return gaps, known
