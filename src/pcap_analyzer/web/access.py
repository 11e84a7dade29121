"""Who may come in: whoever shows the token, in a header or through the session that the sign-in page gave for it.

A session is a cookie that this service signed, and nothing is kept of it: it outlives a restart, and a new token ends
all of them. Signing out is remembered until the session would have ended anyway, and forgotten by a restart.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs

from litestar.datastructures import Headers

from pcap_analyzer.web.cookies import cookie_of

COOKIE = "pcap_analyzer_session"
SESSION_S = 12 * 3600
FAILURES_A_MINUTE = 20
CSRF_HEADER = "X-CSRF-Token"

_MAX_FIELDS = 100
_WINDOW_S = 60.0
_MAX_COUNTED = 10_000  # addresses and sessions remembered: whoever has more addresses is not stopped by counting them


class Visitor(NamedTuple):
    """Somebody who may come in. session: of a browser; None for a program, and where nobody is asked.

    csrf: what a page of ours knows of the session and no other page can; "" without a session.
    """

    session: str | None = None
    csrf: str = ""


class Guard:
    """The door. token: what opens it; None where it stands open.

    any_host: whether the service answers to every name. A name that was made to point here (DNS rebinding) can read
    nothing where the token is asked for; an open door on loopback answers to loopback names only.
    """

    def __init__(self, token: str | None, *, any_host: bool = False, now: Callable[[], float] = time.time) -> None:
        self.required = token is not None
        self.any_host = any_host or self.required
        self._token = (token or "").encode()
        self._now = now
        self._key = hashlib.sha256(b"pcap-analyzer session\0" + self._token).digest()
        self._failures: dict[str, list[float]] = {}
        self._ended: dict[str, float] = {}

    def visitor(self, headers: Headers) -> Visitor | None:
        """Who comes with these headers; None for somebody who has to sign in first."""
        if not self.required:
            return Visitor()
        shown = bearer(headers)
        if shown is not None:
            return Visitor() if self.opens(shown) else None
        session = cookie_of(headers, COOKIE)
        return None if session is None or not self._valid(session) else Visitor(session, self._csrf(session))

    def opens(self, shown: str) -> bool:
        """Whether this is the token; takes as long for a wrong one, however much of it is right."""
        return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), self._token)

    def new_session(self) -> str:
        """The value of the cookie for somebody who showed the token."""
        content = f"{int(self._now()) + SESSION_S}.{secrets.token_urlsafe(18)}"
        return f"{content}.{self._sign('session', content)}"

    def end(self, session: str) -> None:
        """Sign out."""
        _make_room(self._ended)
        self._ended[session] = self._now() + SESSION_S

    def failed(self, address: str) -> None:
        """Somebody at this address showed a wrong token."""
        if address not in self._failures:
            _make_room(self._failures)
        self._failures.setdefault(address, []).append(self._now())

    def wait_s(self, address: str) -> int:
        """How long this address has to wait before its next try; 0: not at all."""
        since = self._now() - _WINDOW_S
        recent = [when for when in self._failures.pop(address, []) if when > since]
        if recent:
            self._failures[address] = recent[-FAILURES_A_MINUTE:]
        return 0 if len(recent) < FAILURES_A_MINUTE else max(1, round(recent[-FAILURES_A_MINUTE] - since))

    def _valid(self, session: str) -> bool:
        content, _, signature = session.rpartition(".")
        # The signature first: what it covers is our own, and so of our own form.
        if not hmac.compare_digest(signature.encode(), self._sign("session", content).encode()):
            return False
        return int(content.partition(".")[0]) > self._now() and session not in self._ended

    def _csrf(self, session: str) -> str:
        return self._sign("csrf", session)

    def _sign(self, purpose: str, content: str) -> str:
        digest = hmac.digest(self._key, f"{purpose}\0{content}".encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def bearer(headers: Headers) -> str | None:
    """The token of the header Authorization, RFC 6750 section 2.1; None without one."""
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else None


def knows_csrf(visitor: Visitor, headers: Headers, query: str) -> bool:
    """Whether a request that changes something came from a page of ours. Programs with a token are no browsers.

    query: of the address, where a form without scripts has it, because a capture follows in the body.
    """
    if visitor.session is None:
        return True
    given = headers.get(CSRF_HEADER) or field_of(query, "csrf")
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), visitor.csrf.encode())


def field_of(form: str, name: str) -> str:
    """A field of a query or of a form in the same encoding; "" where it is not there or the form is none."""
    try:
        return parse_qs(form, max_num_fields=_MAX_FIELDS).get(name, [""])[0]
    except ValueError:
        return ""


def _make_room(kept: dict[str, float] | dict[str, list[float]]) -> None:
    """Drop the oldest where too many are remembered."""
    while len(kept) >= _MAX_COUNTED:
        del kept[next(iter(kept))]
