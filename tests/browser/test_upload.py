"""Dropping and choosing captures in a real browser, with and without scripts, until the report is read."""

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.jobs.captures import fresh

pytestmark = pytest.mark.browser

SLOW = 30_000
REPORT = re.compile(r"/analyses/[\w-]+/report$")

# What a drop is to a page: files in a DataTransfer. The bytes go in as text of base64.
DROP = """([target, files]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) {
    transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
  }
  const event = { bubbles: true, cancelable: true, dataTransfer: transfer };
  const place = document.querySelector(target);
  place.dispatchEvent(new DragEvent("dragover", event));
  place.dispatchEvent(new DragEvent("drop", event));
}"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "three packets.pcap"
    path.write_bytes(fresh(3))
    return path


def drop(page: Page, *files: tuple[str, bytes], target: str = ".drop") -> None:
    page.evaluate(DROP, [target, [[name, base64.b64encode(data).decode()] for name, data in files]])


def expect_report(page: Page, name: str) -> None:
    expect(page).to_have_url(REPORT, timeout=SLOW)
    report = page.frame_locator("iframe.report")
    expect(report.get_by_role("heading", level=1)).to_have_text(name, timeout=SLOW)
    # Drawn by Plotly, so the scripts of the report ran.
    expect(report.locator("svg.main-svg").first).to_be_visible(timeout=SLOW)


def test_a_chosen_capture_ends_in_its_report(visit: OpenPage, file: Path) -> None:
    page = visit()
    page.get_by_label("Choose captures").set_input_files(file)
    expect_report(page, file.name)


def test_a_dropped_capture_ends_in_its_report(visit: OpenPage) -> None:
    page = visit()
    drop(page, ("dropped.pcap", fresh(3)))
    expect_report(page, "dropped.pcap")


def test_a_drop_beside_the_field_is_taken_too(visit: OpenPage) -> None:
    page = visit()
    drop(page, ("beside.pcap", fresh(3)), target="h1")
    expect_report(page, "beside.pcap")


def test_several_captures_are_each_followed(visit: OpenPage) -> None:
    page = visit()
    drop(page, ("one.pcap", fresh(1)), ("notes.txt", b"hello"), ("three.pcap", fresh(3)))
    jobs = page.locator("#jobs .job")
    expect(jobs).to_have_count(3)
    expect(jobs.nth(0)).to_contain_text("1 packet. The report is ready.", timeout=SLOW)
    expect(jobs.nth(1).get_by_role("alert")).to_contain_text("notes.txt is text; expected pcap or pcapng", timeout=SLOW)
    expect(jobs.nth(2)).to_contain_text("3 packets. The report is ready.", timeout=SLOW)
    jobs.nth(1).get_by_role("button", name="Remove from the list").click()
    expect(jobs).to_have_count(2)
    jobs.nth(1).get_by_role("link").click()
    expect_report(page, "three.pcap")


def test_a_capture_too_large_is_not_even_sent(visit: OpenPage, tmp_path: Path) -> None:
    page = visit()
    large = tmp_path / "large.pcap"
    with large.open("wb") as sparse:
        sparse.truncate(65 << 20)
    page.get_by_label("Choose captures").set_input_files(large)
    expect(page.get_by_role("alert")).to_have_text("large.pcap has 68.2 MB; this service takes up to 67.1 MB.")


def test_without_scripts_the_form_leads_to_the_report(visit: OpenPage, file: Path) -> None:
    page = visit(java_script_enabled=False)
    page.get_by_label("Choose a capture").set_input_files(file)
    page.get_by_role("button", name="Upload and analyse").click()
    expect(page).to_have_url(REPORT, timeout=SLOW)
    expect(page.frame_locator("iframe.report").get_by_role("heading", level=1)).to_have_text(file.name, timeout=SLOW)


def test_without_scripts_a_refusal_is_a_page(visit: OpenPage, tmp_path: Path) -> None:
    page = visit(java_script_enabled=False)
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    page.get_by_label("Choose a capture").set_input_files(text)
    page.get_by_role("button", name="Upload and analyse").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The file is no capture")
    page.get_by_role("link", name="Back to the upload page").click()
    expect(page.get_by_role("button", name="Upload and analyse")).to_be_visible()


def test_the_keyboard_reaches_the_field(visit: OpenPage, file: Path) -> None:
    page = visit()
    # Listened for from the start: a chooser that opens before Playwright intercepts it is never seen.
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose captures")).to_be_focused()
    page.keyboard.press("Enter")
    expect_report(page, file.name)


def test_the_page_of_an_analysis_goes_on_to_the_report_and_back_again(visit: OpenPage, file: Path) -> None:
    page = visit()
    page.get_by_label("Choose captures").set_input_files(file)
    expect_report(page, file.name)
    page.goto(page.url.removesuffix("/report"))
    expect_report(page, file.name)
    page.get_by_role("link", name="Upload another").click()
    expect(page.get_by_role("heading", name="Analysed lately")).to_be_visible()


def test_a_french_browser_reads_the_report_in_french(visit: OpenPage, file: Path) -> None:
    page = visit(locale="fr-FR")
    page.get_by_label("Choisir des captures").set_input_files(file)
    expect_report(page, file.name)
    expect(page.frame_locator("iframe.report").locator("html")).to_have_attribute("lang", "fr")
    expect(page.frame_locator("iframe.report").get_by_role("link", name="Qualité")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1280, 900), ("dark", 360, 740)])
def test_every_width_and_colour_scheme_fits(
    visit: OpenPage, file: Path, tmp_path: Path, scheme: str, width: int, height: int
) -> None:
    page = visit(color_scheme=scheme, viewport={"width": width, "height": height})
    drop(page, ("a-name-without-any-space-" * 6 + ".pcap", fresh(1)), ("notes.txt", b"hello"))
    expect(page.locator(".job a:visible")).to_have_count(1, timeout=SLOW)
    assert not scrolls_sideways(page)
    page.screenshot(path=tmp_path / "upload.png", full_page=True)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in re.findall(r"\d+", background)[:3]) > 384) == (scheme == "light")
    page.locator(".job a:visible").click()
    expect(page).to_have_url(REPORT, timeout=SLOW)
    assert not scrolls_sideways(page)
    page.screenshot(path=tmp_path / "report.png")


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
