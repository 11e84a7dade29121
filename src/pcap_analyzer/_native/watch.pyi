"""Typed face of native/watch.pyx; what each member means stands there."""

from collections.abc import Sequence

from typing_extensions import Buffer

Step = tuple[int, int, int, int, int]
Folds = Sequence[tuple[int, int]]
Parts = Sequence[tuple[int, int]]

class Watcher:
    def __init__(
        self,
        itemsize: int,
        steps: Sequence[Step],
        tallies: Sequence[tuple[int, int, int, Folds]],
        groups: Sequence[tuple[int, Parts, Parts, int, int, int, Folds]],
        seed: bytes,
        still: Sequence[Parts] = (),
    ) -> None: ...
    def observer(self) -> object: ...
    def observe(self, rows: Buffer, likeness: int = 0) -> None: ...
    def tally(self, number: int) -> tuple[int, list[int], list[tuple[int, bytes]]]: ...
    def beyond(self, number: int) -> int: ...
    def group(
        self, number: int, at_least: Sequence[tuple[int, int]], order: int, most: int
    ) -> tuple[int, int, int, list[tuple[bytes, int, int, list[int], int, float, float]]]: ...
