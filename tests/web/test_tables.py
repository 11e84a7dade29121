"""Tables of an analysis: pages as JSON, whole ones as files, problems in words."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pcap_analyzer import analyze_capture, open_capture
from pcap_analyzer.adapters.process import WORKER
from pcap_analyzer.jobs import tables as jobs_tables
from pcap_analyzer.jobs.takings import KEPT_TABLES
from pcap_analyzer.schema import TABLES
from pcap_analyzer.slices import slice_capture
from pcap_analyzer.web import reading
from tests.jobs.captures import capture, fresh
from tests.web.server import give, serving, wait_for

LOSSY = Path(__file__).parent.parent / "captures" / "random_loss" / "client.pcap"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def reader(data: Path) -> Iterator[httpx.Client]:
    with serving(data, WORKER, WORKERS="1") as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def analysis(reader: httpx.Client) -> str:
    """Below /api/analyses."""
    task_id = give(reader, LOSSY.read_bytes(), "lossy.pcap")
    wait_for(reader, task_id, "succeeded", seconds=60)
    return f"/api/analyses/{task_id}"


def test_every_table_is_listed_with_its_columns(reader: httpx.Client, analysis: str) -> None:
    found = {one["name"]: one for one in reader.get(f"{analysis}/tables").json()["tables"]}
    assert set(found) == set(KEPT_TABLES)
    known = analyze_capture(LOSSY)
    for name in ("flows", "dns", "intervals", "capture"):
        assert found[name]["rows"] == sum(batch.num_rows for batch in known.table(name))
    with open_capture(LOSSY) as opened:
        assert found["tcp_events"]["rows"] == opened.tcp_events().read_all().num_rows
    assert [column["name"] for column in found["flows"]["columns"]] == list(TABLES["flows"].columns)


def test_a_page_is_sorted_filtered_and_counted(reader: httpx.Client, analysis: str) -> None:
    asked = {"columns": "flow_id,client_bytes", "where": "client_bytes > 0", "sort": "-client_bytes", "limit": "2"}
    found = reader.get(f"{analysis}/tables/flows", params=asked).json()
    rows = analyze_capture(LOSSY).flows(["flow_id", "client_bytes"]).read_all().to_pylist()
    rows = sorted((row for row in rows if row["client_bytes"]), key=lambda row: -row["client_bytes"])
    assert found == {"table": "flows", "total": len(rows), "limit": 2, "offset": 0, "rows": rows[:2]}


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", "jsonl"])
def test_a_whole_table_comes_as_a_file(reader: httpx.Client, analysis: str, form: str) -> None:
    answer = reader.get(f"{analysis}/tables/flows.{form}", params={"columns": "flow_id,server_port"})
    expected = analyze_capture(LOSSY).flows(["flow_id", "server_port"]).read_all().to_pylist()
    read = {
        "parquet": lambda: pq.read_table(io.BytesIO(answer.content)).to_pylist(),
        "arrow": lambda: pa.ipc.open_stream(answer.content).read_all().to_pylist(),
        "csv": lambda: pyarrow.csv.read_csv(io.BytesIO(answer.content)).to_pylist(),
        "jsonl": lambda: [json.loads(line) for line in answer.text.splitlines()],
    }
    assert read[form]() == expected
    assert "attachment" in answer.headers["content-disposition"]


def test_the_whole_parquet_is_the_file_that_is_kept(reader: httpx.Client, analysis: str) -> None:
    answer = reader.get(f"{analysis}/tables/flows.parquet")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert pq.read_table(io.BytesIO(answer.content)).num_rows == analyze_capture(LOSSY).flows().read_all().num_rows


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("tables/nothing", 404, "unknown-table"),
        ("tables/packets", 404, "unknown-table"),
        ("tables/flows.xml", 404, "http"),
        ("tables/flows?where=nothing+%3D%3D+1", 400, "bad-query"),
        ("tables/flows?sort=nothing", 400, "bad-query"),
        ("tables/flows?columns=flow_id,flow_id", 400, "bad-query"),
        ("tables/flows?limit=1001", 400, "http"),
        ("tables/flows?offset=-1", 400, "http"),
        ("flows/123456", 404, "unknown-flow"),
        ("flows/123456/series", 404, "unknown-flow"),
        ("flows/99999999999/packets", 400, "http"),
    ],
)
def test_what_cannot_be_asked_is_said(reader: httpx.Client, analysis: str, path: str, status: int, kind: str) -> None:
    answer = reader.get(f"{analysis}/{path}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:pcap-analyzer:problem:{kind}")


def test_one_flow_with_its_packets_and_points(reader: httpx.Client, analysis: str) -> None:
    worst = reader.get(f"{analysis}/tables/flows?sort=-server_retransmission&limit=1").json()["rows"][0]
    flow = reader.get(f"{analysis}/flows/{worst['flow_id']}").json()
    assert flow["flow"] == worst
    assert flow["display_filter"] == f"tcp.stream eq {worst['stream']}"
    packets = reader.get(f"{flow['links']['packets']}?limit=1000&columns=frame_number,tcp_marks").json()
    with open_capture(LOSSY) as opened:
        rows = opened.packets(["frame_number", "flow_id", "tcp_marks"]).read_all().to_pylist()
    mine = [row for row in rows if row.pop("flow_id") == worst["flow_id"]]
    assert packets["total"] == len(mine) == worst["client_packets"] + worst["server_packets"]
    assert packets["rows"] == mine[:1000]
    series = reader.get(flow["links"]["series"]).json()
    assert series["packets"] == len(mine)
    assert series["marked_total"] == sum(row["tcp_marks"] > 0 for row in mine)


def test_one_flow_as_a_capture(reader: httpx.Client, analysis: str, tmp_path: Path) -> None:
    answer = reader.get(f"{analysis}/flows/0/capture.pcapng")
    slice_capture(LOSSY, "flow_id == 0", str(tmp_path / "flow.pcapng"))
    assert answer.content == (tmp_path / "flow.pcapng").read_bytes()
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.content == reader.get(f"{analysis}/flows/0/capture.pcapng").content


def test_tables_that_were_never_written_are_made_when_asked_for(data: Path, reader: httpx.Client) -> None:
    task_id = give(reader, fresh(3))
    wait_for(reader, task_id, "succeeded")
    assert reader.get(f"/api/analyses/{task_id}/tables").status_code == 200
    for file in (data / "tables" / task_id).iterdir():
        file.unlink()
    assert reader.get(f"/api/analyses/{task_id}/tables/flows").json()["total"] == 1


def test_tables_go_with_their_analysis(data: Path, reader: httpx.Client) -> None:
    task_id = give(reader, fresh(3))
    wait_for(reader, task_id, "succeeded")
    reader.get(f"/api/analyses/{task_id}/flows/0/packets")
    assert (data / "tables" / task_id / "flow-0.packets.parquet").exists()
    assert reader.delete(f"/api/reports/{task_id}").status_code == 204
    assert reader.get(f"/api/analyses/{task_id}/tables/flows").status_code == 404
    assert not (data / "tables" / task_id).exists()


def test_tables_are_written_before_anybody_asks(data: Path, reader: httpx.Client) -> None:
    task_id = give(reader, fresh(3))
    deadline = time.monotonic() + 30
    while not (data / "tables" / task_id / "tables.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert {path.stem for path in (data / "tables" / task_id).glob("*.parquet")} == set(KEPT_TABLES)


def test_a_capture_without_packets_has_empty_tables(reader: httpx.Client) -> None:
    task_id = give(reader, capture(0))
    wait_for(reader, task_id, "succeeded")
    found = reader.get(f"/api/analyses/{task_id}/tables/flows?sort=client&where=client_port+%3E+1").json()
    assert (found["total"], found["rows"]) == (0, [])
    assert reader.get(f"/api/analyses/{task_id}/flows/0").json()["detail"].endswith("there are none")


def test_an_analysis_without_a_report_has_no_tables(address: str) -> None:
    from tests.jobs.captures import ordering

    with httpx.Client(base_url=address, timeout=30) as client:
        task_id = give(client, ordering("fail"))
        wait_for(client, task_id, "failed")
        answer = client.get(f"/api/analyses/{task_id}/tables/flows")
        assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[1]) == (409, "no-report")
        assert client.get(f"/api/analyses/{UNKNOWN}/tables").status_code == 404


def test_what_cannot_be_taken_is_said_and_remembered(address: str) -> None:
    with httpx.Client(base_url=address, timeout=30) as client:
        task_id = give(client, capture(1))
        wait_for(client, task_id, "succeeded")
        for _ in range(2):
            answer = client.get(f"/api/analyses/{task_id}/tables/flows")
            assert answer.status_code == 409
            assert "its tables could not be taken out of the capture" in answer.json()["detail"]


def test_readings_beyond_their_room_are_refused(
    reader: httpx.Client, analysis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = []
    for module, name, path in (
        (reading, "MAX_DOWNLOADS", "tables/flows.csv"),
        (jobs_tables, "MAX_WAITING", "flows/1/packets"),
    ):
        monkeypatch.setattr(module, name, -1)
        answer = reader.get(f"{analysis}/{path}")
        kinds.append((answer.status_code, answer.json()["type"].rpartition(":")[2], "retry-after" in answer.headers))
    assert kinds == [(429, "too-many-readings", True)] * 2
