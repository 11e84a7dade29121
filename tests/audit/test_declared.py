"""The page of the audit log's types is that of the declaration."""

import re
from pathlib import Path

from pcap_analyzer.audit import DECLARED
from pcap_analyzer.audit.__main__ import page

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"


def test_the_document_is_of_the_declaration() -> None:
    assert DOCUMENT.read_text() == page(), "python -m pcap_analyzer.audit > docs/audit.md"


def test_types_are_words_of_one_form() -> None:
    assert len(DECLARED) >= 50
    for name in DECLARED:
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+){1,2}", name), name
