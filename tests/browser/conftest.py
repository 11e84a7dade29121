"""A real headless Chromium that may talk to nobody but the service, and a service with the real worker."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from pcap_analyzer.adapters.process import WORKER
from tests.web.server import serving

OpenPage = Callable[..., Page]
# A busy machine is slow without being wrong.
expect.set_options(timeout=20_000)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Playwright keeps an event loop running while it is open, so it is opened and closed with each module.
@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    find: Callable[[str], str] = request.getfixturevalue("component")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find("chromium"), headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("data"), WORKER, MAX_UPLOAD_SIZE_MB="64", WORKERS="1") as address:
        yield address


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[OpenPage]:
    """Open a page; at the end, nothing was blocked by a policy and nobody else was asked for anything."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    foreign: list[str] = []

    def watch(page: Page) -> None:
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))

    def open_page(path: str = "/", at: str = address, **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.on(
            "request", lambda asked: None if asked.url.startswith((at, "data:", "blob:")) else foreign.append(asked.url)
        )
        context.on("page", watch)
        contexts.append(context)
        page = context.new_page()
        page.goto(at + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Chromium notes answers of 400 and more, and lost connections, on the console; these are asked for by the tests.
    asked_for = ("the server responded with a status of 4", "net::ERR_")
    assert [text for text in complaints if not any(part in text for part in asked_for)] == []
    assert foreign == []
