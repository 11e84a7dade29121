"""Signing in with a real browser: back to the page that was asked for, an upload, its report, out again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from pcap_analyzer.adapters.process import WORKER
from tests.jobs.captures import fresh
from tests.web.server import serving

pytestmark = pytest.mark.browser

TOKEN = "a-token-of-the-tests"
SLOW = 30_000


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("data"), WORKER, AUTH_TOKEN=TOKEN, WORKERS="1") as address:
        yield address


@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_sign_in_page_to_a_report(browser: Browser, guarded: str, tmp_path: Path, scripts: bool) -> None:
    mine = tmp_path / "mine.pcap"
    mine.write_bytes(fresh(5))
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{guarded}/?from=a-link")
    expect(page).to_have_title(re.compile("Sign in"))
    page.get_by_label("Token").fill("not the token, sorry")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the token.")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{guarded}/?from=a-link")
    page.locator("#file").set_input_files(mine)
    if not scripts:
        page.get_by_role("button", name="Upload and analyse").click()
    page.wait_for_url(re.compile(r"/analyses/[\w-]+/report$"), timeout=SLOW)
    frame = page.frame_locator("iframe.report")
    expect(frame.get_by_text("mine.pcap").first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title(re.compile("Sign in"))
    page.goto(guarded)
    expect(page).to_have_title(re.compile("Sign in"))
    context.close()
    assert [text for text in complaints if "the server responded with a status of 4" not in text] == []
