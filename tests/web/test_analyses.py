"""How analyses stand is told once, as a list, and as events; reports are handed out with a policy of their own."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from pcap_analyzer.adapters.process import WORKER
from tests.jobs.captures import capture, fresh, ordering
from tests.jobs.double_worker import NONCE
from tests.web.server import give, serving, wait_for

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def events(client: httpx.Client, task_id: str, last_id: str | None = None) -> list[dict[str, Any]]:
    """Every event of the stream, which ends by itself."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with client.stream("GET", f"/api/progress/{task_id}", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text()).replace("\r\n", "\n").strip()
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n")]


def test_progress_tells_every_state_and_ends(client: httpx.Client) -> None:
    told = events(client, give(client, fresh(3)))
    assert len({event["id"] for event in told}) == len(told)
    assert {event["event"] for event in told} == {"status"}
    assert {event["retry"] for event in told} == {"1000"}
    last = json.loads(told[-1]["data"])
    assert last["status"] == "succeeded"
    assert last["progress"] == {
        "phase": "reporting",
        "percent": 100.0,
        "packets": 3,
        "bytes_read": 100,
        "bytes_per_second": 200,
    }


def test_whoever_comes_back_is_told_only_what_is_new(client: httpx.Client) -> None:
    task_id = give(client, ordering("fail again"))
    wait_for(client, task_id, "failed")
    [end] = events(client, task_id)
    assert events(client, task_id, "of another event") == [end]
    answer = client.get(f"/api/progress/{task_id}", headers={"Last-Event-ID": end["id"]})
    assert (answer.status_code, answer.text) == (204, "")


def test_an_event_is_the_same_after_a_restart(data_dir: Path) -> None:
    told = []
    for _ in range(2):
        with serving(data_dir) as address, httpx.Client(base_url=address, timeout=30) as client:
            if not told:
                task_id = give(client, capture(3))
            wait_for(client, task_id, "succeeded")
            told.append(events(client, task_id)[-1])
    assert told[0] == told[1]


def test_progress_of_an_ended_analysis_is_its_end(client: httpx.Client) -> None:
    task_id = give(client, ordering("fail"))
    wait_for(client, task_id, "failed")
    [only] = events(client, task_id)
    assert json.loads(only["data"])["reason"] == "this is no capture (at byte 24)"


