"""Sums per key over batches, exact up to a bound on the number of keys, and the largest of them at the end."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from pcap_analyzer._native.intern import Interner

MAX_KEYS = 1_000_000
SEED_BYTES = 16


class KeyedSums:
    """Integer sums in `columns` columns per key of `width` bytes; keys beyond MAX_KEYS are summed in one last row."""

    def __init__(self, width: int, columns: int, *, max_keys: int = MAX_KEYS) -> None:
        self._interner = Interner(width, max_keys, os.urandom(SEED_BYTES))
        self._sums = np.zeros((1024, columns), np.int64)
        self._beyond = np.zeros(columns, np.int64)
        self._max_keys = max_keys

    def add(self, keys: npt.NDArray[np.uint8], values: npt.NDArray[np.int64]) -> None:
        """keys: (n, width).  values: (n, columns)."""
        number = np.empty(len(keys), np.uint32)
        self._interner.intern(np.ascontiguousarray(keys), number)
        count = len(self._interner)
        if count > len(self._sums):
            grown = np.zeros((max(count, 2 * len(self._sums)), self._sums.shape[1]), np.int64)
            grown[: len(self._sums)] = self._sums
            self._sums = grown
        known = number < self._max_keys
        if not known.all():
            self._beyond += values[~known].sum(axis=0)
            number, values = number[known], values[known]
        for column in range(values.shape[1]):
            np.add.at(self._sums[:, column], number, values[:, column])

    def __len__(self) -> int:
        return len(self._interner)

    def keys(self) -> npt.NDArray[np.uint8]:
        """(len, width) in the order in which they came."""
        known = np.frombuffer(self._interner.known(), np.uint8)
        return known.reshape(len(self), -1) if len(self) else known.reshape(0, 1)

    def sums(self) -> npt.NDArray[np.int64]:
        """(len, columns)"""
        return self._sums[: len(self)]

    def top(self, order: npt.NDArray[np.int64], limit: int) -> list[int]:
        """Numbers of the keys with the largest `order`; equals in the order of their keys, so that threads cannot
        matter.
        """
        keys = self.keys()
        if len(order) > 4 * limit:
            bound = np.partition(order, len(order) - limit)[len(order) - limit]
            candidates = np.flatnonzero(order >= bound)
        else:
            candidates = np.arange(len(order))
        ranked: list[Any] = sorted(candidates.tolist(), key=lambda row: (-int(order[row]), keys[row].tobytes()))
        return ranked[:limit]
