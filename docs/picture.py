"""Takes the README's two pictures of a report, in light and dark.

    pcap-analyzer analyze CAPTURE --html /tmp/report.html
    python docs/picture.py /tmp/report.html [CHROMIUM]

Needs chromium and the Python package playwright.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1280, 1340
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def take(page_file: Path, chromium: str) -> None:
    """Write report-light.png and report-dark.png beside this script."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
            page.goto(page_file.resolve().as_uri())
            page.wait_for_selector("[data-chart=throughput] .main-svg")
            page.screenshot(path=HERE / f"report-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else shutil.which("chromium") or "chromium")
