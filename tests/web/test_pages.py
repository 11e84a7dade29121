"""The pages work without scripts, and show names as text whatever they are."""

import re

import httpx
import pytest

from tests.jobs.captures import capture, fresh, ordering
from tests.web.server import give, wait_for

EVIL = "<script>alert(1)</script>.pcap"
ESCAPED = "&lt;script&gt;alert(1)&lt;"


def test_the_upload_page_is_a_plain_form(client: httpx.Client) -> None:
    page = client.get("/").text
    assert '<form id="upload" action="/api/upload" method="post" enctype="multipart/form-data"' in page
    assert '<input id="file" type="file" name="file" required' in page


def test_names_are_shown_as_text(client: httpx.Client) -> None:
    task_id = give(client, ordering("fail"), name="x" + EVIL)
    wait_for(client, task_id, "failed")
    for page in (client.get("/").text, client.get(f"/analyses/{task_id}").text):
        assert EVIL not in page
        assert "script&gt;" in page


def test_the_page_of_a_success_leads_to_the_report(client: httpx.Client) -> None:
    task_id = give(client, capture(1))
    wait_for(client, task_id, "succeeded")
    answer = client.get(f"/analyses/{task_id}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/analyses/{task_id}/report")
    page = client.get(f"/analyses/{task_id}/report").text
    assert f'src="/api/reports/{task_id}/html"' in page
    assert 'sandbox="allow-scripts allow-downloads allow-popups"' in page


def test_the_page_of_a_failure_says_why_and_does_not_reload(client: httpx.Client) -> None:
    task_id = give(client, ordering("crash"))
    wait_for(client, task_id, "failed")
    page = client.get(f"/analyses/{task_id}").text
    assert "crashed its worker (SIGSEGV)" in page
    assert "refresh" not in page
    assert client.get(f"/analyses/{task_id}/report").headers["location"] == f"/analyses/{task_id}"


@pytest.mark.parametrize("path", ["/", "/history", "/login", "/nowhere"])
def test_a_page_speaks_the_chosen_language(client: httpx.Client, path: str) -> None:
    accept = {"Accept": "text/html"}
    english = client.get(path, headers=accept, follow_redirects=True)
    assert english.headers["content-language"] == "en"
    assert '<html lang="en">' in english.text
    assert (
        client.get(path, headers=accept | {"Accept-Language": "fr"}, follow_redirects=True).text.count('lang="fr"') == 1
    )
    [switch] = re.findall(r'href="(/language[^"]+)" hreflang="fr"', english.text)
    answer = client.get(switch.replace("&amp;", "&"))
    assert answer.status_code == 303
    french = client.get(answer.headers["location"], headers=accept | {"Accept-Language": "en"}, follow_redirects=True)
    assert (french.url.path, french.headers["content-language"]) == (english.url.path, "fr")
    assert "Historique" in french.text
    client.cookies.clear()


@pytest.mark.parametrize("next_page", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:1"])
def test_the_language_switch_leads_nowhere_else(client: httpx.Client, next_page: str) -> None:
    assert client.get("/language", params={"to": "fr", "next": next_page}).headers["location"] == "/"
    assert client.get("/language", params={"to": "xx"}).status_code == 400


def test_a_chosen_theme_is_there_before_the_first_paint(client: httpx.Client) -> None:
    assert '<html lang="en" data-theme="dark">' in client.get("/", headers={"Cookie": "pcap_analyzer_theme=dark"}).text
    assert "data-theme" not in client.get("/", headers={"Cookie": 'pcap_analyzer_theme="><b>'}).text


def test_the_history_tells_of_one_state_a_page_at_a_time(client: httpx.Client) -> None:
    failed = [give(client, ordering("fail"), name=f"failing {number}.pcap") for number in range(26)]
    wait_for(client, failed[-1], "failed", seconds=60)
    assert "Page 1 of 2" in client.get("/history?status=failed").text
    last = client.get("/history?status=failed&page=2").text
    assert f"/analyses/{failed[0]}" in last
    assert f"/analyses/{failed[25]}" not in last
    assert "No analysis is in this state." in client.get("/history?status=expired").text
    assert client.get("/history?status=nonsense").status_code == 400


def test_an_analysis_is_tried_again_and_deleted_by_forms(client: httpx.Client) -> None:
    task_id = give(client, ordering("fail"))
    wait_for(client, task_id, "failed")
    page = client.get("/history?status=failed").text
    [retry] = re.findall(f'action="(/analyses/{task_id}/retry[^"]+)"', page)
    [delete] = re.findall(f'action="(/analyses/{task_id}/delete[^"]+)"', page)
    assert client.post(retry.replace("&amp;", "&")).headers["location"] == f"/analyses/{task_id}"
    wait_for(client, task_id, "failed")
    assert client.post(delete.replace("&amp;", "&")).headers["location"] == "/history?status=failed"
    assert client.get(f"/api/status/{task_id}").status_code == 404


def test_the_page_of_a_running_analysis_counts_and_reloads(client: httpx.Client, address: str) -> None:
    task_id = give(client, ordering("wait"))
    wait_for(client, task_id, "running")
    page = client.get(f"/analyses/{task_id}").text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert "packets" in page
    waiting = give(client, fresh(1))
    assert "Waiting for a free worker" in client.get(f"/analyses/{waiting}").text
    [cancel] = re.findall(f'action="(/analyses/{task_id}/cancel[^"]+)"', client.get("/history").text)
    assert client.post(cancel.replace("&amp;", "&")).headers["location"] == "/history"
    assert wait_for(client, task_id, "cancelled")["reason"] == "cancelled on request"
