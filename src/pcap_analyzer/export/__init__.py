"""Report to bytes: one module a format, one line each in EXPORTERS; command line, routes and media types follow.

Importing this costs little more than msgspec: a format is imported when something is written in it. `templates/` and
`static/` are what the HTML is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType

import msgspec

from pcap_analyzer.export.language import LANGUAGES
from pcap_analyzer.report.model import Report

__all__ = ["EXPORTERS", "LANGUAGES", "Exporter"]


def __getattr__(name: str) -> ModuleType:
    """`export.html` and `export.json`, imported when somebody asks: tables do not need them."""
    if name in ("html", "json"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Exporter(msgspec.Struct, frozen=True):
    """One format that a report can be written in."""

    suffix: str
    media_type: str
    pieces: Callable[[Report, str], Sequence[bytes | memoryview]]
    """The file in pieces, to be written one behind the other; the language is one of LANGUAGES."""


def _html(report: Report, language: str) -> Sequence[bytes | memoryview]:
    from pcap_analyzer.export import html  # noqa: PLC0415 - tables do not need it

    return html.pieces(report, language=language)


def _json(report: Report, _: str) -> Sequence[bytes | memoryview]:
    from pcap_analyzer.export import json  # noqa: PLC0415

    return (json.encode(report),)


EXPORTERS: dict[str, Exporter] = {
    "html": Exporter(".html", "text/html; charset=utf-8", _html),
    "json": Exporter(".json", "application/json", _json),
}
