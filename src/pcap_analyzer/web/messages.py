"""What the service says in other languages: its pages, its scripts, and the sentences of its refusals.

The catalog stands beside this package; what a page has in common with the report is said as there.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from pcap_analyzer.export.catalog import Catalog, catalog
from pcap_analyzer.export.teller import Teller

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
