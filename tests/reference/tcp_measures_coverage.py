"""Which payload bytes of one direction were captured, as the highest end and the holes below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

HOLES = 1_000  # beyond it the lowest is given up


@dataclass(slots=True)
class Hole:
    """Bytes that were passed over. opened_ns, tsval: of the segment that came behind them."""

    begin: int
    end: int
    opened_ns: int
    tsval: int | None


class Found(NamedTuple):
    """What a segment brought: bytes seen before, bytes never seen, those of them that lay in holes, the first hole."""

    seen: int
    new: int
    filled: int
    hole: Hole | None


@dataclass(slots=True)
class Coverage:
    """Positions are 64-bit, so that the sequence numbers may wrap."""

    begin: int
    high: int
    holes: list[Hole] = field(default_factory=list)
    given_up: int = 0

    def add(self, begin: int, end: int, ns: int, tsval: int | None) -> Found:
        """Cover [begin, end); a hole opens where the segment does not join."""
        hole, filled = self._fill(begin, min(end, self.high))
        if begin < self.begin:
            filled += self._extend_down(begin, end, ns, tsval)
        appended = max(0, end - max(begin, self.high))
        self.jump(begin, ns, tsval)
        self.high = max(self.high, end)
        return Found(end - begin - filled - appended, filled + appended, filled, hole)

    def jump(self, begin: int, ns: int, tsval: int | None) -> None:
        """Something stands at `begin`: all between it and the highest end was sent, and is missing."""
        if begin > self.high:
            self.holes.append(Hole(self.high, begin, ns, tsval))
            self.high = begin
            self._bound()

    def restart(self, at: int) -> None:
        """Begin anew somewhere else; what was missing stays missing."""
        self.given_up += sum(hole.end - hole.begin for hole in self.holes)
        self.holes.clear()
        self.begin = self.high = at

    def missing(self, below: int | None = None) -> int:
        """Bytes never captured; `below` a position, those alone that can still be named."""
        if below is None:
            return self.given_up + sum(hole.end - hole.begin for hole in self.holes)
        return sum(max(0, min(hole.end, below) - hole.begin) for hole in self.holes)

    def _fill(self, begin: int, end: int) -> tuple[Hole | None, int]:
        first, filled, kept = None, 0, []
        for hole in self.holes:
            low, high = max(begin, hole.begin), min(end, hole.end)
            if low >= high:
                kept.append(hole)
                continue
            first = first or Hole(hole.begin, hole.end, hole.opened_ns, hole.tsval)
            filled += high - low
            if hole.begin < low:
                kept.append(Hole(hole.begin, low, hole.opened_ns, hole.tsval))
            if high < hole.end:
                kept.append(Hole(high, hole.end, hole.opened_ns, hole.tsval))
        self.holes = kept
        self._bound()
        return first, filled

    def _extend_down(self, begin: int, end: int, ns: int, tsval: int | None) -> int:
        """Bytes from before the first that was captured: new, and what lies between is missing."""
        brought = min(end, self.begin) - begin
        if end < self.begin:
            self.holes.insert(0, Hole(end, self.begin, ns, tsval))
        self.begin = begin
        self._bound()
        return brought

    def _bound(self) -> None:
        while len(self.holes) > HOLES:
            lowest = self.holes.pop(0)
            self.given_up += lowest.end - lowest.begin
