"""What the service says in another language: every sentence of a refusal or a failure, and what stands in it."""

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from pcap_analyzer import capture, filters, jobs, table_pages, web
from pcap_analyzer.adapters import process
from pcap_analyzer.analysis.model import EarlyFinding, FirstResults
from pcap_analyzer.errors import FilterError
from pcap_analyzer.export.catalog import catalog
from pcap_analyzer.export.messages import said_in_python
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.table_pages import Query
from pcap_analyzer.web.messages import FILTERS, LOCALE, filter_teller, in_words_of, teller
from pcap_analyzer.web.problems import KINDS
from pcap_analyzer.web.status import live_status_of
from tests.jobs.captures import ordering
from tests.web.server import give, serving, wait_for

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

FRENCH = {"Accept-Language": "fr"}
FAILURES = {"Failed", "Killed", "CaptureError", "BeyondLimit"}
# Those whose cases are sentences of their own.
PIECES = {"the analysis of {0} {1}"}
# Of captures, what only the command line meets: paths, standard input, recordings of several files.
ELSEWHERE = (
    "there is no file",
    "no permission",
    "{0} is a folder",
    "standard input",
    "a recording",
    "{0} begins",
    "{0} and",
)


def refusals() -> dict[str, str]:
    """Every sentence with which something is refused or has failed, with the file that says it."""
    names = {kind.__name__ for kind in KINDS} | FAILURES
    files = [Path(process.__file__)]
    for package in (capture, jobs, web):
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
    unknown = {said: file for said, file in refusals().items() if said not in known and not said.startswith(ELSEWHERE)}
    assert unknown == dict.fromkeys(PIECES, "service.py")
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
    cut = told("a.pcap cannot be read: the file ends inside a record: 9 bytes of it are there (at byte 24)")
    assert cut.endswith("s’arrête au milieu d’un enregistrement : 9 octets en sont là (à l’octet 24)")
    assert teller("en")("any sentence") == "any sentence"


@pytest.mark.parametrize("accept", ["text/html", "application/problem+json"])
def test_a_problem_is_told_in_the_language_of_who_asks(client: httpx.Client, accept: str) -> None:
    nowhere = "/analyses/00000000-0000-0000-0000-000000000000"
    assert "Pas d’analyse de ce nom" in client.get(nowhere, headers=FRENCH | {"Accept": accept}).text
    assert "No such analysis" in client.get(nowhere, headers={"Accept": accept}).text
    assert "il n’y a rien à cette adresse" in client.get("/nowhere", headers=FRENCH | {"Accept": accept}).text
    assert "there is nothing at this address" in client.get("/nowhere", headers={"Accept": accept}).text
    assert "takes other methods" in client.put("/api/upload", headers={"Accept": accept}).text
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Accept": accept}
    assert "Envoyé par un autre site" in client.post("/api/upload", headers=FRENCH | elsewhere).text


def test_an_event_is_told_in_the_language_of_who_listens(client: httpx.Client) -> None:
    task_id = give(client, ordering("fail"))
    wait_for(client, task_id, "failed")
    told = {}
    for language in ("en", "fr"):
        with client.stream("GET", f"/api/progress/{task_id}", headers={"Accept-Language": language}) as events:
            lines = [line for line in events.iter_lines() if line]
        told[language] = json.loads(next(line for line in lines if line.startswith("data: "))[6:])["reason"]
        told[f"id {language}"] = next(line for line in lines if line.startswith("id: "))
    assert told["en"] == "this is no capture (at byte 24)"
    assert told["fr"].endswith("(à l’octet 24)")
    # Whoever changes the language meanwhile is not told the same twice.
    assert told["id en"] == told["id fr"]


def test_findings_so_far_are_told_as_the_report_tells_them() -> None:
    found = EarlyFinding("packet_loss", "warning", "1.5 % of the data segments from client to server are lost.", 3)
    status = live_status_of(Analysis("a", "a.pcap", 1, NOON), FirstResults(findings=[found]))
    [told] = in_words_of(status, "fr").first_results.findings  # type: ignore[union-attr]
    assert told == replace(found, title="1,5 % des segments de données du client au serveur sont perdus.")
    assert in_words_of(status, "en") == status


@pytest.mark.parametrize(
    ("most", "english", "french"),
    [
        ("1", "1 analysis is waiting already", "1 analyse attend déjà"),
        ("2", "2 analyses are waiting already", "2 analyses attendent déjà"),
    ],
)
def test_one_that_waits_is_not_several(most: str, english: str, french: str, data_dir: Path) -> None:
    with serving(data_dir, WORKERS="0", MAX_QUEUE_SIZE=most) as address, httpx.Client(base_url=address) as client:
        for number in range(int(most)):
            give(client, ordering(f"succeed {number}"))
        for language, words in (("en", english), ("fr", french)):
            refused = client.post(
                "/api/upload", files={"file": ("a.pcap", ordering("x"))}, headers={"Accept-Language": language}
            )
            assert refused.status_code == 429
            assert refused.json()["detail"].startswith(words)


def test_no_complaint_about_a_filter_is_left_in_english() -> None:
    known = catalog("fr", FILTERS).messages
    said = set()
    for file in (*sorted(Path(str(filters.__file__)).parent.glob("*.py")), Path(table_pages.__file__)):
        for call in ast.walk(ast.parse(source := file.read_text(encoding="utf-8"))):
            names = {"FilterError", "TableError", "_wrong"}
            if isinstance(call, ast.Call) and call.args and (ast.unparse(call.func).rpartition(".")[2] in names):
                sentence = ast.get_source_segment(source, call.args[0]) or ""
                said |= {one for _, one in said_in_python(f"say({sentence})")}
    assert len(said) > 10
    assert said - set(known) == {"{0}, {1}"} & said


@pytest.mark.parametrize(
    ("where", "french"),
    [
        ("server_port == 1 or nothing == 1", "flows n’a pas de colonne nothing"),
        ("server_port ==", "le filtre finit ici, on attendait une valeur pour server_port"),
        ("server_port == x", "on a trouvé 'x', on attendait un nombre entier pour server_port"),
        ("client == 1.2.3", "on a trouvé '1.2.3', on attendait une adresse pour client"),
    ],
)
def test_a_wrong_filter_is_told_in_french_and_shown_as_it_is(where: str, french: str) -> None:
    with pytest.raises(FilterError) as wrong:
        Query("flows", where=where)
    said, _, shown = filter_teller("fr")(str(wrong.value)).partition("\n")
    assert said.startswith("le filtre est faux au caractère ")
    assert french in said
    assert shown.splitlines()[0].strip() == where
