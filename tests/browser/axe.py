"""What axe says of a page, see https://github.com/dequelabs/axe-core."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

# Rules for a page, not for what is framed in it, which has its own test.
OPTIONS = "{ resultTypes: ['violations'], iframes: false }"


def serious(page: Page) -> list[Any]:
    """Its findings of the two worst kinds; open the page with bypass_csp, or axe may not run."""
    page.add_script_tag(content=(files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run(document, {OPTIONS})")
    assert len(found["passes"]) > 10  # it ran, and over a page
    return [
        (one["id"], one["impact"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
