"""`pcap-analyzer export` as a data engineer or a script meets it: files, pipes, mistakes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pcap_analyzer import analyze_capture, dataset, open_capture
from pcap_analyzer.ahead import ahead
from pcap_analyzer.errors import PcapAnalyzerError
from pcap_analyzer.export.tables import TABLE_EXPORTERS
from pcap_analyzer.schema import TABLES, arrow_schema
from pcap_analyzer.views.tables import VIEWS
from tests.export.table_files import plain, read_back
from tests.scan.files import pcap_file, pcap_record, tcp_frame
from tests.test_cli import PROGRAM, run

FRAMES = [tcp_frame(number % 5, seq=number // 7, payload=b"x" * (number % 3)) for number in range(200)]


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "some.pcap"
    path.write_bytes(pcap_file(FRAMES))
    return path


def expected(capture, name):
    """The table as the Python interface gives it."""
    if name in ("packets", "tcp_events"):
        with open_capture(capture) as opened:
            return getattr(opened, name)().read_all()
    return analyze_capture(capture).table(name).read_all()


@pytest.mark.parametrize("form", TABLE_EXPORTERS)
@pytest.mark.parametrize("name", TABLES)
def test_every_table_comes_back_from_every_format(capture, tmp_path, name, form):
    exporter = TABLE_EXPORTERS[form]
    path = tmp_path / f"out{exporter.suffix}"
    request = dataset.Request(name)
    count = dataset.write_file(request, [str(capture)], str(path), exporter, exporter.compressions[0], None)
    schema, wanted = arrow_schema(TABLES[name]), expected(capture, name)
    assert count == wanted.num_rows
    assert read_back(path, schema).equals(plain(wanted, schema))


@pytest.mark.parametrize("name", VIEWS)
def test_flows_in_the_columns_of_another_tool(capture, tmp_path, name):
    run("export", capture, "--table", name, "-o", tmp_path / "out.parquet")
    with open_capture(capture) as opened:
        wanted = opened.view(name).read_all()
    assert read_back(tmp_path / "out.parquet", wanted.schema).equals(plain(wanted, wanted.schema))
    said = run("sql", capture, f"SELECT count(*) AS flows FROM {name}", "--format", "csv", "-o", "-").stdout
    assert said.split() == [b'"flows"', b"5"]


def test_a_parquet_file_says_where_it_is_from(capture, tmp_path):
    run("export", capture, "--columns", "src,frame_number", "-o", tmp_path / "out.parquet")
    file = pq.ParquetFile(tmp_path / "out.parquet")
    notes = file.schema_arrow.metadata
    assert file.schema_arrow.names == ["src", "frame_number"]
    assert json.loads(notes[b"pcap_analyzer.source_files"]) == ["some.pcap"]
    assert notes[b"pcap_analyzer.schema_version"] == b"1"
    assert json.loads(notes[b"pcap_analyzer.settings"])["columns"] == ["src", "frame_number"]
    frames = file.metadata.row_group(0).column(1)
    assert (frames.statistics.min, frames.statistics.max) == (1, 200)
    assert "DELTA_BINARY_PACKED" in frames.encodings
    assert frames.compression == "ZSTD"
    assert "RLE_DICTIONARY" in file.metadata.row_group(0).column(0).encodings


def test_row_groups_have_one_size_whatever_the_batches(capture, tmp_path):
    small = TABLE_EXPORTERS["parquet"]._replace(group_rows=64)
    path = tmp_path / "out.parquet"
    dataset.write_file(dataset.Request("packets"), [str(capture)], str(path), small, "zstd", None)
    found = pq.ParquetFile(path).metadata
    assert [found.row_group(number).num_rows for number in range(found.num_row_groups)] == [64, 64, 64, 8]


def test_several_captures_are_one_dataset(capture, tmp_path):
    other = tmp_path / "other.pcap"
    other.write_bytes(pcap_file(FRAMES[:3]))
    run("export", capture, other, "-o", tmp_path / "out.parquet", "--columns", "frame_number")
    rows = pq.read_table(tmp_path / "out.parquet").to_pydict()
    assert rows["source_file"] == ["some.pcap"] * 200 + ["other.pcap"] * 3
    assert rows["frame_number"] == [*range(1, 201), 1, 2, 3]


def test_captures_of_one_name_are_told_apart_by_their_paths(capture, tmp_path):
    (tmp_path / "tuesday").mkdir()
    again = tmp_path / "tuesday" / capture.name
    again.write_bytes(pcap_file(FRAMES[:3]))
    text = run("export", capture, again, "--columns", "frame_number", "--format", "jsonl", "-o", "-").stdout
    assert [json.loads(line)["source_file"] for line in text.splitlines()] == [str(capture)] * 200 + [str(again)] * 3
    query = "SELECT count(DISTINCT source_file) AS n FROM flows"
    assert run("sql", capture, again, query, "--format", "csv", "-o", "-").stdout.split() == [b'"n"', b"2"]


def test_files_of_one_recording_are_joined(tmp_path):
    for name, begin in (("b.pcap", 0), ("a.pcap", 120)):
        records = [pcap_record(FRAMES[number], number) for number in range(begin, min(begin + 120, 200))]
        (tmp_path / name).write_bytes(pcap_file([]) + b"".join(records))
    files = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    run("export", "--join", *files, "-o", tmp_path / "out.parquet", "--columns", "frame_number,flow_id")
    rows = pq.read_table(tmp_path / "out.parquet").to_pydict()
    assert rows == {"frame_number": [*range(1, 201)], "flow_id": [number % 5 for number in range(200)]}
    said = run("sql", "--join", *files, "SELECT max(client_packets) AS n FROM flows", "--format", "csv", "-o", "-")
    assert said.stdout.split() == [b'"n"', b"40"]


@pytest.mark.parametrize("command", [("export",), ("export", "--table", "flows"), ("slice", "--filter", "ttl > 0")])
def test_a_capture_that_is_cut_is_a_warning(capture, tmp_path, command):
    capture.write_bytes(capture.read_bytes()[:-1])
    said = run(*command, capture, "-o", tmp_path / "out").stderr
    assert b"warning" in said
    assert b"the file ends inside a record" in said


def test_a_dataset_is_divided_by_the_values_of_a_column(capture, tmp_path):
    run("export", capture, "--partition-by", "src,icmp_type", "-o", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"src=10%2E0%2E0%2E{number}" for number in range(5)]
    part = tmp_path / "out" / names[2] / "icmp_type=__HIVE_DEFAULT_PARTITION__" / "part-0.parquet"
    assert pq.ParquetFile(part).read(["frame_number"]).column(0).to_pylist() == list(range(3, 201, 5))


def test_a_dataset_divided_by_times_keeps_their_nanoseconds(capture, tmp_path):
    run("export", capture, "--filter", "frame_number < 3", "--partition-by", "timestamp", "-o", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_value_that_is_written_like_null_has_a_folder_of_its_own():
    names = [dataset._step(value) for value in (None, "__HIVE_DEFAULT_PARTITION__", "../up", "")]
    assert names == ["__HIVE_DEFAULT_PARTITION__", "%5F%5FHIVE%5FDEFAULT%5FPARTITION%5F%5F", "%2E%2E%2Fup", ""]


def test_a_dataset_is_not_mixed_with_what_is_there(capture, tmp_path):
    done = run("export", capture, "--partition-by", "src", "-o", tmp_path, expect=2)
    assert b"not an empty folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["some.pcap"]


def test_standard_input_to_standard_output(capture):
    done = run("export", "-", "--table", "flows", "--format", "jsonl", "-o", "-", data=capture.read_bytes())
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["client"] for row in rows] == [f"10.0.0.{number}" for number in range(5)]
    assert rows[0]["first_seen"] == "2023-11-14T22:13:20.000000000Z"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--columns", "colour"], b"packets has no column 'colour'"),
        (["--table", "weather"], b"invalid choice: 'weather'"),
        (["--format", "xml"], b"invalid choice: 'xml'"),
        (["--compression", "rar"], b"'rar'"),
        (["--columns", " ,"], b"--columns names no column"),
        (["--partition-by", "colour"], b"'colour' is none of them: frame_number, timestamp,"),
        (["--partition-by", "src,src"], b"divided by a column only once"),
        (["--partition-by", "src", "--columns", "src"], b"has none left for its files"),
        (["-o", ""], b"the output has no name"),
        (["-o", "/dev/full"], b"No space left on device"),
        (["-o", "table.json"], b"table.json does not say which format: choose --format parquet"),
        (["-o", "/proc/here.parquet"], b"/proc/here.parquet cannot be written"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(capture, tmp_path, arguments, words):
    folder = tmp_path / "here"
    folder.mkdir()
    assert words in run("export", capture, *arguments, cwd=folder, expect=2).stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "magic"),
    [
        ("table.csv.gz", b"\x1f\x8b"),
        ("table.jsonl.zst", b"\x28\xb5\x2f\xfd"),
        ("table.ndjson", b'{"frame'),
        ("table.arrow", b"\xff\xff\xff\xff"),
        ("table.csv", b'"frame'),
        ("TABLE.PARQUET", b"PAR1"),
        ("table", b"PAR1"),
    ],
)
def test_the_name_of_the_output_says_its_format(capture, tmp_path, name, magic):
    run("export", capture, "--columns", "frame_number", "-o", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_the_capture_is_not_written_over(capture):
    before = capture.read_bytes()
    assert b"the capture itself" in run("export", capture, "--format", "csv", "-o", capture, expect=2).stderr
    assert capture.read_bytes() == before


def test_a_link_stays_and_what_it_leads_to_is_written(capture, tmp_path):
    target, link = tmp_path / "disk" / "flows.csv", tmp_path / "flows.csv"
    target.parent.mkdir()
    link.symlink_to(target)
    run("export", capture, "--table", "flows", "-o", link)
    assert link.is_symlink()
    assert target.read_bytes().startswith(b'"flow_id"')
    assert list(target.parent.iterdir()) == [target]


def test_a_closed_standard_output_is_told(capture):
    command = 'exec "$@" >&-'
    done = subprocess.run(
        ["sh", "-c", command, "sh", *PROGRAM, "export", str(capture), "-o", "-"], stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        b"pcap-analyzer: standard output is closed: give the output a name\n",
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", TABLE_EXPORTERS)
def test_a_full_disk_behind_standard_output(capture, form):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "export", str(capture), "--format", form, "-o", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert b"No space left" in done.stderr


@pytest.mark.parametrize("form", TABLE_EXPORTERS)
def test_a_broken_pipe_is_an_error(tmp_path, form):
    big = tmp_path / "big.pcap"
    big.write_bytes(pcap_file(FRAMES * 200))
    command = [*PROGRAM, "export", str(big), "--format", form, "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        done.stdout.close()
        said = done.stderr.read()
        assert done.wait(30) == 2, said
    assert b"Traceback" not in said
    assert b"standard output" in said


def test_what_fails_midway_leaves_the_old_file(capture, tmp_path):
    path = tmp_path / "out.parquet"
    path.write_bytes(b"old")
    request, captures = dataset.Request("packets", named=True), [str(capture), str(tmp_path / "gone.pcap")]
    with pytest.raises(PcapAnalyzerError, match="gone"):
        dataset.write_file(request, captures, str(path), TABLE_EXPORTERS["parquet"], "zstd", None)
    assert path.read_bytes() == b"old"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.parquet", "some.pcap"]


RESETS = "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_DFL); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupt_leaves_nothing(tmp_path, asked, code):
    fifo = tmp_path / "slow.pcap"
    os.mkfifo(fifo)
    out = tmp_path / "out"
    # A machine's own runner may ignore the signal, and so would what it starts.
    command = [sys.executable, "-c", RESETS, str(int(asked)), *PROGRAM, "export", str(fifo), "-o", f"{out}/"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done,
        fifo.open("wb", buffering=0) as feed,
    ):
        feed.write(pcap_file(FRAMES * 1000))
        until = time.monotonic() + 30
        while not out.exists() and time.monotonic() < until:
            time.sleep(0.05)
        done.send_signal(asked)
        _, said = done.communicate(timeout=30)
    assert done.returncode == code, said
    assert list(out.iterdir()) == []


def test_pyarrow_is_not_there_before_it_is_needed():
    code = "import sys, pcap_analyzer.export_command; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_hostile_texts_are_still_json(tmp_path):
    texts = ['"quoted"', "back\\slash", "new\nline\x00\x1f", "ünïcode ☃", "", None]
    schema = pa.schema([("text", pa.string()), ("word", pa.dictionary(pa.int32(), pa.string()))])
    table = pa.table([pa.array(texts), pa.array(texts).dictionary_encode()], schema=schema)
    path = tmp_path / "out.jsonl"
    with pa.OSFile(str(path), "wb") as sink:
        writer = TABLE_EXPORTERS["jsonl"].open(sink, schema, "none")
        writer.write(table)
        writer.close()
    rows = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    assert rows == [{"text": text, "word": text} for text in texts]


def test_what_is_made_ahead_comes_in_order_and_fails_in_place():
    def numbers(_cancelled):
        yield from range(10)
        raise ValueError("the end")

    seen = []
    with pytest.raises(ValueError, match="the end"), ahead(numbers, 2) as items:
        seen.extend(items)
    assert seen == list(range(10))


def test_leaving_early_closes_what_is_made_ahead():
    closed = []

    def numbers(_cancelled):
        try:
            number = 0
            while True:
                yield (number := number + 1)
        finally:
            closed.append(True)

    with ahead(numbers, 2) as items:
        assert next(items) == 1
    assert closed == [True]


def test_a_capture_is_an_arrow_stream(capture):
    with open_capture(capture) as opened:
        assert pa.table(opened).num_rows == 200
