"""Rows of any table on a terminal: side by side where they fit, else each value in a line of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from pcap_analyzer.report.text import plain
from pcap_analyzer.terminal.plain import columns_of, padded

GAP = "  "
NOTHING = "NULL"
MAX_CELL = 200  # characters


def write_rows(
    names: Sequence[str], rows: Sequence[Sequence[str | None]], *, right: Sequence[bool], width: int, file: TextIO
) -> None:
    """The rows under the names of their columns. right: columns of numbers.  width: columns of the terminal."""
    cells = [[NOTHING if value is None else plain(value, MAX_CELL) for value in row] for row in rows]
    titles = [plain(name, MAX_CELL) for name in names]
    wide = [max(columns_of(text) for text in column) for column in zip(titles, *cells, strict=True)]
    if sum(wide) + len(GAP) * (len(wide) - 1) <= width:
        file.writelines(_table(titles, cells, wide, right))
    else:
        file.writelines(_records(titles, cells))


def _table(titles: list[str], cells: list[list[str]], wide: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    rule = ["-" * places for places in wide]
    for row in (titles, rule, *cells):
        parts = [padded(text, places, right=at_right) for text, places, at_right in zip(row, wide, right, strict=True)]
        yield GAP.join(parts).rstrip() + "\n"


def _records(titles: list[str], cells: list[list[str]]) -> Iterator[str]:
    wide = max(map(columns_of, titles))
    for number, row in enumerate(cells, 1):
        yield f"--- row {number}\n"
        for title, text in zip(titles, row, strict=True):
            yield f"{padded(title, wide)}{GAP}{text}\n"
