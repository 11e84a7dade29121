"""The report as one HTML file that opens offline: styles, data and Plotly's script inside it, nothing from a network.

Everything in a report may come from a hostile capture. Templates escape by default, the data block is JSON in which no
character can end the block, and the scripts use textContent only. The page's own policy allows exactly the scripts that
it carries (by hash) and no connection at all, so that even a mistake here could not send anything anywhere.

A server adds its own policy beside that one, with a nonce if it likes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from pcap_analyzer.export.charts import chart_data, coarser, retransmissions, throughput
from pcap_analyzer.report.definitions import DEFINITIONS
from pcap_analyzer.report.model import Report, Series

STATIC = Path(__file__).parent / "static"
# Cannot come out of a report: escaping turns "<" into an entity, and the data block writes it as \u003c.
SCRIPTS_HERE = "<!--scripts-->"


def render(report: Report, *, nonce: str | None = None) -> bytes:
    """The whole page. nonce: for a server whose Content-Security-Policy asks for one on every script."""
    # Imported late: a command that writes only JSON does not wait for the template engine.
    from pcap_analyzer.export.environment import environment  # noqa: PLC0415

    template = environment().get_template("report/page.html")
    page = template.render(
        _context(report),
        styles=styles(),
        policy=_policy(_theme_script(), _chart_script()),
        theme_script=_theme_script().decode(),
        nonce=nonce,
        scripts_here=SCRIPTS_HERE,
    )
    head, tail = page.encode().split(SCRIPTS_HERE.encode())
    tag = f'<script nonce="{_attribute(nonce)}">'.encode() if nonce else b"<script>"
    return b"".join((head, tag, _chart_script(), b"</script>", tail))


def prepare() -> None:
    """Read and compile what every page is made of, so that rendering the first one finds it there."""
    from pcap_analyzer.export.environment import environment  # noqa: PLC0415

    for name in environment().list_templates(filter_func=lambda name: name.startswith("report/")):
        environment().get_template(name)
    styles()
    _policy(_theme_script(), _chart_script())


def data_block(report: Report, series: Series) -> str:
    """What the charts are drawn from, as JSON that may stand inside <script type="application/json">."""
    text = msgspec.json.encode(chart_data(report, series)).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def styles() -> str:
    """The style sheets, as one."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ("page.css", "report.css"))


@cache
def plotly_path() -> Path:
    """Plotly's script inside its Python package, found without importing that (it takes seconds)."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the Python package plotly is not installed, so the report has no chart script")
    return Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"


@cache
def plotly_script() -> bytes:
    """Plotly's script, fit to stand between script tags."""
    # Inside a script element only these could end or reopen it; in JavaScript both occur in strings only.
    return plotly_path().read_bytes().replace(b"</script", b"<\\/script").replace(b"<!--", b"<\\!--")


@cache
def _theme_script() -> bytes:
    return (STATIC / "theme.js").read_bytes()


@cache
def _chart_script() -> bytes:
    return plotly_script() + b"\n" + (STATIC / "report.js").read_bytes()


@cache
def _policy(*scripts: bytes) -> str:
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    # Plotly sets styles on elements and makes one style sheet: styles may be inline, scripts may not but for these.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _context(report: Report) -> dict[str, Any]:
    series = coarser(report.intervals, report.capture.packets)
    return {
        "report": report,
        "definitions": DEFINITIONS,
        "data": data_block(report, series),
        "worst": report.quality.remarks[0].level if report.quality.remarks else "good",
        "throughput": throughput(series),
        "retransmissions": retransmissions(series),
    }
