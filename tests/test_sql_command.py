"""`pcap-analyzer sql` as a data engineer or a script meets it: answers, mistakes, and what a query cannot reach."""

import csv
import json
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from pcap_analyzer import analyze_capture, open_capture, queries
from pcap_analyzer.errors import CaptureError, QueryError
from pcap_analyzer.schema import TABLES
from tests.scan.files import pcap_file, tcp_frame
from tests.test_cli import PROGRAM, run

FRAMES = [tcp_frame(number % 5, seq=number // 7, payload=b"x" * (number % 3)) for number in range(200)]


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "some.pcap"
    path.write_bytes(pcap_file(FRAMES))
    return path


def answer(capture, text, **options):
    with queries.database([capture], **options) as opened:
        return opened.query(text).read_all()


def test_a_table_to_look_at(capture):
    said = run("sql", capture, "SELECT src, count(*) AS packets FROM packets GROUP BY src ORDER BY src LIMIT 2").stdout
    assert said.decode().splitlines() == [
        "src       packets",
        "--------  -------",
        "10.0.0.0       40",
        "10.0.0.1       40",
        "2 rows",
    ]


def test_rows_that_are_too_wide_are_shown_one_by_one(capture):
    lines = run("sql", capture, "SELECT * FROM flows LIMIT 1").stdout.decode().splitlines()
    assert lines[0] == "--- row 1"
    assert lines[5].split() == ["client", "10.0.0.0"]


def test_of_many_rows_the_first_are_shown(capture):
    lines = run("sql", capture, "SELECT frame_number FROM packets", "--rows", "3").stdout.decode().splitlines()
    assert [line.strip() for line in lines[2:5]] == ["1", "2", "3"]
    assert lines[5] == "the first 3 rows: --rows N shows more, -o FILE writes all"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_the_rows_of_the_python_interface(capture, name):
    columns = TABLES[name].columns
    with open_capture(capture) as opened:
        streamed = {"packets": opened.packets, "tcp_events": opened.tcp_events}.get(name)
        wanted = streamed().read_all() if streamed else analyze_capture(capture).table(name).read_all()
    found = answer(capture, f"SELECT * FROM {name}")
    assert found.column_names == list(columns)
    for column, field in zip(columns, wanted.schema, strict=True):
        kind = str(field.type)
        values = wanted.column(column)
        if kind.startswith(("timestamp", "duration")):
            values, got = values.cast("int64"), found.column(column).cast("int64")
        elif kind.startswith("dictionary"):
            values, got = values.cast("string"), found.column(column).cast("string")
        else:
            got = found.column(column)
        assert got.equals(values.cast(got.type)), column


def test_tables_are_joined_and_filtered(capture):
    text = "SELECT p.frame_number, f.client FROM packets p JOIN flows f USING (flow_id) WHERE p.payload_length = 2 "
    found = answer(capture, text + "AND f.client = '10.0.0.1' ORDER BY 1 LIMIT 3").to_pylist()
    assert found == [{"frame_number": number, "client": "10.0.0.1"} for number in (12, 27, 42)]


def test_a_filter_on_a_column_that_is_not_shown(capture):
    assert answer(capture, "SELECT src FROM packets WHERE frame_number > 199").to_pylist() == [{"src": "10.0.0.4"}]


def test_times_are_whole_nanoseconds_in_utc(capture):
    (row,) = answer(capture, "SELECT timestamp, epoch_ns(timestamp) AS ns FROM packets LIMIT 1").to_pylist()
    with open_capture(capture) as opened:
        (first,) = opened.packets(["timestamp"]).read_next_batch().slice(0, 1).column(0).cast("int64").to_pylist()
    assert row["ns"] == first
    assert run("sql", capture, "SELECT timestamp FROM packets", "-o", "-").stdout[:4] == b"PAR1"
    said = run("sql", capture, "SELECT timestamp FROM packets LIMIT 1", "--format", "csv", "-o", "-").stdout
    assert said.splitlines()[1] == b'"2023-11-14T22:13:20.000000000Z"'


def test_only_what_a_query_names_is_read(capture, monkeypatch):
    asked = []
    with queries.database([capture]) as opened:
        read = opened._captures.batches
        monkeypatch.setattr(
            opened._captures,
            "batches",
            lambda table, columns: asked.append((table.name, columns)) or read(table, columns),
        )
        opened.query("SELECT count(*), max(client_port) FROM flows").read_all()
        opened.query("SELECT p.src FROM packets p JOIN packets q USING (frame_number)").read_all()
    assert asked[0] == ("flows", ("client_port",))
    assert sorted(asked[1:]) == [("packets", ("frame_number",)), ("packets", ("frame_number", "src"))]


def test_a_capture_that_is_cut_is_a_warning(capture):
    capture.write_bytes(capture.read_bytes()[:-1])
    for table in ("packets", "flows"):
        said = run("sql", capture, f"SELECT count(*) AS n FROM {table}").stderr
        assert said.count(b"warning") == 1
        assert b"the file ends inside a record" in said


def test_of_several_captures_rows_say_which_they_are_from(capture, tmp_path):
    other = tmp_path / "other.pcap"
    other.write_bytes(pcap_file(FRAMES[:3]))
    text = "SELECT source_file, count(*) AS n FROM packets GROUP BY ALL ORDER BY n"
    rows = run("sql", capture, other, text, "--format", "jsonl", "-o", "-").stdout.splitlines()
    assert [json.loads(row) for row in rows] == [
        {"source_file": "other.pcap", "n": 3},
        {"source_file": "some.pcap", "n": 200},
    ]


def test_the_formats_of_an_answer(capture, tmp_path):
    text = "SELECT 1 AS start, 'a,b' AS stream, [1.5] AS list, INTERVAL 1 second AS span, 0.0 / 0 AS nothing"
    run("sql", capture, text, "-o", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").column_names == ["start", "stream", "list", "span", "nothing"]
    said = run("sql", capture, text, "--format", "jsonl", "-o", "-").stdout
    assert json.loads(said) == {"start": 1, "stream": "a,b", "list": [1.5], "span": "00:00:01", "nothing": None}
    run("sql", capture, text, "-o", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert list(csv.reader(file))[1][:4] == ["1", "a,b", "[1.5]", "00:00:01"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELEC 1", b"syntax error"),
        ("SELECT colour FROM packets", b'"colour" not found'),
        ("SELECT * FROM weather", b"weather does not exist"),
        ("SELECT 1; SELECT 2", b"expected one SELECT"),
        ("", b"expected one SELECT"),
        ("CREATE TABLE t AS SELECT 1", b"expected one SELECT"),
        ("SET memory_limit = '1TB'", b"expected one SELECT"),
        ("INSTALL httpfs", b"expected one SELECT"),
        ("SELECT 1 AS a, 2 AS a", b"'a'"),
        ("SELECT list(range) FROM range(200000000)", b"Out of Memory"),
    ],
)
def test_a_mistake_is_told_and_leaves_nothing(capture, tmp_path, text, words):
    folder = tmp_path / "here"
    folder.mkdir()
    done = run("sql", capture, text, "-o", "out.parquet", "--memory", "64", cwd=folder, expect=2)
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{folder}/made.csv''')",
        "COPY (SELECT 1) TO '{folder}/made.csv'",
        "ATTACH '{folder}/made.db'",
        "SELECT getenv('HOME')",
    ],
)
def test_a_query_reaches_no_file(capture, tmp_path, text):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(QueryError):
        answer(capture, text.format(file=secret, folder=tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"some.pcap", "secret.csv"}


def test_a_query_reaches_no_variable_of_python(capture):
    rows = analyze_capture(capture).flows().read_all()
    with pytest.raises(QueryError, match="rows does not exist"):
        answer(capture, "SELECT * FROM rows")
    assert rows.num_rows


def test_standard_input_is_read_once(capture):
    data = capture.read_bytes()
    assert b"200" in run("sql", "-", "SELECT count(*) FROM packets", data=data).stdout
    done = run("sql", "-", "SELECT count(*) FROM packets, flows", data=data, expect=2)
    assert b"standard input can be read once" in done.stderr


def test_what_is_no_capture_is_said_as_elsewhere(tmp_path):
    (tmp_path / "text.pcap").write_text("hello")
    with pytest.raises(CaptureError, match=r"text\.pcap is no capture"):
        answer(tmp_path / "text.pcap", "SELECT * FROM packets")


def test_the_answer_is_not_written_over_the_capture(capture):
    assert b"the capture itself" in run("sql", capture, "SELECT 1", "-o", capture, expect=2).stderr


def test_a_full_disk_and_a_closed_pipe(capture):
    done = run("sql", capture, "SELECT * FROM packets", "-o", "/dev/full", expect=2)
    assert b"No space left on device" in done.stderr
    command = [*PROGRAM, "sql", str(capture), "SELECT * FROM range(3000000)", "--format", "csv", "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"pcap-analyzer: standard output cannot be written: Broken pipe\n"
    assert process.returncode == 2


def test_without_duckdb_it_says_what_to_install(capture, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(QueryError, match=r"pip install 'pcap-analyzer\[sql\]'"):
        answer(capture, "SELECT 1")


def test_ctrl_c_ends_a_query(capture):
    command = [*PROGRAM, "sql", str(capture), "SELECT count(*) FROM range(100000000000) a, packets"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, said) == (130, b"pcap-analyzer: interrupted\n")
