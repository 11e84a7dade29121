"""The sign-in page: shows a token once, gets a session."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.datastructures import Cookie, Headers
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation
from litestar.response import Redirect

from pcap_analyzer.audit import note
from pcap_analyzer.web.access import COOKIE, SESSION_S, Guard, field_of
from pcap_analyzer.web.body import short_body
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.onward import HOME, own_path
from pcap_analyzer.web.policy import visitor_of
from pcap_analyzer.web.problems import TooManyTries
from pcap_analyzer.web.rendering import render

SIGN_IN = "/login"
_FORM_BYTES = 8192

TheGuard = NamedDependency[SkipValidation[Guard]]


@get(SIGN_IN)
async def sign_in_page(
    request: AnyRequest,
    guard: TheGuard,
    next: FromQuery[str] = HOME,  # noqa: A002 - its name in the address
) -> Response[bytes] | Redirect:
    """Where the token is asked for; leads on to `next`, a path of this service."""
    if guard.visitor(request.headers) is not None:
        return Redirect(_onward(next), status_code=303)
    return render("login.html", request.scope, next=_onward(next), wrong=False)


@post(SIGN_IN, request_max_body_size=None, status_code=303)
async def sign_in(request: AnyRequest, guard: TheGuard) -> Response[bytes] | Redirect:
    """Take the token of the form."""
    form = (await short_body(request.receive, _FORM_BYTES)).decode("utf-8", "replace")
    onward = _onward(field_of(form, "next"))
    address = request.client.host if request.client else ""
    wait_s = guard.wait_s(address)
    if wait_s:
        raise TooManyTries(f"too many wrong tokens came from your address; try again in {wait_s} s", wait_s)
    if not guard.opens(field_of(form, "token").strip()):
        guard.failed(address)
        note("access.wrong_token")
        return render("login.html", request.scope, status_code=401, next=onward, wrong=True)
    note("access.signed_in")
    answer = Redirect(onward, status_code=303)
    answer.set_cookie(_cookie(guard.new_session(), SESSION_S, request.headers, request.url.scheme))
    return answer


@post("/logout", status_code=303)
async def sign_out(request: AnyRequest, guard: TheGuard) -> Redirect:
    """End the session of this browser."""
    session = visitor_of(request.scope).session
    if session is not None:
        guard.end(session)
        note("access.signed_out")
    answer = Redirect(SIGN_IN, status_code=303)
    answer.set_cookie(_cookie("", 0, request.headers, request.url.scheme))
    return answer


def _cookie(value: str, seconds: int, headers: Headers, scheme: str) -> Cookie:
    # Behind an ingress that speaks TLS we only hear of it; who lies about it merely loses the cookie on plain HTTP.
    secure = "https" in {scheme, headers.get("x-forwarded-proto", "").lower()}
    return Cookie(COOKIE, value=value, path="/", max_age=seconds, httponly=True, samesite="strict", secure=secure)


def _onward(text: str) -> str:
    """A path of this service that is not the sign-in page again."""
    return HOME if text.startswith(SIGN_IN) else own_path(text)


ROUTES = [sign_in_page, sign_in, sign_out]
