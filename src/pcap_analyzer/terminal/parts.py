"""What is to be said, before anybody decides how it looks: words, remarks and tables."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Span(NamedTuple):
    """Text in one style, which has the name that rich gives it; "" for none."""

    text: str
    style: str = ""


class Words(msgspec.Struct, frozen=True):
    """Running text; a line ends where a span says so."""

    spans: list[Span]


class Remarks(msgspec.Struct, frozen=True):
    """Sentences behind labels, which stand in a column of their own."""

    rows: list[tuple[Span, str]]


class Table(msgspec.Struct, frozen=True):
    """Rows of cells: names on the left, numbers on the right. header: the title stands over the names."""

    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


Part = Words | Remarks | Table
