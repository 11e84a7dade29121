"""How another language says what a report holds: numbers, times, and the sentences that findings are made of.

Sentences of findings come ready made, because the JSON has them and means the same to everyone; here each is found
again by its form in the catalog, and the words, numbers and names between are translated, or kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from pcap_analyzer.export.catalog import Catalog, catalog
from pcap_analyzer.export.language import WORDS, said
from pcap_analyzer.report import words

NARROW = "\N{NARROW NO-BREAK SPACE}"
SPACE = "\N{NO-BREAK SPACE}"
PLACE = re.compile(r"\{(\w*)\}")
FIGURE = re.compile(r"[<>]?\s?[\d,]*\d(?:\.\d+)?(?:\s?(?:%|[µmn]?s|min|h|d|y|[kMGT]?B|[kMGT]?bit/s))?")
COUNTED = re.compile(r"([\d,]*\d)(\s)([^\W\d_][\w/ -]*)")
MAX_DEPTH = 4  # sentences within sentences


@cache
def functions_of(language: str) -> dict[str, Callable[..., Any]]:
    """By name what templates call."""
    known = catalog(language)
    teller = Teller(known)

    def plural(number: int, one: str, many: str | None = None) -> str:
        return f"{number_in_french(words.count(number))}{SPACE}{teller.noun(number, one, many)}"

    return {
        **{name: _french(getattr(words, name)) for name in WORDS},
        "plural": plural,
        "socket": words.socket,
        "told": teller.told,
        "unit": teller.told,
        "_": said,
    }


def _french(function: Callable[..., str]) -> Callable[..., str]:
    return lambda *given: number_in_french(function(*given))


MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)\.(\d+)")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
UNITS = re.compile(rf"(?<=\d[ {SPACE}])([kMGTPE]?B|d|y)(?!\w)")
FRENCH_UNITS = {"d": "j", "y": "a"}


def number_in_french(text: str) -> str:
    """1,234.5 → 1 234,5; 2.70 GB → 2,70 Go; a date by day, month, year."""
    text = THOUSANDS.sub(NARROW, text)
    text = re.sub(r"(?<=\d)\.(?=\d)", ",", MOMENT.sub(r"\3/\2/\1 \4.\5", text))
    text = UNITS.sub(lambda unit: FRENCH_UNITS.get(unit[1]) or f"{unit[1][:-1]}o", text)
    return text.replace("packets/s", "paquets/s")


class Teller:
    """Finds the sentence that a text is, and says it in the catalog's language."""

    def __init__(self, known: Catalog) -> None:
        self._known = known
        self._forms: list[tuple[re.Pattern[str], str]] | None = None
        self._singular = {many: one for one, (many, *_) in known.plurals.items()}

    def noun(self, number: int, one: str, many: str | None = None) -> str:
        forms = self._known.plurals.get(one)
        if forms is None:
            return one if number == 1 else many or one + "s"
        return forms[1] if number < 2 else forms[2]

    def told(self, text: str, depth: int = 0) -> str:
        """The text in this language; as it is where the catalog does not know it."""
        return self.translation(text, depth) or text

    def translation(self, text: str, depth: int = 0) -> str | None:
        """None: the catalog does not know it."""
        exact = self._known.messages.get(text)
        if exact is not None:
            return exact
        if FIGURE.fullmatch(text):
            return number_in_french(text)
        counted = COUNTED.fullmatch(text)
        if counted is not None and (said := self._counted(counted)) is not None:
            return said
        return self._formed(text, depth) if depth < MAX_DEPTH else None

    def _counted(self, found: re.Match[str]) -> str | None:
        """A number and a noun: 3 segments."""
        number, noun = int(found[1].replace(",", "")), found[3]
        one = noun if noun in self._known.plurals else self._singular.get(noun)
        return None if one is None else f"{number_in_french(found[1])}{SPACE}{self.noun(number, one)}"

    def _formed(self, text: str, depth: int) -> str | None:
        for form, translation in self._all_forms():
            found = form.fullmatch(text)
            if found is not None:
                parts = [self.told(part, depth + 1) for part in found.groups()]
                return _filled(translation, parts)
        return None

    def _all_forms(self) -> list[tuple[re.Pattern[str], str]]:
        """Those with most words of their own first: they say most surely what a text is."""
        if self._forms is None:
            sentences = [(one, said) for one, said in self._known.messages.items() if re.search(r"\{\d\}", one)]
            sentences.sort(key=lambda one: -len(PLACE.sub("", one[0])))
            self._forms = [(_form(one), said) for one, said in sentences if len(PLACE.sub("", one).strip()) > 1]
        return self._forms


def _filled(said: str, parts: list[str]) -> str:
    return PLACE.sub(lambda place: parts[int(place[1])] if place[1].isdigit() else place[0], said)


def _form(message: str) -> re.Pattern[str]:
    """The message with anything in its places, which stand in order; a place before a mere space takes all it can."""
    first, *parts = re.split(r"\{\d\}", message)
    places = "".join(f"({'.*' if part == ' ' else '.*?'}){re.escape(part)}" for part in parts)
    return re.compile(re.escape(first) + places, re.DOTALL)
