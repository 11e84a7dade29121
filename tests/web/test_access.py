"""The door: nothing without the token but health and the sign-in page; sessions, their end, and guessing."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import Headers
from litestar.routes import HTTPRoute

from pcap_analyzer.config import load
from pcap_analyzer.web import access
from pcap_analyzer.web.access import COOKIE, FAILURES_A_MINUTE, SESSION_S, Guard
from pcap_analyzer.web.app import create_app
from pcap_analyzer.web.metrics import Metrics
from pcap_analyzer.web.rates import Rates
from pcap_analyzer.web.safety import Safety
from pcap_analyzer.web.serve import token_for
from pcap_analyzer.wiring import Running
from tests.jobs.captures import capture
from tests.web.server import give, serving

TOKEN = "a-token-of-the-tests"
ID = "00000000-0000-0000-0000-000000000000"
PUBLIC = {"/api/health", "/login", "/language"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("data"), AUTH_TOKEN=TOKEN) as address:
        yield address


@pytest.fixture
def stranger(guarded: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded, timeout=30) as client:
        yield client


@pytest.fixture
def browser(stranger: httpx.Client) -> httpx.Client:
    """A client that signed in as a browser does."""
    assert sign_in(stranger).status_code == 303
    return stranger


def sign_in(client: httpx.Client, token: str = TOKEN, **fields: str) -> httpx.Response:
    return client.post("/login", data={"token": token, **fields})


def csrf_of(client: httpx.Client) -> str:
    found = re.search(r'<meta name="csrf" content="([^"]+)">', client.get("/").text)
    assert found
    return found[1]


def routes(tmp_path: Path) -> list[tuple[str, str]]:
    """Every method and path that the application has, fit to be asked."""
    return [
        (method, re.sub(r"\{\w+:\w+\}", "html", re.sub(r"\{\w+:uuid\}", ID, path))) for method, path in served(tmp_path)
    ]


def served(tmp_path: Path) -> list[tuple[str, str]]:
    """Every method and path that the application has."""
    running = Running(load({"DATA_DIR": str(tmp_path)}))
    try:
        app = create_app(
            running.service,
            running.arrivals,
            running.tables,
            Guard(None),
            Metrics(),
            running.audit,
            Rates(0),
            on_shutdown=lambda: None,
        )
        assert isinstance(app, Safety)
        inner = app._app
        assert isinstance(inner, Litestar)
        return [
            (method, route.path) for route in inner.routes if isinstance(route, HTTPRoute) for method in route.methods
        ]
    finally:
        running.close()


def test_a_stranger_is_refused_everywhere_but_at_health_and_the_sign_in_page(
    stranger: httpx.Client, tmp_path: Path
) -> None:
    asked = routes(tmp_path)
    assert len(asked) > 20
    for method, path in asked:
        if path in PUBLIC:
            continue
        answer = stranger.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for method, path in [("GET", "/static/upload.js"), ("GET", "//api/history"), ("GET", "/api/health/../history")]:
        assert stranger.request(method, path).status_code == 401


def test_health_and_the_sign_in_page_are_open(stranger: httpx.Client) -> None:
    assert stranger.get("/api/health").status_code == 200
    page = stranger.get("/login")
    assert page.status_code == 200
    for part in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
        assert stranger.get(part).status_code == 200, part


def test_probes_ask_by_the_address_of_the_pod(stranger: httpx.Client) -> None:
    assert stranger.get("/api/health", headers={"Host": "10.42.0.7:8000"}).status_code == 200


def test_a_program_shows_the_token(stranger: httpx.Client) -> None:
    stranger.headers["Authorization"] = f"Bearer {TOKEN}"
    assert stranger.get("/api/history").status_code == 200
    assert give(stranger, capture())
    assert stranger.get("/api/history", headers={"Host": "pcap.example.com"}).status_code == 200


def test_a_browser_is_led_to_the_sign_in_page_and_back(stranger: httpx.Client) -> None:
    refused = stranger.get("/analyses/x?a=b", headers={"Accept": "text/html"})
    assert refused.status_code == 303
    assert refused.headers["location"] == "/login?next=/analyses/x%3Fa%3Db"
    page = stranger.get(refused.headers["location"])
    assert 'name="next" value="/analyses/x?a=b"' in page.text
    assert sign_in(stranger, next="/analyses/x?a=b").headers["location"] == "/analyses/x?a=b"


@pytest.mark.parametrize(
    "onward", ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/login", "/\nx", ""]
)
def test_the_way_back_leads_nowhere_else(stranger: httpx.Client, onward: str) -> None:
    assert sign_in(stranger, next=onward).headers["location"] == "/"


def test_the_cookie_is_for_this_service_only(stranger: httpx.Client) -> None:
    cookie = sign_in(stranger).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    behind = stranger.post("/login", data={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in behind.headers["set-cookie"]


def test_a_session_changes_nothing_without_the_word_of_our_pages(browser: httpx.Client) -> None:
    files = {"file": ("a.pcap", capture())}
    for headers in ({}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": "\xe9"}):
        refused = browser.post("/api/upload", files=files, headers={k: v.encode("latin-1") for k, v in headers.items()})
        assert refused.status_code == 403
        assert refused.json()["type"] == "urn:pcap-analyzer:problem:wrong-csrf"
    csrf = csrf_of(browser)
    assert browser.post("/api/upload", files=files, headers={"X-CSRF-Token": csrf}).status_code == 202
    assert browser.post(f"/api/upload?csrf={csrf}", files=files).status_code == 202


def test_signing_out_ends_the_session(browser: httpx.Client) -> None:
    cookie = browser.cookies[COOKIE]
    csrf = csrf_of(browser)
    assert browser.post("/logout").status_code == 403
    assert browser.post(f"/logout?csrf={csrf}").status_code == 303
    assert COOKIE not in browser.cookies
    assert browser.get("/api/history", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 401


def test_a_wrong_token_is_told_and_gives_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, AUTH_TOKEN=TOKEN) as address, httpx.Client(base_url=address) as client:
        for _ in range(FAILURES_A_MINUTE - 1):
            answer = sign_in(client, "not-the-token-at-all")
            assert answer.status_code == 401
            assert "This is not the token" in answer.text
            assert "set-cookie" not in answer.headers
        assert client.get("/api/history", headers={"Authorization": "Bearer x"}).status_code == 401
        for late in (sign_in(client), client.get("/api/history", headers={"Authorization": f"Bearer {TOKEN}"})):
            assert late.status_code == 429
            assert int(late.headers["retry-after"]) > 0


def test_without_a_token_nobody_is_asked(client: httpx.Client) -> None:
    assert client.get("/api/history").status_code == 200
    assert client.get("/login").headers["location"] == "/"
    assert "Sign out" not in client.get("/").text


@pytest.mark.parametrize(
    ("settings", "host", "asked", "made"),
    [
        ({}, "127.0.0.1", False, False),
        ({}, "0.0.0.0", True, True),
        ({}, "::", True, True),
        ({}, "example.org", True, True),
        ({"AUTH_MODE": "token"}, "127.0.0.1", True, True),
        ({"AUTH_MODE": "none"}, "0.0.0.0", False, False),
        ({"AUTH_TOKEN": TOKEN}, "127.0.0.1", True, False),
        ({"AUTH_TOKEN": TOKEN, "AUTH_MODE": "token"}, "0.0.0.0", True, False),
    ],
)
def test_who_is_asked(settings: dict[str, str], host: str, asked: bool, made: bool, tmp_path: Path) -> None:
    token, was_made = token_for(load({"DATA_DIR": str(tmp_path), **settings}), host)
    assert (token is not None, was_made) == (asked, made)
    assert not asked or len(token or "") >= 16


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


def cookie(session: str) -> Headers:
    return Headers({"cookie": f"{COOKIE}={session}"})


def test_a_session_ends_by_itself_and_with_the_token() -> None:
    clock = Clock()
    guard = Guard(TOKEN, now=clock)
    session = guard.new_session()
    assert guard.visitor(cookie(session)) == Guard(TOKEN, now=clock).visitor(cookie(session)) is not None
    assert Guard(TOKEN + "!", now=clock).visitor(cookie(session)) is None
    clock.now += SESSION_S + 1
    assert guard.visitor(cookie(session)) is None


def test_no_session_can_be_made_up() -> None:
    guard = Guard(TOKEN)
    session = guard.new_session()
    until, name, signature = session.split(".")
    for forged in (
        f"{int(until) + 1}.{name}.{signature}",
        f"{until}.{name}x.{signature}",
        f"{until}.{name}.",
        ".",
        "é",
    ):
        assert guard.visitor(cookie(forged)) is None
    assert guard.visitor(Headers({"cookie": "a=\x00;;=;" + COOKIE})) is None


def test_tries_are_allowed_again_after_a_while() -> None:
    clock = Clock()
    guard = Guard(TOKEN, now=clock)
    for _ in range(FAILURES_A_MINUTE):
        assert guard.wait_s("192.0.2.1") == 0
        guard.failed("192.0.2.1")
    assert guard.wait_s("192.0.2.1") == 60
    assert guard.wait_s("192.0.2.2") == 0
    clock.now += 61
    assert guard.wait_s("192.0.2.1") == 0


def test_what_is_remembered_of_strangers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_MAX_COUNTED", 10)
    guard = Guard(TOKEN)
    for number in range(100):
        guard.failed(f"192.0.2.{number}")
        guard.end(str(number))
    assert len(guard._failures) == len(guard._ended) == 10
