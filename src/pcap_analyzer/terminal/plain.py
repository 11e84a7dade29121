"""Parts as plain lines, for pipes and files: a log is read in wide lines, and a table is as wide as it needs to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from pcap_analyzer.terminal.parts import Part, Remarks, Table, Words

WIDTH = 110  # of running text
GAP = 2  # columns between a label and its sentence
TABLE_GAP = 3
FIRST_COMBINING = "\u0300"  # before it every character takes one column


def write(parts: Iterable[Part], file: TextIO) -> None:
    """All parts, an empty line between two, in one piece."""
    file.write("\n\n".join("\n".join(_lines(part)) for part in parts) + "\n")


def _lines(part: Part) -> Iterator[str]:
    if isinstance(part, Words):
        for line in "".join(span.text for span in part.spans).split("\n"):
            yield from _wrapped(line)
    elif isinstance(part, Remarks):
        wide = max(columns_of(label.text) for label, _ in part.rows) + GAP
        for label, text in part.rows:
            yield from _wrapped(padded(label.text, wide) + text, hanging=wide)
    else:
        yield from _table_lines(part)


def _wrapped(line: str, hanging: int = 0) -> list[str]:
    """The line, or several where it is long; all but the first begin with `hanging` spaces."""
    if len(line) <= WIDTH:
        return [line]
    import textwrap  # noqa: PLC0415 - seldom needed, as is unicodedata

    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=" " * hanging,
        expand_tabs=False,
        replace_whitespace=False,
        break_on_hyphens=False,
    )


def _table_lines(table: Table) -> Iterator[str]:
    rows = [table.header, *table.rows]
    wide = [max(columns_of(row[place]) for row in rows if place < len(row)) for place in range(len(table.header))]
    for row in rows:
        name, *numbers = row
        cells = [padded(name, wide[0])]
        cells += [padded(number, places, right=True) for number, places in zip(numbers, wide[1:], strict=False)]
        yield (" " * TABLE_GAP).join(cells).rstrip()


def padded(text: str, wide: int, *, right: bool = False) -> str:
    spaces = " " * (wide - columns_of(text))
    return spaces + text if right else text + spaces


def columns_of(text: str) -> int:
    """How many columns a terminal gives to the text: two for a wide character, none for one that joins another."""
    if text.isascii() or max(text.replace("–", "-")) < FIRST_COMBINING:
        return len(text)
    import unicodedata  # noqa: PLC0415

    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "FW")
        for character in text
    )
