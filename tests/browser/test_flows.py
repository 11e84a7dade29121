"""From the report to the flows, to one flow, to its graphs; judged by axe in both colours, widths and languages."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from pcap_analyzer.adapters.process import WORKER
from tests.browser.axe import serious
from tests.browser.conftest import OpenPage
from tests.web.server import give, serving, wait_for

pytestmark = pytest.mark.browser

SLOW = 30_000
LOSSY = Path(__file__).parent.parent / "captures" / "random_loss" / "client.pcap"
GRAPHS = 4


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("data"), WORKER, WORKERS="1") as address:
        yield address


@pytest.fixture(scope="module")
def analysis(address: str) -> str:
    with httpx.Client(base_url=address, timeout=60) as client:
        task_id = give(client, LOSSY.read_bytes(), "lossy.pcap")
        wait_for(client, task_id, "succeeded", seconds=60)
        client.get(f"/api/analyses/{task_id}/flows/0/packets").raise_for_status()
    return f"/analyses/{task_id}"


def expect_graphs(page: Page) -> None:
    expect(page.locator(".graph:visible svg.main-svg").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".graph:visible")).to_have_count(GRAPHS, timeout=SLOW)


def test_the_way_from_the_report_to_a_flow_and_its_capture(visit: OpenPage, analysis: str) -> None:
    page = visit(f"{analysis}/report")
    page.get_by_role("link", name="Flows", exact=True).click()
    page.get_by_role("link", name=re.compile("Bytes →")).click()
    expect(page.locator("[aria-sort=descending]")).to_have_text(re.compile("Bytes →"))
    page.get_by_label("Filter").fill("server_port == 7001")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody a").click()
    expect_graphs(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download its packets").click()
    assert download.value.path().read_bytes()[:4] == b"\n\r\r\n"
    page.get_by_role("button", name="Copy the Wireshark filter").click()
    assert page.evaluate("getSelection().toString()") == "tcp.stream eq 0"


@pytest.mark.parametrize("theme", ["", "dark"])
def test_flows_of_a_report_lead_to_their_pages_and_back(visit: OpenPage, analysis: str, theme: str) -> None:
    page = visit(f"{analysis}/report")
    if theme:
        page.context.add_cookies([{"name": "pcap_analyzer_theme", "value": theme, "url": page.url}])
        page.reload()
    report = page.frame_locator("iframe.report")
    if theme:
        expect(report.locator("html")).to_have_attribute("data-theme", theme)
    report.locator("details.finding summary").first.click()
    report.locator("details.finding").first.get_by_role("link", name=re.compile("→")).first.click()
    expect(page).to_have_url(re.compile(r"/flows/0$"))
    expect_graphs(page)
    page.go_back()
    report.locator("#flows tbody").get_by_role("link", name=re.compile("→")).first.press("Enter")
    expect(page).to_have_url(re.compile(r"/flows/\d+$"))


def test_a_report_leads_nowhere_but_to_flows(visit: OpenPage, analysis: str) -> None:
    page = visit(f"{analysis}/report")
    frame = page.frames[1]
    frame.wait_for_load_state()
    for word in ("'../../logout'", "-1", "1.5", "'https://example.invalid'", "{}", "NaN"):
        frame.evaluate(f"parent.postMessage({{ flow: {word} }}, '*')")
    page.wait_for_timeout(200)
    assert page.url.endswith(f"{analysis}/report")


def test_without_scripts_the_packets_are_there(visit: OpenPage, analysis: str) -> None:
    page = visit(f"{analysis}/flows", java_script_enabled=False)
    page.locator("tbody a").first.click()
    expect(page.locator(".graph:visible")).to_have_count(0)
    expect(page.locator(".packets tbody tr")).to_have_count(100)
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile(r"\?page=2#packets$"))


@pytest.mark.parametrize(
    ("scheme", "width", "locale"),
    [("light", 360, "fr-FR"), ("light", 1280, "en-GB"), ("dark", 360, "en-GB"), ("dark", 1280, "fr-FR")],
)
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    visit: OpenPage, analysis: str, scheme: str, width: int, locale: str
) -> None:
    page = visit(
        f"{analysis}/flows",
        bypass_csp=True,
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        locale=locale,
    )
    assert serious(page) == []
    page.locator("tbody a").first.click()
    expect_graphs(page)
    assert serious(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
