"""Reading the cookies that a browser sends."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from litestar.datastructures import Headers


def cookie_of(headers: Headers, name: str) -> str | None:
    """The value of a cookie; None without it, or where the header is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if found is None else found.value
