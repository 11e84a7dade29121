"""The pages work without scripts, and show names as text whatever they are."""

import httpx
import pytest

from pcap_analyzer.web.rendering import size_in_words
from tests.jobs.captures import capture, ordering
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


def test_the_page_of_a_running_analysis_counts_and_reloads(client: httpx.Client, address: str) -> None:
    # Reserved for the last: this analysis keeps the only worker until the service stops.
    task_id = give(client, ordering("wait"))
    wait_for(client, task_id, "running")
    page = client.get(f"/analyses/{task_id}").text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert "packets" in page
    waiting = give(client, capture(1))
    assert "Waiting for its turn" in client.get(f"/analyses/{waiting}").text


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (10 << 30, "10.7 GB"),
        (10**13, "10.0 TB"),
    ],
)
def test_sizes_in_words(size_bytes: int, words: str) -> None:
    assert size_in_words(size_bytes) == words
