"""Sums and a logarithmic histogram: percentiles at most 2 % off, integers alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

OCTAVE_BITS = 5  # 32 buckets an octave


def bucket(value: int) -> int:
    """The bucket's number; values below 32 have one each."""
    if value < 1 << OCTAVE_BITS:
        return value
    shift = value.bit_length() - 1 - OCTAVE_BITS
    return (shift << OCTAVE_BITS) + (value >> shift)


def middle(number: int) -> int:
    """The value that stands for a bucket."""
    if number < 2 << OCTAVE_BITS:
        return number
    shift = (number >> OCTAVE_BITS) - 1
    return ((number - (shift << OCTAVE_BITS)) << shift) + (1 << shift) // 2


@dataclass(slots=True)
class Statistics:
    """Times in ns."""

    samples: int = 0
    total: int = 0
    least: int = 0
    most: int = 0
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, value: int) -> None:
        self.least = min(self.least, value) if self.samples else value
        self.most = max(self.most, value)
        self.samples += 1
        self.total += value
        self.buckets[bucket(value)] += 1

    def percentile(self, percent: int) -> int | None:
        """By nearest rank; None without a sample."""
        rank = -(-self.samples * percent // 100)
        for number in sorted(self.buckets):
            rank -= self.buckets[number]
            if rank <= 0:
                return min(max(middle(number), self.least), self.most)
        return None
