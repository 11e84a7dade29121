"""What the service says in other languages: its pages, its scripts, and the sentences of its refusals.

The catalog stands beside this package; what a page has in common with the report is said as there.
"""

import re
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from pcap_analyzer.capture.damage import SENTENCES
from pcap_analyzer.export.catalog import Catalog, catalog
from pcap_analyzer.export.language import functions
from pcap_analyzer.export.teller import Teller
from pcap_analyzer.web.status import LiveStatus

LOCALE = str(Path(__file__).parent / "locale")
FILTERS = str(Path(__file__).parent / "locale" / "filters")


def translation_of(language: str) -> Callable[[str], str]:
    """What a message of a page or a script is in that language; itself where no catalog has it."""
    known = {**catalog(language).messages, **catalog(language, LOCALE).messages}
    return lambda message: known.get(message, message)


@cache
def teller(language: str) -> Callable[[str], str]:
    """Says a ready sentence, as refusals and failures bring them, in that language."""
    if language == "en":
        return str
    own, reports = catalog(language, LOCALE), catalog(language)
    # Of the report's, the sentences of damage: the rest is said of what is in a capture.
    damages = {form: reports.messages[form] for form in map(_form, SENTENCES.values())}
    sentences = {form: said for form, said in own.messages.items() if not _is_scrap(form)}
    return Teller(Catalog({**damages, **sentences}, {**reports.plurals, **own.plurals})).told


@cache
def filter_teller(language: str) -> Callable[[str], str]:
    """Says what is wrong with a filter, or with what was asked of a table, in that language.

    A catalog of its own: names of columns stand in these sentences, and are no words of a page. The filter itself
    stands on lines below, and is shown as it is.
    """
    if language == "en":
        return str
    tell = Teller(catalog(language, FILTERS)).told

    def told(text: str) -> str:
        said, line, shown = text.partition("\n")
        return tell(said) + line + shown

    return told


def _form(sentence: str) -> str:
    """A sentence with named places as catalogs have it, its places numbered."""
    numbers = count()
    return re.sub(r"\{[^}]*\}", lambda _: f"{{{next(numbers)}}}", sentence)


def _is_scrap(form: str) -> bool:
    """Whether it has fewer words than places, as "{0} of {1}" on a page: half of all sentences would be found so."""
    return len(re.findall(r"[^\W\d_]{2,}", form)) < form.count("{")


def in_words_of(status: LiveStatus, language: str) -> LiveStatus:
    """The status, why it ended and what was found as pages and reports in that language say it."""
    first, told = status.first_results, functions(language)["told"]
    if first is not None:
        first = replace(first, findings=[replace(one, title=told(one.title)) for one in first.findings])
    reason = None if status.reason is None else teller(language)(status.reason)
    return replace(status, reason=reason, first_results=first)
