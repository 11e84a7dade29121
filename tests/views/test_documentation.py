"""docs/views.md says of every column what the declaration says."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_has_the_columns_as_they_are():
    spec = importlib.util.spec_from_file_location("views_page", DOCS / "views.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text()
    assert page == module.renewed(page), "run: python docs/views.py"
    assert "| Fwd Packet Length Max | int64 |" in page
