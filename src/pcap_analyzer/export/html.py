"""The report as one HTML file that opens offline: styles, data and Plotly's script inside it, nothing from a network.

Everything in a report may come from a hostile capture. Templates escape by default, the data block is JSON in which no
character can end the block, and the scripts use textContent only. The page's own policy allows exactly the scripts that
it carries (by hash) and no connection at all, so that even a mistake here could not send anything anywhere.

The service renders the same sections into its own pages: `environment()`, `body()`, `data_block()`, STATIC.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pcap_analyzer.report import words
from pcap_analyzer.report.definitions import DEFINITIONS
from pcap_analyzer.report.model import Report

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"
TIMELINE_FLOWS = 30
# Cannot come out of a report: escaping turns "<" into an entity, and the data block writes it as \u003c.
SCRIPTS_HERE = "<!--scripts-->"


def render(report: Report, *, nonce: str | None = None) -> bytes:
    """The whole page. nonce: for a server whose Content-Security-Policy asks for one on every script."""
    scripts = [_script("theme.js"), plotly_script() + b"\n" + _script("report.js")]
    page = (
        environment()
        .get_template("report/page.html")
        .render(
            _context(report),
            styles=styles(),
            policy=_policy(_hash("theme.js"), _hash("report.js")),
            theme_script=_script("theme.js").decode(),
            nonce=nonce,
            scripts_here=SCRIPTS_HERE,
        )
    )
    head, tail = page.encode().split(SCRIPTS_HERE.encode())
    tag = f'<script nonce="{_attribute(nonce)}">'.encode() if nonce else b"<script>"
    return b"".join((head, tag, scripts[1], b"</script>", tail))


def body(report: Report) -> str:
    """The report's sections alone, for a page of the service; add data_block(), styles and scripts there."""
    return environment().get_template("report/body.html").render(_context(report))


def data_block(report: Report) -> str:
    """What the charts are drawn from, as JSON that may stand inside <script type="application/json">."""
    data = {
        "intervals": report.intervals,
        "protocols": report.protocols.rows,
        "flows": report.flows.top[:TIMELINE_FLOWS],
        "handshakes": {"network": report.tcp.handshake_network, "client": report.tcp.handshake_client},
    }
    text = msgspec.json.encode(data).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def environment() -> Environment:
    """Templates with escaping on, an error for an unknown name, and the words for numbers as filters."""
    # Imported here: jinja2 takes as long to import as a small capture to analyse.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    for word in (words.count, words.size, words.duration, words.moment, words.plural):
        made.filters[word.__name__] = word
    for word in (words.share, words.socket, words.bit_rate, words.packet_rate):
        made.globals[word.__name__] = word
    return made


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
def _script(name: str) -> bytes:
    return (STATIC / name).read_bytes()


@cache
def _hash(name: str) -> str:
    """The hash of a script element's text, as Content-Security-Policy wants it."""
    text = plotly_script() + b"\n" + _script(name) if name == "report.js" else _script(name)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def _policy(*hashes: str) -> str:
    # Plotly sets styles on elements and makes one style sheet: styles may be inline, scripts may not but for these.
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _context(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "definitions": DEFINITIONS,
        "data": data_block(report),
        "worst": report.quality.remarks[0].level if report.quality.remarks else "good",
        "throughput": _throughput(report),
    }


def _throughput(report: Report) -> dict[str, int] | None:
    """The busiest bucket; None where there are no buckets to speak of."""
    series = report.intervals
    if len(series.bytes) < 2 or series.width_ns <= 0:
        return None
    busiest = max(range(len(series.bytes)), key=series.bytes.__getitem__)
    return {
        "peak_bytes": series.bytes[busiest],
        "peak_at_ns": series.start_ns + busiest * series.width_ns,
        "peak_packets": max(series.packets),
    }
