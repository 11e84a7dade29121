"""Pages from jinja2 templates: everything is escaped, and a name that is not given is an error, not an empty place."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.types import Scope

from pcap_analyzer import __version__
from pcap_analyzer.web.policy import nonce_of, visitor_of


def size_in_words(size_bytes: int) -> str:
    """Bytes in the largest unit that leaves a number of at least one: "1.4 GB"."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


_environment = Environment(
    loader=PackageLoader("pcap_analyzer.web", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["size"] = size_in_words
_environment.globals["version"] = __version__


def render(template: str, scope: Scope, status_code: int = 200, **values: Any) -> Response[bytes]:
    """A page; `values` are what the template may name, beside `nonce` for its scripts and `csrf` for what they send."""
    page = _environment.get_template(template).render(values, nonce=nonce_of(scope), csrf=visitor_of(scope).csrf)
    return Response(page.encode(), media_type="text/html", status_code=status_code)
