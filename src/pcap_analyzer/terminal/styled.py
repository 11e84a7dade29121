"""Parts on a terminal: in colours, as wide as the window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich import table
from rich.console import Console, RenderableType
from rich.text import Text

from pcap_analyzer.terminal.parts import Part, Remarks, Table, Words


def write(parts: Iterable[Part], file: TextIO) -> None:
    """All parts, an empty line between two."""
    screen = Console(file=file, highlight=False, markup=False, emoji=False)
    for place, part in enumerate(parts):
        if place:
            screen.print()
        screen.print(_rendered(part))


def _rendered(part: Part) -> RenderableType:
    if isinstance(part, Words):
        return Text.assemble(*part.spans)
    if isinstance(part, Remarks):
        grid = table.Table.grid(padding=(0, 2))
        for label, text in part.rows:
            grid.add_row(Text(*label), Text(text))
        return grid
    return _table(part)


def _table(part: Table) -> table.Table:
    title, *columns = part.header
    made = table.Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    made.add_column(title, header_style="bold", no_wrap=True)
    for column in columns:
        made.add_column(column, justify="right", no_wrap=True)
    for row in part.rows:
        made.add_row(*map(Text, row))
    return made
