"""What browsers are told they may do with our pages: Content-Security-Policy and its companions."""

import secrets
from typing import Any, cast

from litestar.types import Scope

from pcap_analyzer.web.access import Visitor

_NONCE = "csp_nonce"
_VISITOR = "visitor"

# Said with every answer that does not say otherwise.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with it a browser would send "Origin: null" with our own form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}

_NO_PAGE = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"


def new_nonce() -> str:
    """Good for one answer."""
    return secrets.token_urlsafe(18)


def nonce_of(scope: Scope) -> str:
    """The nonce of the answer to this request, which is a page of ours."""
    return str(cast("dict[str, Any]", scope).setdefault(_NONCE, new_nonce()))


def policy_of(scope: Scope) -> str:
    """For the answer to this request: that of pages where it is one, else nothing is allowed."""
    nonce = cast("dict[str, Any]", scope).get(_NONCE)
    return _NO_PAGE if nonce is None else page_policy(nonce)


def visitor_of(scope: Scope) -> Visitor:
    """Who sent this request; somebody without a session where nobody was asked."""
    visitor: Visitor = cast("dict[str, Any]", scope).get(_VISITOR, Visitor())
    return visitor


def give_visitor(scope: Scope, visitor: Visitor) -> None:
    """Say who sent this request."""
    cast("dict[str, Any]", scope)[_VISITOR] = visitor


def page_policy(nonce: str) -> str:
    """For our own pages: scripts by nonce, all else from here, the report in a frame; no text ever becomes HTML."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def drawing_policy(nonce: str) -> str:
    """For our own pages with graphs: Plotly sets styles on what it draws, and makes elements of its own markup."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def report_policy(nonce: str) -> str:
    """For a report, whose every string came from a capture: sandboxed into an origin of its own, nothing is fetched.

    Styles are inline, because the file must stand alone and Plotly sets them on what it draws.
    """
    return (
        "sandbox allow-scripts allow-downloads allow-popups; "
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
