"""Every page of the service at both widths, in both colours and languages; judged by a machine, nobody else asked."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from pcap_analyzer.adapters.process import WORKER
from tests.browser.axe import serious
from tests.browser.conftest import OpenPage
from tests.jobs.captures import HEADER, capture, fresh
from tests.web.server import give, serving, wait_for
from tests.web.test_resumable import begun, send, task_of

pytestmark = pytest.mark.browser

SLOW = 30_000
LONG_NAME = "a-name-without-any-space-" * 6 + ".pcap"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("data"), WORKER, WORKERS="1", MAX_QUEUE_SIZE="50") as address:
        yield address


@pytest.fixture(scope="module")
def places(address: str) -> dict[str, str]:
    """Pages in every state that a service comes to, by what is on them."""
    with httpx.Client(base_url=address, timeout=30) as client:
        done = give(client, capture(3), LONG_NAME)
        failed = give(client, HEADER[:4] + bytes(20), "no version.pcap")
        arriving = begun(client, 10_000_000)
        send(client, arriving, 0, capture(1000))
        ended = task_of(begun(client, 5000))
        client.post(f"/api/analyses/{ended}/cancel")
        wait_for(client, done, "succeeded")
        wait_for(client, failed, "failed")
    return {
        "upload": "/",
        "history": "/history",
        "no history": "/history?status=expired",
        "receiving": f"/analyses/{task_of(arriving)}",
        "failed": f"/analyses/{failed}",
        "cancelled": f"/analyses/{ended}",
        "report": f"/analyses/{done}/report",
        "problem": "/nowhere",
    }


PAGES = ["upload", "history", "no history", "receiving", "failed", "cancelled", "report", "problem"]


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    visit: OpenPage, address: str, places: dict[str, str], scheme: str, width: int
) -> None:
    page = visit(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 800})
    for name in PAGES:
        page.goto(address + places[name])
        expect(page.locator("main")).to_be_visible()
        assert (name, serious(page)) == (name, [])
        assert (name, scrolls_sideways(page)) == (name, False)


def test_every_page_keeps_its_own_policy(visit: OpenPage, places: dict[str, str]) -> None:
    """Nothing is blocked and nobody else is asked: `visit` watches."""
    for name in PAGES:
        page = visit(places[name])
        expect(page.locator("#theme, iframe.report").first).to_be_visible()


def test_the_language_is_switched_on_every_page_and_stays(visit: OpenPage, places: dict[str, str]) -> None:
    page = visit(places["history"])
    page.get_by_role("link", name="Français").click()
    expect(page).to_have_url(re.compile("/history$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Historique")
    page.get_by_role("link", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Choisir des captures")).to_be_visible()
    page.goto(page.url.rstrip("/") + places["report"])
    expect(page.frame_locator("iframe.report").locator("html")).to_have_attribute("lang", "fr", timeout=SLOW)
    page.get_by_role("link", name="English").click()
    expect(page.frame_locator("iframe.report").locator("html")).to_have_attribute("lang", "en", timeout=SLOW)


def test_the_colours_are_switched_and_stay(visit: OpenPage) -> None:
    page = visit(color_scheme="light")
    page.get_by_role("button", name="Change to dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(page.url + "history")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Change to light colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_report_and_service_have_the_same_colours(visit: OpenPage, places: dict[str, str]) -> None:
    page = visit(places["report"], color_scheme="light")
    report = page.frame_locator("iframe.report")
    report.get_by_role("button", name="Change to dark colours").click(timeout=SLOW)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(report.locator("html")).to_have_attribute("data-theme", "dark", timeout=SLOW)
    page.get_by_role("link", name="History").click()
    page.get_by_role("button", name="Change to light colours").click()
    page.go_back()
    page.reload()
    expect(report.locator("html")).to_have_attribute("data-theme", "light", timeout=SLOW)


def test_a_capture_is_deleted_only_when_it_was_meant(visit: OpenPage, address: str) -> None:
    with httpx.Client(base_url=address) as client:
        task_id = give(client, fresh(1), "one too many.pcap")
        wait_for(client, task_id, "succeeded")
    page = visit("/history")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete one too many.pcap").click()
    expect(page.get_by_role("link", name="one too many.pcap", exact=True)).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete one too many.pcap").click()
    expect(page.get_by_role("link", name="one too many.pcap", exact=True)).to_have_count(0)
    with httpx.Client(base_url=address) as client:
        assert client.get(f"/api/status/{task_id}").status_code == 404
