"""The pages of flows work by query string alone, and show whatever a filter says as text."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pcap_analyzer import analyze_capture
from pcap_analyzer.adapters.process import WORKER
from pcap_analyzer.web.pages.flows import ROWS
from tests.jobs.captures import ordering
from tests.web.server import give, serving, wait_for

SWEEP = Path(__file__).parent.parent / "captures" / "host_sweep" / "client.pcap"
OFFICE = Path(__file__).parent.parent / "captures" / "office_work" / "client.pcap"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        serving(tmp_path_factory.mktemp("data"), WORKER, WORKERS="1") as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def pages(reader: httpx.Client) -> str:
    """Of an analysis."""
    task_id = give(reader, OFFICE.read_bytes(), "<b>office.pcap")
    wait_for(reader, task_id, "succeeded", seconds=60)
    reader.get(f"/api/analyses/{task_id}/tables").raise_for_status()
    return f"/analyses/{task_id}"


def flows_on(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<a href="/analyses/[\w-]+/flows/(\d+)">', page)]


def test_flows_are_sorted_and_filtered_by_query_string(reader: httpx.Client, pages: str) -> None:
    rows = analyze_capture(OFFICE).flows(["flow_id", "client_bytes", "protocol"]).read_all().to_pylist()
    expected = sorted((row for row in rows if row["protocol"] == 17), key=lambda row: -row["client_bytes"])
    page = reader.get(f"{pages}/flows", params={"where": "protocol == 17", "sort": "-client_bytes"})
    assert flows_on(page.text) == [row["flow_id"] for row in expected][:ROWS]
    assert 'aria-sort="descending"' in page.text
    assert "&lt;b&gt;office.pcap" in page.text


def test_flows_come_in_pages(reader: httpx.Client) -> None:
    count = analyze_capture(SWEEP).totals.flows
    assert count > 2 * ROWS
    task_id = give(reader, SWEEP.read_bytes())
    wait_for(reader, task_id, "succeeded", seconds=60)
    reader.get(f"/api/analyses/{task_id}/tables").raise_for_status()
    found: list[int] = []
    address = f"/analyses/{task_id}/flows"
    while address:
        page = reader.get(address).text
        found += flows_on(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert found == list(range(count))


def test_a_wrong_filter_is_told_as_text_on_the_page(reader: httpx.Client, pages: str) -> None:
    page = reader.get(f"{pages}/flows", params={"where": "<script>alert(1)</script>"})
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert 'aria-invalid="true"' in page.text


def test_a_flow_shows_its_packets_from_its_first_numbers(reader: httpx.Client, pages: str) -> None:
    row = analyze_capture(OFFICE).flows().read_all().to_pylist()
    tcp = next(one for one in row if one["protocol"] == 6 and one["client_syn"])
    page = reader.get(f"{pages}/flows/{tcp['flow_id']}")
    assert f"tcp.stream eq {tcp['stream']}" in page.text
    rows = re.findall(r'<tr class="(?:up|down)">', page.text)
    assert len(rows) == min(100, tcp["client_packets"] + tcp["server_packets"])
    assert re.search(r"<td>SYN</td>\s*<td class=\"num\">0</td>", page.text)
    assert "'unsafe-inline'" not in page.headers["content-security-policy"].split("style-src")[0]


@pytest.mark.parametrize("path", ["flows/999999", "flows/-1", "flows/99999999999"])
def test_a_flow_that_is_not_there_is_a_problem_as_a_page(reader: httpx.Client, pages: str, path: str) -> None:
    answer = reader.get(f"{pages}/{path}", headers={"Accept": "text/html"})
    assert answer.status_code in {400, 404}
    assert answer.headers["content-type"].startswith("text/html")


def test_without_a_report_the_way_leads_to_the_analysis(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        task_id = give(client, ordering("fail"))
        wait_for(client, task_id, "failed")
        for page in ("flows", "flows/0"):
            answer = client.get(f"/analyses/{task_id}/{page}")
            assert (answer.status_code, answer.headers["location"]) == (303, f"/analyses/{task_id}")


def test_only_pages_with_graphs_have_inline_styles(reader: httpx.Client, pages: str) -> None:
    policies = {
        path: dict(
            part.split(" ", 1)
            for part in reader.get(path).headers["content-security-policy"].split("; ")
            if " " in part
        )
        for path in (f"{pages}/flows/0", f"{pages}/flows", "/", "/history", "/api/docs", "/nowhere")
    }
    drawn = policies.pop(f"{pages}/flows/0")
    assert drawn["style-src"] == "'self' 'unsafe-inline'"
    assert drawn["script-src"].startswith("'nonce-")
    assert drawn["script-src"].count("'") == 2
    assert {name: drawn[name] for name in ("default-src", "connect-src", "form-action", "base-uri")} == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
    }
    for path, policy in policies.items():
        assert "unsafe" not in str(policy), path
