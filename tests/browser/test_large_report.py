"""The page of a capture of a million flows opens in less than two seconds, drawn and ready to be read."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.generate import generate
from pcap_analyzer.pipeline import analyze_capture
from pcap_analyzer.report import build_report
from tests.browser.reports import written

pytestmark = [pytest.mark.browser, pytest.mark.long]

FLOWS = 1_000_000
OPEN_MS = 2000
DRAWN = "!document.querySelector('[data-chart]:not([hidden]):not(:has(svg.main-svg))')"


@pytest.fixture(scope="module")
def page_of_a_million(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("million")
    capture = folder / "million.pcap"
    generate(capture, "many_flows", flows=FLOWS)
    analysis = analyze_capture(capture, keep_flows=False)
    assert analysis.totals.flows >= FLOWS
    report = build_report(analysis)
    capture.unlink()
    return written(report, folder)


def test_a_million_flows_are_a_page_that_opens_at_once(browser: Browser, page_of_a_million: str):
    page = browser.new_page()
    page.goto(page_of_a_million)
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    while not page.evaluate(DRAWN):
        page.wait_for_timeout(20)
    drawn = page.evaluate("performance.now()")
    print(f"loaded after {loaded:.0f} ms, every graph drawn after {drawn:.0f} ms")
    assert loaded < OPEN_MS
