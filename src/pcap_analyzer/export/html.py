"""The report as one HTML file that opens offline: styles, data and Plotly's script inside it, nothing from a network.

Everything in a report may come from a hostile capture. Templates escape by default, the data block is JSON in which no
character can end the block, and the scripts use textContent only. The page's own policy allows exactly the scripts that
it carries (by hash) and no connection at all, so that even a mistake here could not send anything anywhere.

A server adds its own policy beside that one, with a nonce if it likes.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import msgspec

from pcap_analyzer.export import templates
from pcap_analyzer.export.charts import chart_data, coarser, retransmissions, throughput
from pcap_analyzer.export.diagnosis import SHOWN_FIRST, findings_shown, overview
from pcap_analyzer.export.language import messages_of
from pcap_analyzer.export.scripts import STATIC, chart_script, page_script, policy, theme_script
from pcap_analyzer.report.definitions import DEFINITIONS
from pcap_analyzer.report.model import Report, Series

# Cannot come out of a report: escaping turns "<" into an entity, and the data block writes it as \u003c.
SCRIPTS_HERE = "<!--scripts-->"
CHARTS_LATER = b'<script type="text/plain" id="charts-code">'


def render(report: Report, *, nonce: str | None = None, language: str = "en") -> bytes:
    """The whole page. nonce: for a server whose Content-Security-Policy asks for one on every script."""
    return b"".join(pieces(report, nonce=nonce, language=language))


def pieces(report: Report, *, nonce: str | None = None, language: str = "en") -> tuple[bytes | memoryview, ...]:
    """The same in pieces, of which the largest, the script of the charts, need not be copied to be written."""
    values = {
        **_context(report, language),
        "styles": styles(),
        "policy": policy(),
        "theme_script": str(theme_script().text, "utf-8"),
        "nonce": nonce,
        "scripts_here": SCRIPTS_HERE,
    }
    page = templates.render("report/page.html", values, language)
    head, tail = page.encode().split(SCRIPTS_HERE.encode())
    tag = f'<script nonce="{_attribute(nonce)}">'.encode() if nonce else b"<script>"
    later = (CHARTS_LATER, chart_script().text, b"</script>\n")
    return head, *later, tag, page_script().text, b"</script>", tail


def prepare(language: str = "en") -> None:
    """Load what every page is made of, so that rendering the first one finds it there."""
    templates.load(language)
    styles()
    policy()


def data_block(report: Report, series: Series, language: str = "en") -> str:
    """What the charts are drawn from, as JSON that may stand inside <script type="application/json">."""
    text = msgspec.json.encode(chart_data(report, series) | {"words": script_words(language)}).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def script_words(language: str) -> dict[str, str]:
    """What the script says in another language than its own."""
    if language == "en":
        return {}
    from pcap_analyzer.export.messages import said_in_script  # noqa: PLC0415

    translate = messages_of(language)
    with open(os.path.join(STATIC, "report.js"), encoding="utf-8") as file:
        return {message: translate(message) for message in said_in_script(file.read())}


@cache
def styles() -> str:
    """The style sheets, as one."""
    texts = []
    for name in ("page.css", "report.css"):
        with open(os.path.join(STATIC, name), encoding="utf-8") as file:
            texts.append(file.read())
    return "\n".join(texts)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _context(report: Report, language: str) -> dict[str, Any]:
    series = coarser(report.intervals, report.capture.packets)
    return {
        "report": report,
        "definitions": DEFINITIONS,
        "data": data_block(report, series, language),
        "worst": report.quality.remarks[0].level if report.quality.remarks else "good",
        "throughput": throughput(series),
        "findings": findings_shown(report),
        "first_findings": SHOWN_FIRST,
        "overview": None if series.silences else overview(report, series.bytes, series.start_ns, series.width_ns),
        "retransmissions": retransmissions(series),
    }
