"""Another language: nothing is left unsaid, numbers and times are its own, and a capture's words stay what they are."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from babel.dates import format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from pcap_analyzer import export
from pcap_analyzer.capture import damage
from pcap_analyzer.export import catalog, language, messages, teller
from pcap_analyzer.export.language import LANGUAGES
from pcap_analyzer.pipeline import analyze_capture
from pcap_analyzer.report import build_report, words
from pcap_analyzer.web.language import wanted
from pcap_analyzer.web.messages import LOCALE
from tests.report import synthetic

PACKAGE = Path(export.__file__).parent.parent
CAPTURES = Path(__file__).parent.parent / "captures"
OTHERS = [one for one in LANGUAGES if one != "en"]
SILENT = {"thresholds.py", "terms.py", "model.py", "text.py"}
PLACES = re.compile(r"\{\w*\}")


def said_in_pages() -> dict[str, str]:
    """Every message of the service's templates and scripts, with the file that says it."""
    found: dict[str, str] = {}
    for path in sorted((PACKAGE / "web" / "pages").glob("*.html")):
        found |= dict.fromkeys(messages.said_in_template(path.read_text(encoding="utf-8")), path.name)
    for script in sorted((PACKAGE / "web" / "static").glob("*.js")):
        found |= dict.fromkeys(messages.said_in_script(script.read_text(encoding="utf-8")), script.name)
    return found


def said_in_reports() -> dict[str, str]:
    """Every message of templates, script, findings and report, with the file that says it."""
    found: dict[str, str] = {}
    for path in sorted((PACKAGE / "export" / "templates").rglob("*.html")):
        found |= dict.fromkeys(messages.said_in_template(path.read_text(encoding="utf-8")), path.name)
    script = PACKAGE / "export" / "static" / "report.js"
    found |= dict.fromkeys(messages.said_in_script(script.read_text(encoding="utf-8")), script.name)
    for folder in ("findings", "report"):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            if path.name not in SILENT:
                told = messages.said_in_python(path.read_text(encoding="utf-8"))
                found |= {message: path.name for _, message in told}
    damages = (re.sub(r"\{\w+(:\w+)?\}", "{}", one) for one in damage.SENTENCES.values())
    found |= {one.format("{0}", "{1}") if one.count("{}") > 1 else one.format("{0}"): "damage.py" for one in damages}
    orders = product(("micro", "nano"), ("big", "little"))
    return found | {f"pcap, {unit}seconds, {order}-endian": "pcap.py" for unit, order in orders}


@pytest.mark.parametrize("spoken", OTHERS)
def test_a_catalog_lacks_no_message(spoken):
    known = catalog.catalog(spoken).messages
    assert {message: file for message, file in said_in_reports().items() if message not in known} == {}
    known = known | catalog.catalog(spoken, LOCALE).messages
    assert {message: file for message, file in said_in_pages().items() if message not in known} == {}


@pytest.mark.parametrize("spoken", OTHERS)
def test_what_only_pages_say_is_not_looked_for_in_reports(spoken):
    """Sentences are found by their form, and "{0} of {1}" is the form of many."""
    assert set(catalog.catalog(spoken).messages) & (set(said_in_pages()) - set(said_in_reports())) == set()


@pytest.mark.parametrize("spoken", OTHERS)
def test_translations_have_the_places_of_their_messages(spoken):
    both = catalog.catalog(spoken).messages | catalog.catalog(spoken, LOCALE).messages
    for message, translation in both.items():
        unknown = set(PLACES.findall(translation)) - set(PLACES.findall(message))
        assert not unknown, message


@pytest.mark.parametrize("spoken", OTHERS)
def test_our_reader_of_catalogs_agrees_with_babel(spoken):
    with Path(catalog.path_of(spoken)).open("rb") as file:
        read = read_po(file, locale=spoken)
    ours = catalog.read(catalog.path_of(spoken))
    theirs = {one.id: one.string for one in read if one.id}
    single = {name: text for name, text in theirs.items() if isinstance(name, str)}
    plural = {name: texts for name, texts in theirs.items() if isinstance(name, tuple)}
    assert ours.messages == (
        single
        | {one: texts[0] for (one, _), texts in plural.items()}
        | {many: texts[1] for (_, many), texts in plural.items() if "{" in many}
    )
    assert {(one, many): texts for one, (many, *texts) in ours.plurals.items()} == {
        name: list(texts) for name, texts in plural.items()
    }


