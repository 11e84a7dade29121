"""A filter's text as words, values and signs, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pcap_analyzer.errors import FilterError

MAX_LENGTH = 10_000  # characters


class Token(NamedTuple):
    """kind: value (a number, an address, a duration as written), word, text (quotes taken off), sign, end."""

    kind: str
    text: str
    position: int


# A value begins like a number or an address and goes on to the next space, comma or bracket.
PATTERN = re.compile(
    r"""(?P<space>\s+)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<value>-?[0-9][0-9a-zA-Z_.:/]*|::[0-9a-fA-F:./]*|[0-9a-fA-F]{1,4}:[0-9a-fA-F:./]+)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[<>=!&(),\[\]{}])""",
    re.VERBOSE,
)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a filter and one of the kind "end". Raises FilterError for what begins none of them."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH} characters", position=MAX_LENGTH)
    at = 0
    while at < len(text):
        found = PATTERN.match(text, at)
        if found is None:
            what = "a text without its second quote" if text[at] in "\"'" else repr(text[at])
            raise FilterError(f"{what} is not understood", position=at)
        kind = found.lastgroup or ""
        if kind == "text":
            yield Token("text", ESCAPED.sub(r"\1", found.group()[1:-1]), at)
        elif kind != "space":
            yield Token(kind, found.group(), at)
        at = found.end()
    yield Token("end", "", len(text))
