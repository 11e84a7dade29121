"""First results while bytes still arrive: on the page that sends them, and on the page of the analysis."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from pcap_analyzer.adapters.process import WORKER
from tests.browser.axe import serious
from tests.browser.conftest import OpenPage
from tests.browser.test_resume import line
from tests.jobs.captures import fresh
from tests.web.server import serving

pytestmark = pytest.mark.browser

SLOW = 30_000
REPORT = re.compile(r"/analyses/([\w-]+)/report$")
SLOW_LINE = 3_000_000  # bytes a second


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("data"), WORKER, WORKERS="1") as address:
        yield address


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "long way.pcap"
    path.write_bytes(fresh(700_000))  # 44 MB
    return path


def expect_first_results(job: Locator, state: str) -> None:
    live = job.locator(".live")
    expect(live.locator("dd").nth(0)).to_have_text(re.compile(r"\d{2},\d{3}"), timeout=SLOW)
    expect(live.locator("dd").nth(2)).to_have_text("1")  # flow
    expect(live.get_by_role("img", name="Throughput so far")).to_be_visible()
    expect(live.get_by_role("listitem").filter(has_text="192.0.2.1")).to_be_visible()
    expect(job.locator(".state")).to_have_text(state)


def test_first_results_are_there_while_bytes_still_arrive(visit: OpenPage, file: Path) -> None:
    page = visit()
    set_line = line(page)
    set_line(SLOW_LINE)
    page.get_by_label("Choose captures").set_input_files(file)
    job = page.locator("#jobs .job")
    expect_first_results(job, "Uploading")
    watching = visit("/history?status=receiving", bypass_csp=True)
    watching.get_by_role("link", name=file.name, exact=True).click()
    expect_first_results(watching.locator(".job"), "Receiving")
    assert serious(watching) == []
    watching.reload()
    expect_first_results(watching.locator(".job"), "Receiving")
    set_line()
    expect(watching).to_have_url(REPORT, timeout=SLOW)
    expect(page).to_have_url(REPORT, timeout=SLOW)


def test_the_same_capture_again_leads_to_its_report(visit: OpenPage, tmp_path: Path) -> None:
    same = [tmp_path / name for name in ("first.pcap", "again.pcap")]
    content = fresh(77)
    for path in same:
        path.write_bytes(content)
    page = visit()
    page.get_by_label("Choose captures").set_input_files(same[0])
    expect(page).to_have_url(REPORT, timeout=SLOW)
    page.get_by_role("link", name="Upload another").click()
    page.get_by_label("Choose captures").set_input_files(same[1])
    expect(page).to_have_url(REPORT, timeout=SLOW)
    page.get_by_role("link", name="History").click()
    row = page.get_by_role("row").filter(has_text="again.pcap")
    expect(row).to_contain_text("The same capture was analysed before")
