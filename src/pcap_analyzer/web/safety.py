"""What every request passes and every answer carries, errors included; so it stands around the application.

A service on loopback has no door that keeps other pages in the same browser out. Two checks do: a request that changes
something must not come from another site, and the name asked for must be a loopback name, or a foreign name that was
made to point here (DNS rebinding) could read every report.
"""

import re

import msgspec
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from pcap_analyzer.jobs.refusals import Refused
from pcap_analyzer.web.policy import HEADERS, give_nonce, new_nonce, page_policy
from pcap_analyzer.web.problems import MEDIA_TYPE, CrossSite, WrongHost, problem_of

_LOOPBACK_NAME = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?", re.IGNORECASE)
_CHANGES_NOTHING = {"GET", "HEAD", "OPTIONS"}


class Safety:
    """Wraps the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        nonce = new_nonce()
        give_nonce(scope, nonce)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableScopeHeaders(message), nonce)
            await send(message)

        refusal = _refusal(scope["method"], Headers.from_scope(scope))
        if refusal is None:
            await self._app(scope, receive, send_safely)
        else:
            await _refuse(refusal, send_safely)


def _complete(headers: MutableScopeHeaders, nonce: str) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", page_policy(nonce))


def _refusal(method: str, headers: Headers) -> Refused | None:
    host = headers.get("host", "")
    if not _LOOPBACK_NAME.fullmatch(host):
        return WrongHost(f"the request was for {host!r}; this service answers to localhost, 127.0.0.1 and [::1]")
    if method in _CHANGES_NOTHING:
        return None
    # Browsers name the relation or, before 2023 in Safari, only the origin; programs send neither.
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site not in {None, "same-origin", "none"} or (site is None and origin not in {None, f"http://{host}"}):
        return CrossSite("a page of another site sent this; open this service's own page and send it from there")
    return None


async def _refuse(refusal: Refused, send: Send) -> None:
    problem = problem_of(refusal)
    body = msgspec.json.encode(problem)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
