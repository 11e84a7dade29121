"""Report to bytes: one module a format, one line each in EXPORTERS; command line, routes and media types follow.

Importing this costs little more than msgspec: no exporter needs a template engine. `templates/` and `static/` are what
the HTML is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pcap_analyzer.export import html, json
from pcap_analyzer.export.language import LANGUAGES
from pcap_analyzer.report.model import Report

__all__ = ["EXPORTERS", "LANGUAGES", "Exporter"]


class Exporter(NamedTuple):
    """One format that a report can be written in."""

    suffix: str
    media_type: str
    pieces: Callable[[Report, str], Sequence[bytes | memoryview]]
    """The file in pieces, to be written one behind the other; the language is one of LANGUAGES."""


EXPORTERS: dict[str, Exporter] = {
    "html": Exporter(
        ".html", "text/html; charset=utf-8", lambda report, language: html.pieces(report, language=language)
    ),
    "json": Exporter(".json", "application/json", lambda report, _: (json.encode(report),)),
}
