"""Uploads that are paused, cut off by a reload or by a killed service: each goes on where it stood."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from pcap_analyzer.adapters.process import WORKER
from tests.browser.conftest import OpenPage
from tests.jobs.captures import fresh
from tests.web.server import serving
from tests.web.test_serve import process

pytestmark = pytest.mark.browser

SLOW = 30_000
REPORT = re.compile(r"/analyses/([\w-]+)/report$")
PACKETS = 150_000  # 9 MB
SLOW_LINE = 1_500_000  # bytes a second


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    with serving(data, WORKER, WORKERS="1") as address:
        yield address


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "long way.pcap"
    path.write_bytes(fresh(PACKETS))
    return path


def line(page: Page) -> Callable[..., None]:
    """What makes the line of a page slow, or without a number as quick as it is."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")

    def set_line(upload: float = -1) -> None:
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
        session.send("Network.emulateNetworkConditions", conditions)

    return set_line


def choose(page: Page, file: Path) -> Locator:
    page.get_by_label("Choose captures").set_input_files(file)
    return page.locator("#jobs .job")


def share(job: Locator) -> float:
    return float(job.get_by_role("progressbar").evaluate("(bar) => bar.value"))


def wait_for_some(page: Page, job: Locator, least: float = 10) -> None:
    deadline = time.monotonic() + SLOW / 1000
    while share(job) <= least:
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    assert share(job) < 100


def expect_whole(page: Page, data: Path, file: Path) -> None:
    expect(page).to_have_url(REPORT, timeout=SLOW)
    found = REPORT.search(page.url)
    assert found
    assert (data / "uploads" / f"{found[1]}.pcap").read_bytes() == file.read_bytes()


def test_an_upload_is_paused_and_resumed(visit: OpenPage, file: Path, data: Path) -> None:
    page = visit()
    set_line = line(page)
    set_line(SLOW_LINE)
    job = choose(page, file)
    wait_for_some(page, job)
    expect(job.locator(".job-aside")).to_have_text(re.compile(r"MB/s · .* left"), timeout=SLOW)
    job.get_by_role("button", name="Pause").click()
    expect(job.locator(".state")).to_have_text("Paused")
    page.wait_for_timeout(300)
    stands = share(job)
    page.wait_for_timeout(700)
    assert share(job) == stands
    set_line()
    job.get_by_role("button", name="Resume").click()
    expect_whole(page, data, file)


def test_after_a_reload_the_same_file_goes_on_where_it_stood(visit: OpenPage, file: Path, data: Path) -> None:
    page = visit()
    set_line = line(page)
    set_line(SLOW_LINE)
    wait_for_some(page, choose(page, file), 20)
    page.reload()
    job = page.locator("#jobs .job")
    expect(job).to_contain_text("choose or drop the same file again")
    expect(job.locator(".state")).to_have_text("Paused")
    assert share(job) > 5
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.method) if "/api/uploads" in one.url else None)
    set_line()
    choose(page, file)
    expect_whole(page, data, file)
    assert "POST" not in asked
    assert page.evaluate("Object.keys(localStorage).length") == 0


def test_an_interrupted_upload_can_be_given_up(visit: OpenPage, file: Path) -> None:
    page = visit()
    line(page)(SLOW_LINE)
    wait_for_some(page, choose(page, file))
    page.reload()
    page.locator("#jobs .job").get_by_role("button", name="Cancel").click()
    expect(page.locator("#jobs .job")).to_have_count(0)
    page.reload()
    expect(page.locator("#jobs .job")).to_have_count(0)
    page.goto(f"{page.url}history?status=receiving")
    expect(page.get_by_text("No analysis is in this state.")).to_be_visible()


def test_a_killed_service_is_waited_for(visit: OpenPage, file: Path, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    at = f"http://127.0.0.1:{port}"
    with process(data_dir, WORKER, port):
        page = visit(at=at)
        set_line = line(page)
        set_line(SLOW_LINE)
        job = choose(page, file)
        wait_for_some(page, job)
    expect(job.locator(".state")).to_have_text("Connection lost", timeout=SLOW)
    job.get_by_role("button", name="Try now").click()
    expect(job).to_contain_text("trying again in")
    set_line()
    with process(data_dir, WORKER, port):
        expect_whole(page, data_dir, file)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_third_capture_waits_until_one_of_two_is_there(visit: OpenPage, file: Path, tmp_path: Path) -> None:
    page = visit()
    line(page)(SLOW_LINE)
    others = [tmp_path / f"{number}.pcap" for number in range(3)]
    for path in others:
        path.write_bytes(fresh(PACKETS))
    page.get_by_label("Choose captures").set_input_files(others)
    states = page.locator("#jobs .state")
    expect(states).to_have_text(["Uploading", "Uploading", "Waiting"])
    assert page.evaluate("document.title").endswith("Upload · PCAP Analyzer")
    page.locator("#jobs .job").nth(1).get_by_role("button", name="Pause").click()
    expect(states).to_have_text(["Uploading", "Paused", "Uploading"])
    for _ in others:
        page.get_by_role("button", name="Cancel").first.click()
    expect(states).to_have_count(0)
