"""How much later segments arrive than the earliest, by their sender's clock, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from tests.reference.tcp_measures_statistics import Statistics

MS = 1_000_000
LATE_MS, AROUND = 10, 1 << 32


def apart(one: int, other: int) -> int:
    """one - other, of numbers that wrap."""
    return (one - other + AROUND // 2) % AROUND - AROUND // 2


@dataclass
class Lateness:
    """ns; None without a reading that is late."""

    p50: int | None
    p95: int | None
    jump: int
    climb: int
    samples: int


def lateness(readings: Iterable[tuple[int, int]]) -> Lateness:
    """readings: (time of capture in ns, timestamp of the segment)."""
    kept = [(now // MS - tsval) % AROUND for now, tsval in readings]
    listed, least, origin = Statistics(), kept[0], None
    jump = max([0, *(apart(after, before) for before, after in pairwise(kept))])
    for number, reading in enumerate(kept):
        least = reading if apart(reading, least) < 0 else least
        if origin is None and apart(reading, least) >= LATE_MS:
            origin = least
            for _ in range(number):
                listed.add(0)
        if origin is not None:
            listed.add(max(apart(reading, origin), 0) * MS)
    if origin is None:
        return Lateness(None, None, 0, 0, 0)
    shift = apart(origin, least) * MS
    middle, most = listed.percentile(50), listed.percentile(95)
    assert middle is not None
    assert most is not None
    return Lateness(middle + shift, most + shift, jump * MS, apart(kept[-1], kept[0]) * MS, listed.samples)