@pytest.mark.parametrize("spoken", OTHERS)
@pytest.mark.parametrize("case", sorted(path.parent.name for path in CAPTURES.glob("*/client.pcap")))
def test_a_report_leaves_no_sentence_in_english(spoken, case, monkeypatch):
    left = set()
    found = teller.Teller.translation

    def watched(self: teller.Teller, text: str, depth: int = 0) -> str | None:
        translation = found(self, text, depth)
        if translation is None and depth == 0 and len(re.findall(r"[a-z]{2,}", text)) > 1:
            left.add(text)
        return translation

    monkeypatch.setattr(teller.Teller, "translation", watched)
    page = export.html.render(build_report(analyze_capture(CAPTURES / case / "client.pcap")), language=spoken).decode()
    assert left == set()
    assert f'<html lang="{spoken}">' in page


@pytest.mark.parametrize("name", ["empty", "small", "damaged", "joined", "hostile", "large"])
@pytest.mark.parametrize("spoken", OTHERS)
def test_the_page_is_the_same_in_every_language_but_for_words(name, spoken):
    report = build_report(getattr(synthetic, name)())
    pages = [export.html.render(report, language=one).decode() for one in ("en", spoken)]
    outlines = [re.findall(r"<[a-z]\w*|id=\"[^\"]*\"", page[: page.index("report-data")]) for page in pages]
    assert outlines[0] == outlines[1]
    assert "<img" not in pages[1][: pages[1].index("report-data")]


@pytest.mark.parametrize("number", [0, 999, 1234, 1234567])
def test_french_numbers_are_those_of_the_locale(number):
    assert language.functions("fr")["count"](number) == format_decimal(number, locale="fr")
    assert language.functions("fr")["figure"](number + 0.5 if number < 1000 else number) == format_decimal(
        number + 0.5 if number < 1000 else number, locale="fr"
    )


def test_french_sizes_times_and_plurals():
    french = language.functions("fr")
    assert french["size"](2_700_000_000) == "2,70\N{NO-BREAK SPACE}Go"
    assert french["duration"](200_000_000_000_000) == "2\N{NO-BREAK SPACE}j 7\N{NO-BREAK SPACE}h"
    assert french["share"](1, 63) == "1,59\N{NO-BREAK SPACE}%"
    at = words.EPOCH.replace(year=2024, month=5, day=6, hour=7)
    moment = french["moment"](int(at.timestamp()) * 10**9)
    assert moment.startswith(format_datetime(at, "dd/MM/yyyy HH:mm:ss", locale="fr"))
    assert [french["plural"](number, "packet").split("\N{NO-BREAK SPACE}")[1] for number in (0, 1, 2)] == [
        "paquet",
        "paquet",
        "paquets",
    ]


def test_sentences_are_found_again_with_what_stands_in_them():
    told = language.functions("fr")["told"]
    assert told("1.6 % of the data segments from client to server are lost on 3 paths.") == (
        "1,6 % des segments de données du client au serveur sont perdus sur 3 chemins."
    )
    assert told("<b>what a capture says</b>") == "<b>what a capture says</b>"
    assert "172.16.0.1" in told("The resolver 172.16.0.1 left 3 queries (50 %) unanswered.")


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", "en"), ("fr-FR,fr;q=0.9,en;q=0.8", "fr"), ("en-US,fr;q=0.5", "en"), ("de, fr;q=0.3", "fr"), ("x;q=z", "en")],
)
def test_a_browser_gets_the_language_that_it_asks_for(header, expected):
    assert wanted(header) == expected


def test_english_reads_no_catalog():
    assert catalog.catalog("en") is catalog.EMPTY


def test_english_imports_nothing_of_other_languages():
    subprocess.run([sys.executable, "-m", "pcap_analyzer.export"], check=True)  # compiled once, like bytecode
    code = "import sys; from pcap_analyzer.export import html; html.prepare(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"babel", "jinja2", "pcap_analyzer.export.catalog", "pcap_analyzer.export.teller"} & set(loaded)
