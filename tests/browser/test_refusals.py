"""What the upload page says when a capture is not taken now, or not at all, and what can be done then."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.jobs.captures import fresh, ordering
from tests.web.server import give, serving, wait_for

pytestmark = pytest.mark.browser

SLOW = 30_000
TOKEN = "a-token-of-the-tests"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "waits.pcap"
    path.write_bytes(fresh(3))
    return path


@pytest.fixture
def crowded(tmp_path) -> Iterator[httpx.Client]:
    """A service whose only worker is busy for ever and whose queue is full."""
    with (
        serving(tmp_path / "data", WORKERS="1", MAX_QUEUE_SIZE="1") as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        wait_for(client, give(client, ordering("wait"), "busy.pcap"), "running")
        give(client, fresh(1), "first in line.pcap")
        yield client


def test_a_full_queue_is_waited_for(visit: OpenPage, crowded: httpx.Client, file) -> None:
    page = visit(at=str(crowded.base_url).rstrip("/"))
    page.get_by_label("Choose captures").set_input_files(file)
    job = page.locator("#jobs .job")
    expect(job.get_by_role("alert")).to_have_text("1 analysis is waiting already; try again when it has ended")
    expect(job).to_contain_text(re.compile(r"trying again in (10|[1-9])\ss"))
    [running] = crowded.get("/api/history?status=running").json()["analyses"]
    crowded.post(f"/api/analyses/{running['task_id']}/cancel")
    page.wait_for_timeout(500)
    job.get_by_role("button", name="Try now").click()
    expect(page).to_have_url(re.compile("/report$"), timeout=SLOW)


def test_a_failure_is_told_in_the_language_of_the_page(visit: OpenPage, tmp_path) -> None:
    with serving(tmp_path / "data", WORKERS="1") as address:
        page = visit(at=address, locale="fr-FR")
        crash = tmp_path / "crash.pcap"
        crash.write_bytes(ordering("crash"))
        page.get_by_label("Choisir des captures").set_input_files(crash)
        alert = page.locator("#jobs .job").get_by_role("alert")
        expect(alert).to_contain_text("la capture a fait tomber son processus", timeout=SLOW)


def test_a_session_that_has_ended_is_told(visit: OpenPage, tmp_path, file) -> None:
    with serving(tmp_path / "data", AUTH_TOKEN=TOKEN) as address:
        page = visit(at=address)
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.get_by_label("Choose captures")).to_be_attached()
        page.context.clear_cookies()
        page.get_by_label("Choose captures").set_input_files(file)
        expect(page.locator("#jobs .job").get_by_role("alert")).to_contain_text("Your session has ended")
