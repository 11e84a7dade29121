"""What every request passes and every answer carries, errors included; so it stands around the application.

Everything but health and the sign-in page asks for the token where there is one (access.py). A service on loopback
without one has no door that keeps other pages in the same browser out. Two checks do: a request that changes something
must not come from another site, and the name asked for must be a loopback name, or a foreign name that was made to
point here (DNS rebinding) could read every report.
"""

import re
from math import ceil
from urllib.parse import quote

import msgspec
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from pcap_analyzer.audit import AuditLog, note, noting
from pcap_analyzer.jobs.refusals import Refused
from pcap_analyzer.web.access import COOKIE, Guard, Visitor, bearer, knows_csrf
from pcap_analyzer.web.cookies import cookie_of
from pcap_analyzer.web.language import LANGUAGE
from pcap_analyzer.web.noted import note_refusal, origin_of
from pcap_analyzer.web.policy import HEADERS, give_visitor, policy_of
from pcap_analyzer.web.problems import (
    MEDIA_TYPE,
    CrossSite,
    NotSignedIn,
    SessionEnded,
    TooManyRequests,
    TooManyTries,
    WrongBearer,
    WrongCsrf,
    WrongHost,
    headers_of,
    in_words_of,
    problem_of,
)
from pcap_analyzer.web.rates import Rates

_LOOPBACK_NAME = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?", re.IGNORECASE)
_CHANGES_NOTHING = {"GET", "HEAD", "OPTIONS"}
_HEALTH = "/api/health"
_SIGN_IN = "/login"
_OF_EVERY_PAGE = {"/static/page.css", "/static/pages.css", "/static/page.js", "/static/icon.svg"}
# What somebody may have who has not signed in: probes, and the sign-in page with what it is made of.
_PUBLIC = {_HEALTH, _SIGN_IN, LANGUAGE} | _OF_EVERY_PAGE


class Safety:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, guard: Guard, audit: AuditLog, rates: Rates) -> None:
        self._app = app
        self._guard = guard
        self._audit = audit
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableScopeHeaders(message), policy_of(scope))
            await send(message)

        visitor: Visitor | None = None
        try:
            self._count(scope, scope["client"][0] if scope["client"] else "")
            visitor = self._let_in(scope, Headers.from_scope(scope))
            if visitor is not None and visitor.session is not None:
                self._count(scope, visitor.session)
        except Refused as refusal:
            with noting(self._audit, origin_of(scope, self._guard, visitor)):
                await _refuse(refusal, scope, send_safely)
            return
        give_visitor(scope, visitor or Visitor())
        with noting(self._audit, origin_of(scope, self._guard, visitor)):
            await self._app(scope, receive, send_safely)

    def _count(self, scope: HTTPScope, name: str) -> None:
        """Raise TooManyRequests where an address or a session asks too often. Probes are never slowed down."""
        if scope["path"] == _HEALTH or not (wait_s := self._rates.wait_s(name)):
            return
        if self._rates.is_news(name):
            with noting(self._audit, origin_of(scope, self._guard, None)):
                note("limit.requests")
        raise TooManyRequests(
            f"more requests come from you than this service answers in a minute; try again in {ceil(wait_s)} s",
            wait_s,
        )

    def _let_in(self, scope: HTTPScope, headers: Headers) -> Visitor | None:
        """Who comes; None for a stranger to what is public. Raises Refused for whoever may not come, or not so."""
        method, path, host = scope["method"], scope["path"], headers.get("host", "")
        if not self._guard.any_host and path != _HEALTH and not _LOOPBACK_NAME.fullmatch(host):
            raise WrongHost(f"the request was for {host!r}; this service answers to localhost, 127.0.0.1 and [::1]")
        if method not in _CHANGES_NOTHING and _is_from_elsewhere(headers, host):
            raise CrossSite("a page of another site sent this; open this service's own page and send it from there")
        # Who asks for health is never asked for anything, nor slowed down.
        visitor = None if path == _HEALTH else self._asked(scope, headers)
        if visitor is None:
            if path in _PUBLIC:
                return None
            raise _not_signed_in(headers)
        free = method in _CHANGES_NOTHING or path == _SIGN_IN
        if not free and not knows_csrf(visitor, headers, scope["query_string"].decode("latin-1")):
            raise WrongCsrf("the page that sent this is of an earlier session; load it again")
        return visitor

    def _asked(self, scope: HTTPScope, headers: Headers) -> Visitor | None:
        """Who shows what; guessing tokens is slowed down by address."""
        guesses = self._guard.required and bearer(headers) is not None
        address = scope["client"][0] if scope["client"] else ""
        if guesses and (wait_s := self._guard.wait_s(address)):
            raise TooManyTries(f"too many wrong tokens came from your address; try again in {wait_s} s", wait_s)
        visitor = self._guard.visitor(headers)
        if guesses and visitor is None:
            self._guard.failed(address)
        return visitor


def _not_signed_in(headers: Headers) -> NotSignedIn:
    how = "show the token as `Authorization: Bearer …`, or sign in with a browser at /login"
    if bearer(headers) is not None:
        return WrongBearer(f"the token that was shown is not that of this service; {how}")
    if cookie_of(headers, COOKIE) is not None:
        return SessionEnded(f"the session has ended; {how}")
    return NotSignedIn(how)


def _complete(headers: MutableScopeHeaders, policy: str) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", policy)


def _is_from_elsewhere(headers: Headers, host: str) -> bool:
    """Whether a page of another site sent this. Browsers name the relation or, before 2023 in Safari, only the origin;
    programs send neither.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    ours = {None, f"http://{host}", f"https://{host}"}
    return site not in {None, "same-origin", "none"} or (site is None and origin not in ours)


async def _refuse(refusal: Refused, scope: HTTPScope, send: Send) -> None:
    problem = problem_of(refusal)
    note_refusal(refusal, problem, scope["path"])
    problem = in_words_of(problem, Headers.from_scope(scope))
    body = msgspec.json.encode(problem)
    told = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **headers_of(problem, refusal)}
    status = problem.status
    if isinstance(refusal, NotSignedIn) and scope["method"] == "GET" and _shows_pages(scope):
        query = scope["query_string"].decode("latin-1")
        told["location"] = f"{_SIGN_IN}?next={quote(scope['path'] + ('?' + query if query else ''), safe='/')}"
        status = 303
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _shows_pages(scope: HTTPScope) -> bool:
    """Whether a browser is going to show the answer."""
    return "text/html" in Headers.from_scope(scope).get("accept", "")
