"""Which language a reader wants: the one that was chosen on a page, else by what the browser says.

The choice is a cookie and nothing else, so it holds for the sign-in page and for reports in their frames too. What the
browser says is read by RFC 9110 section 12.5.4.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from litestar import get
from litestar.datastructures import Cookie, Headers
from litestar.params import FromQuery
from litestar.response import Redirect

from pcap_analyzer.export import LANGUAGES
from pcap_analyzer.web.cookies import cookie_of
from pcap_analyzer.web.onward import own_path

LANGUAGE = "/language"
_COOKIE = "pcap_analyzer_language"
_YEAR_S = 365 * 86_400


@get(LANGUAGE)
async def choose(
    to: FromQuery[Literal["en", "fr"]],
    next: FromQuery[str] = "/",  # noqa: A002 - its name in the address
) -> Redirect:
    """Remember a language for every page of this browser; leads on to `next`, a path of this service."""
    answer = Redirect(own_path(next), status_code=303)
    answer.set_cookie(Cookie(_COOKIE, value=to, path="/", max_age=_YEAR_S, httponly=True, samesite="lax"))
    return answer


def spoken(headers: Headers) -> str:
    """The language, one of LANGUAGES, that whoever sent these headers reads."""
    chosen = cookie_of(headers, _COOKIE)
    return chosen if chosen in LANGUAGES else wanted(headers.get("accept-language", ""))


def wanted(accept_language: str) -> str:
    """The first of LANGUAGES by weight; English where none is asked for."""
    weights: dict[str, float] = {}
    for part in accept_language[:1000].split(","):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        value = 1.0
        with suppress(ValueError):
            value = float(weight.strip().removeprefix("q=")) if weight else 1.0
        if language in LANGUAGES and value > weights.get(language, 0.0):
            weights[language] = value
    return max(weights, key=lambda language: weights[language], default="en")
