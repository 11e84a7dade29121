"""What the service says in other languages: its pages, its scripts, and the sentences of its refusals.

The catalog stands beside this package; what a page has in common with the report is said as there.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from pcap_analyzer.export.catalog import Catalog, catalog
from pcap_analyzer.export.language import functions
from pcap_analyzer.export.teller import Teller
from pcap_analyzer.web.status import LiveStatus

LOCALE = str(Path(__file__).parent / "locale")


def translation_of(language: str) -> Callable[[str], str]:
    """What a message of a page or a script is in that language; itself where no catalog has it."""
    known = {**catalog(language).messages, **catalog(language, LOCALE).messages}
    return lambda message: known.get(message, message)


@cache
def teller(language: str) -> Callable[[str], str]:
    """Says a ready sentence, as refusals and failures bring them, in that language."""
    if language == "en":
        return str
    own = catalog(language, LOCALE)
    return Teller(Catalog(own.messages, {**catalog(language).plurals, **own.plurals})).told


def in_words_of(status: LiveStatus, language: str) -> LiveStatus:
    """The status, why it ended and what was found as pages and reports in that language say it."""
    first, told = status.first_results, functions(language)["told"]
    if first is not None:
        first = replace(first, findings=[replace(one, title=told(one.title)) for one in first.findings])
    reason = None if status.reason is None else teller(language)(status.reason)
    return replace(status, reason=reason, first_results=first)
