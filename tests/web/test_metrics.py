"""What Prometheus reads, after things have really happened."""

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.jobs.captures import capture, ordering
from tests.web.server import give, serving, wait_for


def read(client: httpx.Client) -> dict[str, float]:
    """Samples by name and labels, as Prometheus understands them."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_figures_are_of_what_happened(tmp_path: Path) -> None:
    data = capture()
    with serving(tmp_path, WORKERS="1", MAX_QUEUE_SIZE="7") as address, httpx.Client(base_url=address) as client:
        before = read(client)
        assert before["pcap_analyzer_analyses succeeded"] == 0
        assert before["pcap_analyzer_upload_bytes_total"] == 0
        wait_for(client, give(client, data), "succeeded")
        wait_for(client, give(client, ordering("crash")), "failed")
        after = read(client)
    assert after["pcap_analyzer_uploads_total finished"] == 2
    assert after["pcap_analyzer_upload_bytes_total"] == len(data) + len(ordering("crash"))
    assert after["pcap_analyzer_analyses succeeded"] == 1
    assert after["pcap_analyzer_analyses failed"] == 1
    assert after["pcap_analyzer_analysis_changes_total started"] >= 2
    assert after["pcap_analyzer_analysis_changes_total succeeded"] == 1
    assert after["pcap_analyzer_stage_seconds_count running"] == 2
    assert after["pcap_analyzer_stage_seconds_count waiting"] >= 2
    assert after["pcap_analyzer_queue_limit"] == 7
    assert after["pcap_analyzer_workers"] == 1
    assert after["pcap_analyzer_disk_free_bytes"] > 0


def test_they_ask_for_the_token(tmp_path: Path) -> None:
    token = "a-token-long-enough"
    with serving(tmp_path, AUTH_TOKEN=token) as address, httpx.Client(base_url=address) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
