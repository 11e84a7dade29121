"""The report in a real browser: read, unfolded, narrowed, at every width, by keyboard, and judged by a machine."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from pcap_analyzer.report.model import Report
from tests.browser.axe import serious
from tests.browser.reports import MARKUP, hostile, report_on, written

pytestmark = pytest.mark.browser

SLOW = 30_000
OpenReport = Callable[..., Page]


@pytest.fixture(scope="module")
def loss() -> Report:
    return report_on("random_loss")


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[OpenReport]:
    """Open a report from its file; at the end nothing complained and nothing was asked for."""
    complaints: list[str] = []
    asked: list[str] = []
    contexts = []

    def open_report(report: Report, *, unfold: bool = False, **options: Any) -> Page:
        address = written(report, tmp_path)
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("request", lambda one: None if one.url.startswith((address, "data:")) else asked.append(one.url))
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        if unfold:
            page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert complaints == []
    assert asked == []


def drawn(page: Page) -> None:
    """Wait until every graph of the page is there."""
    waiting = "document.querySelectorAll('[data-chart]:not([hidden]):not(:has(svg.main-svg))').length"
    deadline = time.monotonic() + 30
    while page.evaluate(waiting):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_the_verdict_comes_first_and_fills_a_screen_at_most(opened, loss):
    page = opened(loss, viewport={"width": 1280, "height": 900})
    expect(page.locator("main > section").first).to_have_id("findings")
    expect(page.locator(".score svg")).to_have_attribute("aria-label", f"Health: {loss.health.score} of 100")
    assert page.locator("#findings > details.finding").count() <= 6
    box = page.locator("#findings").bounding_box()
    assert box is not None
    assert box["height"] <= 900


def test_a_finding_opens_to_its_proof(opened, loss):
    page = opened(loss)
    finding = page.locator(".finding").first
    finding.locator("summary").first.click()
    expect(finding.get_by_role("heading", name="Why")).to_be_visible()
    picture = finding.locator("figure.timeline svg")
    expect(picture).to_be_visible()
    packets = loss.source.timelines[0].packets
    assert picture.locator("g").count() == len(packets)
    assert picture.locator("g.event").count() == sum(packet.note is not None for packet in packets)
    rows = finding.locator("table.evidence tbody tr")
    assert rows.count() == len({one.frame for one in loss.findings[0].evidence})
    expect(rows.first.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{6}$"))


def test_a_filter_is_copied(opened, loss):
    page = opened(loss, permissions=["clipboard-read", "clipboard-write"])
    page.locator(".finding summary").first.click()
    page.locator(".finding .check button.copy").first.click()
    expect(page.locator(".finding .check button.copy").first).to_have_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == loss.findings[0].filter


def test_the_brush_narrows_the_graphs_and_lets_go_again(opened, loss):
    page = opened(loss)
    drawn(page)
    strip = page.locator(".strip")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.locator("[data-brush-says]")).to_contain_text("packets")
    page.wait_for_timeout(400)
    spans = page.evaluate(
        "['throughput'].map((name) => document.querySelector(`[data-chart=${name}]`).layout.xaxis.range)"
    )
    page.locator("[data-brush-clear]").click()
    expect(page.locator("[data-brush-window]")).to_be_hidden()
    page.wait_for_timeout(400)
    after = page.evaluate("document.querySelector('[data-chart=throughput]').layout.xaxis.range")
    assert seconds(spans[0]) == pytest.approx(seconds(after) / 4, rel=0.1)


def test_the_brush_is_moved_by_keys(opened, loss):
    page = opened(loss)
    page.get_by_role("slider", name="Begin of the chosen time").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("[data-brush-window]")).to_be_visible()
    expect(page.locator("[data-brush-says]")).to_contain_text("packets")


def seconds(axis: list[Any]) -> float:
    """The length of an axis of numbers, or of dates."""
    if isinstance(axis[0], str):
        begin, end = (one.replace(" ", "T") for one in axis)
        return (datetime.fromisoformat(end[:26]) - datetime.fromisoformat(begin[:26])).total_seconds()
    return float(axis[1]) - float(axis[0])


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_no_width_scrolls_sideways(opened, loss, width):
    page = opened(loss, unfold=True, viewport={"width": width, "height": 800})
    drawn(page)
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def test_what_a_capture_says_stays_text(opened, loss):
    page = opened(hostile(loss), unfold=True)
    drawn(page)
    assert page.locator("main img, main b > b").count() == 0
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    expect(page.locator(".headline").first).to_have_text(f"Names below {MARKUP} fail.")
    expect(page.locator(".finding").first.locator(".address").first).to_contain_text(MARKUP)
    assert MARKUP in page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_serious(opened, loss, scheme, width):
    page = opened(loss, unfold=True, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    drawn(page)
    assert serious(page) == []


def test_keys_reach_report_and_findings_and_focus_is_seen(opened, loss):
    page = opened(loss)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the report")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the report")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    summary = page.locator(".finding summary").first
    expect(summary).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".finding").first.locator(".proof")).to_be_visible()


def test_a_report_with_all_that_fits_opens_at_once(opened, loss):
    """Every list is bounded, so a capture of a million flows makes no longer page than this."""
    many = replace(loss, findings=loss.findings * 30)
    page = opened(many)
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert timing < 2000
