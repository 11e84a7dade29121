"""The scripts of a report, fit to stand between script tags, and the policy that allows exactly them."""

from __future__ import annotations

import importlib.util
import os
from functools import cache

import msgspec

from pcap_analyzer.export.kept import kept

STATIC = os.path.join(os.path.dirname(__file__), "static")
DIGEST_CHARACTERS = 44  # of SHA-256 in base64


class Script(msgspec.Struct, frozen=True):
    """text: UTF-8.  digest: its SHA-256 in base64, as policies name it."""

    text: memoryview
    digest: str


@cache
def theme_script() -> Script:
    """Sets the colours before anything is drawn."""
    return _script("theme", (_static("theme.js"),))


@cache
def page_script() -> Script:
    """Ours: tables, filters, the choice of time; it runs the one of the charts when the page can be read."""
    return _script("page", (_static("report.js"),))


@cache
def chart_script() -> Script:
    """Plotly's. Running it takes longer than all else on the page (measured: half a second), so it stands in the page
    as text and is run later.
    """
    return _script("charts", (plotly_path(),))


@cache
def plotly_path() -> str:
    """Plotly's script inside its Python package, found without importing that (it takes seconds)."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the Python package plotly is not installed, so the report has no chart script")
    return os.path.join(spec.submodule_search_locations[0], "package_data", "plotly.min.js")


def policy() -> str:
    """The Content-Security-Policy of a report: its own scripts, and no connection at all."""
    # Plotly sets styles on elements and makes one style sheet: styles may be inline, scripts may not but for these.
    digests = " ".join(f"'sha256-{script.digest}'" for script in (theme_script(), page_script(), chart_script()))
    return (
        f"default-src 'none'; script-src {digests}; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _script(name: str, sources: tuple[str, ...]) -> Script:
    # Measured: reading, escaping and hashing the 5 MB of the charts takes 17 ms of processor time.
    made = kept(name, sources, lambda: _made(sources))
    return Script(made[DIGEST_CHARACTERS:], made[:DIGEST_CHARACTERS].tobytes().decode())


def _made(sources: tuple[str, ...]) -> bytes:
    """The digest of the script, and the script."""
    import base64  # noqa: PLC0415
    import hashlib  # noqa: PLC0415

    texts = []
    for source in sources:
        with open(source, "rb") as file:
            texts.append(file.read())
    # Inside a script element only these could end or reopen it; in JavaScript both occur in strings only.
    script = b"\n".join(texts).replace(b"</script", b"<\\/script").replace(b"<!--", b"<\\!--")
    return base64.b64encode(hashlib.sha256(script).digest()) + script


def _static(name: str) -> str:
    return os.path.join(STATIC, name)
