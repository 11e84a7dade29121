"""How often somebody may ask, whoever it is: a bucket of requests that fills at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

_MAX_COUNTED = 10_000  # buckets remembered: whoever has more addresses is not stopped by counting them
_TOLD_EVERY_S = 60.0


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    told_at: float = float("-inf")


class Rates:
    """`a_minute` requests of each name, all of them at once at most; 0: as many as anybody likes."""

    def __init__(self, a_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = float(a_minute)
        self._per_s = a_minute / 60
        self._now = now
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, name: str) -> float:
        """How long `name` has to wait before it may ask; 0: not at all, and this request is counted."""
        if not self._most:
            return 0.0
        now = self._now()
        # Out and in again: the dictionary is in the order of last use.
        bucket = self._buckets.pop(name, None) or _Bucket(self._most, now)
        while len(self._buckets) >= _MAX_COUNTED:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[name] = bucket
        bucket.left = min(self._most, bucket.left + (now - bucket.at) * self._per_s)
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / self._per_s
        bucket.left -= 1
        return 0.0

    def is_news(self, name: str) -> bool:
        """Whether it was not said in the last minute that `name` has to wait; from now on it was."""
        bucket = self._buckets.get(name)
        if bucket is None or self._now() - bucket.told_at < _TOLD_EVERY_S:
            return False
        bucket.told_at = self._now()
        return True
