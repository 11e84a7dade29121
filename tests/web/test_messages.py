"""What the service says in another language: every sentence of a refusal or a failure, and what stands in it."""

import ast
from pathlib import Path

import httpx
import pytest

from pcap_analyzer import jobs, web
from pcap_analyzer.adapters import process
from pcap_analyzer.export.catalog import catalog
from pcap_analyzer.export.messages import said_in_python
from pcap_analyzer.web.messages import LOCALE, teller
from pcap_analyzer.web.problems import KINDS

FRENCH = {"Accept-Language": "fr"}
FAILURES = {"Failed", "Killed"}
# Those whose cases are sentences of their own.
PIECES = {"the analysis of {0} {1}"}


def refusals() -> dict[str, str]:
    """Every sentence with which something is refused or has failed, with the file that says it."""
    names = {kind.__name__ for kind in KINDS} | FAILURES
    files = [Path(process.__file__)]
    for package in (jobs, web):
        files += sorted(Path(str(package.__file__)).parent.rglob("*.py"))
    found: dict[str, str] = {}
    for file in files:
        source = file.read_text(encoding="utf-8")
        for call in ast.walk(ast.parse(source)):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names and call.args:
                sentence = ast.get_source_segment(source, call.args[0]) or ""
                found |= dict.fromkeys((said for _, said in said_in_python(f"say({sentence})")), file.name)
    return found


def test_no_refusal_is_left_in_english() -> None:
    known = catalog("fr", LOCALE).messages
    assert len(refusals()) > 40
    assert {said: file for said, file in refusals().items() if said not in known} == dict.fromkeys(PIECES, "service.py")
    assert {title for _, _, title in KINDS.values()} <= set(known)


def test_a_sentence_is_found_with_what_stands_in_it() -> None:
    told = teller("fr")
    assert told(
        "notes.txt is text; expected pcap or pcapng, plain or compressed with gzip, zstd, lz4, xz or bzip2"
    ) == (
        "notes.txt est du texte ; on attendait pcap ou pcapng, tel quel ou compressé par gzip, zstd, lz4, xz ou bzip2"
    )
    assert told(
        "the analysis of x.pcap has failed: the capture crashed its worker (SIGSEGV); nothing else was harmed"
    ) == ("l’analyse de x.pcap a échoué : la capture a fait tomber son processus (SIGSEGV) ; rien d’autre n’a souffert")
    assert teller("en")("any sentence") == "any sentence"


@pytest.mark.parametrize("accept", ["text/html", "application/problem+json"])
def test_a_problem_is_told_in_the_language_of_who_asks(client: httpx.Client, accept: str) -> None:
    nowhere = "/analyses/00000000-0000-0000-0000-000000000000"
    assert "Pas d’analyse de ce nom" in client.get(nowhere, headers=FRENCH | {"Accept": accept}).text
    assert "No such analysis" in client.get(nowhere, headers={"Accept": accept}).text
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Accept": accept}
    assert "Envoyé par un autre site" in client.post("/api/upload", headers=FRENCH | elsewhere).text
