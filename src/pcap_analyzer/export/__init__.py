"""Report to bytes: one module a format, one line each in EXPORTERS; command line, routes and media types follow.

Importing this costs little more than msgspec: no exporter needs a template engine. `templates/` and `static/` are what
the HTML is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pcap_analyzer.export import html, json
from pcap_analyzer.report.model import Report

__all__ = ["EXPORTERS", "Exporter"]


class Exporter(NamedTuple):
    """One format that a report can be written in."""

    suffix: str
    media_type: str
    pieces: Callable[[Report], Sequence[bytes | memoryview]]
    """The file in pieces, to be written one behind the other."""


EXPORTERS: dict[str, Exporter] = {
    "html": Exporter(".html", "text/html; charset=utf-8", html.pieces),
    "json": Exporter(".json", "application/json", lambda report: (json.encode(report),)),
}
