"""Text that came out of a capture, made fit to be carried: bounded, printable, encodable.

Escaping for HTML or a terminal is the business of whoever writes there; this only takes away what no reader should ever
be sent: control characters (also of terminals), characters that turn the reading direction, and half surrogates, which
a file name may hold and UTF-8 cannot.
"""

from __future__ import annotations

MAX_LENGTH = 300
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def plain(text: str, limit: int = MAX_LENGTH) -> str:
    """The text with everything unprintable replaced, at most `limit` characters and then an ellipsis."""
    kept = text[:limit] if len(text) > limit else text
    if not kept.isprintable():
        kept = "".join(map(_printable, kept))
    return kept + "…" if len(text) > limit else kept


def _printable(character: str) -> str:
    import unicodedata  # noqa: PLC0415 - most captures hold nothing of the sort

    if character.isspace():
        return " "
    # C: control, format (bidirectional overrides among them), surrogate, private use, unassigned.
    return REPLACEMENT if unicodedata.category(character).startswith("C") else character