def test_history_pages_and_filters(client: httpx.Client) -> None:
    failed, good = give(client, ordering("fail")), give(client, capture(1))
    wait_for(client, good, "succeeded")
    newest = client.get("/api/history", params={"limit": 1}).json()
    assert [one["task_id"] for one in newest["analyses"]] == [good]
    assert newest["total"] >= 2
    only_failed = client.get("/api/history", params={"status": "failed", "limit": 1, "offset": 0}).json()
    assert [one["task_id"] for one in only_failed["analyses"]] == [failed]


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "offset=-1", "status=resting"])
def test_a_wrong_query_is_400_and_says_which(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/api/history?{query}")
    assert answer.status_code == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        f"/api/status/{UNKNOWN}",
        f"/api/progress/{UNKNOWN}",
        f"/api/reports/{UNKNOWN}/html",
        f"/analyses/{UNKNOWN}",
        f"/analyses/{UNKNOWN}/report",
        "/api/status/..%2f..%2fetc%2fpasswd",
        "/static/../app.py",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_404(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_report_that_is_not_ready_is_409(client: httpx.Client) -> None:
    task_id = give(client, ordering("fail"))
    wait_for(client, task_id, "failed")
    answer = client.get(f"/api/reports/{task_id}/json")
    assert answer.status_code == 409
    assert "has failed: this is no capture" in answer.json()["detail"]


def test_a_report_page_is_sandboxed_with_a_fresh_nonce(client: httpx.Client) -> None:
    task_id = give(client, capture(1))
    wait_for(client, task_id, "succeeded")
    answers = [client.get(f"/api/reports/{task_id}/html") for _ in range(2)]
    policies = [answer.headers["content-security-policy"] for answer in answers]
    nonces = [re.findall(r"script-src 'nonce-([\w-]+)'", policy)[0] for policy in policies]
    assert nonces[0] != nonces[1]
    for answer, policy, nonce in zip(answers, policies, nonces, strict=True):
        assert "sandbox" in policy
        assert "allow-same-origin" not in policy
        assert f'<script nonce="{nonce}">' in answer.text
        assert NONCE not in answer.text


def test_a_report_can_be_saved(client: httpx.Client) -> None:
    task_id = give(client, capture(1))
    wait_for(client, task_id, "succeeded")
    answer = client.get(f"/api/reports/{task_id}/json", params={"download": "true"})
    assert answer.headers["content-disposition"] == f'attachment; filename="report-{task_id}.json"'
    assert answer.headers["content-type"] == "application/json"
    assert client.get(f"/api/reports/{task_id}/xml").status_code == 404


def test_known_bytes_are_not_analysed_again(client: httpx.Client) -> None:
    data = fresh(2)
    first, second = give(client, data), give(client, data, "copy.pcap")
    original = wait_for(client, first, "succeeded")
    third = give(client, data, "copy.pcap")
    known = client.get(f"/api/status/{third}").json()
    assert (known["status"], known["duplicate_of"], known["report"]) == ("succeeded", first, original["report"])
    assert known["progress"]["packets"] == original["progress"]["packets"]
    assert client.get(f"/api/reports/{third}/json").text.startswith("json of mine.pcap")
    # The second came while the first was analysed: nobody knew its bytes.
    assert wait_for(client, second, "succeeded")["duplicate_of"] in {None, first}
    history = client.get("/api/history", params={"limit": 3}).json()["analyses"]
    assert {one["task_id"]: one["duplicate_of"] for one in history}[third] == first
    [end] = events(client, third)
    assert json.loads(end["data"])["duplicate_of"] == first
    assert client.delete(f"/api/reports/{third}").status_code == 204
    assert client.get(original["report"]["html"]).status_code == 200


def test_a_copy_ends_with_the_report_that_it_shows(client: httpx.Client) -> None:
    data = fresh(2)
    first = give(client, data)
    wait_for(client, first, "succeeded")
    second = give(client, data)
    assert client.delete(f"/api/reports/{first}").status_code == 204
    gone = client.get(f"/api/status/{second}").json()
    assert (gone["status"], gone["report"], gone["duplicate_of"]) == ("expired", None, None)
    assert wait_for(client, give(client, data), "succeeded")["duplicate_of"] is None


def test_a_report_that_was_removed_says_so(data_dir: Path) -> None:
    with serving(data_dir) as address, httpx.Client(base_url=address) as client:
        task_id = give(client, capture(1))
        wait_for(client, task_id, "succeeded")
        (data_dir / "reports" / f"{task_id}.html").unlink()
        answer = client.get(f"/api/reports/{task_id}/html")
        assert answer.status_code == 409
        assert "no longer stored" in answer.json()["detail"]


def test_a_run_is_cancelled_and_run_again_on_request(data_dir: Path) -> None:
    with serving(data_dir, WORKERS="1") as address, httpx.Client(base_url=address, timeout=30) as client:
        task_id = give(client, ordering("wait"))
        wait_for(client, task_id, "running")
        answer = client.post(f"/api/analyses/{task_id}/cancel")
        assert (answer.status_code, answer.json()["reason"]) == (200, "cancelled on request")
        assert json.loads(events(client, task_id)[-1]["data"])["status"] == "cancelled"
        assert "This analysis was cancelled" in client.get(f"/analyses/{task_id}").text
        again = client.post(f"/api/analyses/{task_id}/cancel")
        assert (again.status_code, again.json()["type"]) == (409, "urn:pcap-analyzer:problem:not-possible")
        answer = client.post(f"/api/analyses/{task_id}/retry")
        assert (answer.status_code, answer.json()["reason"]) == (202, None)
        wait_for(client, task_id, "running")


def test_progress_of_a_deleted_analysis_ends(data_dir: Path) -> None:
    with serving(data_dir, WORKERS="1") as address, httpx.Client(base_url=address, timeout=30) as client:
        task_id = give(client, ordering("wait"))
        with client.stream("GET", f"/api/progress/{task_id}") as stream:
            lines = stream.iter_lines()
            next(lines)
            assert client.delete(f"/api/reports/{task_id}").status_code == 204
            assert not any('"failed"' in line for line in lines)
        wait_for(client, give(client, capture(1)), "succeeded")


def test_a_deleted_analysis_is_gone_with_its_files(client: httpx.Client) -> None:
    task_id = give(client, fresh(1))
    done = wait_for(client, task_id, "succeeded")
    assert client.delete(f"/api/reports/{task_id}").status_code == 204
    for path in (f"/api/status/{task_id}", done["report"]["html"], done["report"]["page"]):
        assert client.get(path).status_code == 404
    assert client.delete(f"/api/reports/{task_id}").status_code == 404
    for what in ("cancel", "retry"):
        assert client.post(f"/api/analyses/{task_id}/{what}").status_code == 404


def test_the_real_worker_reports_a_real_capture(data_dir: Path) -> None:
    with serving(data_dir, WORKER) as address, httpx.Client(base_url=address, timeout=60) as client:
        task_id = give(client, capture(3), "three packets.pcap")
        done = wait_for(client, task_id, "succeeded", "failed")
        assert done["reason"] is None
        assert done["progress"]["packets"] == 3
        report = client.get(done["report"]["json"]).json()
        assert report["capture"]["packets"] == 3
        assert report["source"]["name"] == "three packets.pcap"
        assert b"three packets.pcap" in client.get(done["report"]["html"]).content


def test_a_report_is_read_in_the_language_of_its_reader(data_dir: Path) -> None:
    with (
        serving(data_dir, WORKER) as address,
        httpx.Client(base_url=address, headers={"Accept-Language": "fr"}) as client,
    ):
        capture_of_dns = Path(__file__).parent.parent / "captures" / "dns_failing" / "client.pcap"
        done = wait_for(client, give(client, capture_of_dns.read_bytes()), "succeeded")
        page = client.get(done["report"]["html"])
        assert '<html lang="fr"' in page.text
        assert page.headers["content-language"] == "fr"
        (nonce,) = re.findall("nonce-([^']+)", page.headers["content-security-policy"])
        assert f'<script nonce="{nonce}">' in page.text
        english = client.get(done["report"]["html"], headers={"Accept-Language": "en"}).text
        assert '<html lang="en"' in english
