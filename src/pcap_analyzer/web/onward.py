"""Where a page leads on to, when an address says so: never to another host."""

from urllib.parse import quote

from litestar.types import HTTPScope

HOME = "/"


def own_path(text: str) -> str:
    """`text` where it is a path of this service, else the first page: two slashes, or a backslash, are another host."""
    own = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and text.isascii()
    return text if own else HOME


def here(scope: HTTPScope) -> str:
    """The address of this page, fit for a query; the first page where this one only answers to a form."""
    if scope["method"] != "GET":
        return HOME
    query = scope["query_string"].decode("latin-1")
    return quote(scope["path"] + ("?" + query if query else ""), safe="/")
