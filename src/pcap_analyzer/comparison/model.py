"""What a comparison finds: agreement per column, and the first frames that differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SHOWN = 5  # differing frames kept per column and reason


@dataclass(frozen=True)
class Difference:
    """One packet in which a column differs. reason: the name of a known difference, None: nobody has explained it."""

    frame_number: int
    ours: Any
    theirs: Any
    layers: str
    reason: str | None


@dataclass
class ColumnAgreement:
    """One column. compared: packets in which either side has a value."""

    name: str
    compared: int = 0
    equal: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    _shown: Counter[str | None] = field(default_factory=Counter)

    @property
    def different(self) -> int:
        """Packets that differ for no known reason."""
        return self.compared - self.equal - self.explained.total()

    @property
    def agreement(self) -> float:
        """Equal packets in percent of those compared; 100 where there was nothing to compare."""
        return 100 * self.equal / self.compared if self.compared else 100.0

    def differs(self, difference: Difference) -> None:
        """Count one difference, and keep it if it is among the first of its kind."""
        if difference.reason is not None:
            self.explained[difference.reason] += 1
        self._shown[difference.reason] += 1
        if self._shown[difference.reason] <= SHOWN:
            self.differences.append(difference)


@dataclass
class Unmatched:
    """Frames that one side alone has: how many, and the numbers of the first."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, frame_number: int) -> None:
        """Count one frame."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(frame_number)


@dataclass
class Comparison:
    """The outcome for one capture. packets: those that both sides have."""

    name: str
    packets: int = 0
    only_ours: Unmatched = field(default_factory=Unmatched)
    only_theirs: Unmatched = field(default_factory=Unmatched)
    columns: dict[str, ColumnAgreement] = field(default_factory=dict)
    message: str | None = None  # what tshark said on stderr, e.g. that the file was cut short

    @property
    def agrees(self) -> bool:
        """Same packets, and no difference without a known reason."""
        missing = self.only_ours.count + self.only_theirs.count
        return not missing and not any(one.different for one in self.columns.values())

    @property
    def exit_code(self) -> int:
        """0: every difference is explained; 1: there are others."""
        return 0 if self.agrees else 1
