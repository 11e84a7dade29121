"""A real headless Chromium that may talk to nobody but the service, and a service with the real worker."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from pcap_analyzer.adapters.process import WORKER
from tests.web.server import serving

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
