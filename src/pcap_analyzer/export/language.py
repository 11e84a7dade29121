"""The languages that a report is written in, and what templates call in each.

English is what everything is written in and costs nothing: no catalog is read, and nothing here is compiled for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from pcap_analyzer.report import words

LANGUAGES = ("en", "fr")


def functions(language: str) -> dict[str, Callable[..., Any]]:
    """By name what templates call. Raises ValueError for a language that is not one of LANGUAGES."""
    if language not in LANGUAGES:
        raise ValueError(f"the language is {language!r}, expected one of {', '.join(LANGUAGES)}")
    if language == "en":
        return ENGLISH
    from pcap_analyzer.export.teller import functions_of  # noqa: PLC0415

    return functions_of(language)


def messages_of(language: str) -> Callable[[str], str]:
    """What a message of a template or script is in that language; itself where the catalog lacks it."""
    from pcap_analyzer.export.catalog import catalog  # noqa: PLC0415

    known = catalog(language).messages
    return lambda message: known.get(message, message)


def said(message: str, **values: Any) -> str:
    """A message with its places filled; templates in another language are translated already."""
    if not values:
        return message
    # As escape(message).format(**values) gives it; but that looks at every place for what none of ours has.
    return Markup(str(escape(message)).format(**{name: escape(value) for name, value in values.items()}))  # noqa: S704


WORDS = ("count", "size", "duration", "moment", "clock", "figure", "share", "share_of", "bit_rate", "packet_rate")
ENGLISH: dict[str, Callable[..., Any]] = {
    **{name: getattr(words, name) for name in (*WORDS, "plural", "socket")},
    "told": str,
    "unit": str,
    "_": said,
}
