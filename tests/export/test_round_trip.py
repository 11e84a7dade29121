"""Exported packets as DuckDB, Polars, pandas and pyarrow read them: the same values, types and nulls everywhere."""

import threading
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from pcap_analyzer import dataset, open_capture
from pcap_analyzer.errors import Cancelled, PcapAnalyzerError
from pcap_analyzer.export.tables import TABLE_EXPORTERS
from pcap_analyzer.schema import PACKETS, arrow_schema
from tests.export.table_files import plain, read_back
from tests.scan.files import pcap_file, tcp_frame

SCHEMA = arrow_schema(PACKETS)
NUMERIC = [
    field.name for field in SCHEMA if not pa.types.is_dictionary(field.type) and not pa.types.is_boolean(field.type)
]
SMALL = 40_000  # bytes of a capture
EVERY = 4  # of the small ones, in the short form
FRAMES = [tcp_frame(number % 5, seq=number, payload=b"x" * (number % 7)) for number in range(200)]
DUCKDB_TYPES = {
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.bool_(): "BOOLEAN",
    pa.duration("ns"): "BIGINT",
}


def same(found: pa.Table) -> pa.Table:
    """What a reader gave, in the types of the schema: its own kinds of text, whole nanoseconds, zone names."""
    columns = []
    for field in SCHEMA:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        column = found.column(field.name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns.append(column.cast(kind).combine_chunks())
    return pa.table(columns, names=SCHEMA.names)


def json_columns() -> str:
    """The types of the schema for DuckDB's JSON reader; times as text, which it would cut to microseconds."""
    kinds = (DUCKDB_TYPES.get(field.type, "VARCHAR") for field in SCHEMA)
    return ", ".join(f"{name}: '{kind}'" for name, kind in zip(SCHEMA.names, kinds, strict=True))


def by_duckdb(path: Path) -> pa.Table:
    with duckdb.connect() as connection:
        if path.suffix == ".arrows":
            with pa.ipc.open_stream(path) as stream:
                return connection.from_arrow(stream).to_arrow_table()
        source = f"'{path}'"
        if path.suffix == ".jsonl":
            source = f"read_json({source}, format='newline_delimited', columns={{{json_columns()}}})"
        return connection.sql(f"SELECT * FROM {source}").to_arrow_table()


def by_polars(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_arrow()
    if path.suffix == ".arrows":
        return pl.read_ipc_stream(path).to_arrow()
    if not path.stat().st_size:
        return SCHEMA.empty_table()
    # Its JSON reader has no smaller integers.
    types = {name: pl.Int64 for name in NUMERIC if name != "timestamp"}
    truths = {field.name: pl.Boolean for field in SCHEMA if pa.types.is_boolean(field.type)}
    schema = {name: (types | truths).get(name, pl.String) for name in SCHEMA.names}
    return pl.read_ndjson(path, schema=schema).to_arrow()


def check_round_trip(capture: Path, folder: Path) -> None:
    with open_capture(capture) as opened:
        wanted = plain(opened.packets().read_all(), SCHEMA)
    for form in ("parquet", "arrow", "jsonl"):
        exporter = TABLE_EXPORTERS[form]
        path = folder / f"out{exporter.suffix}"
        dataset.write_file(dataset.Request("packets"), [str(capture)], str(path), exporter, "none", None)
        assert read_back(path, SCHEMA).equals(wanted), form
        assert same(by_polars(path)).equals(wanted), form
        found = by_duckdb(path)
        if form == "arrow":  # DuckDB's interval, which Arrow durations become, has microseconds
            found, rest = found.drop_columns("ack_rtt"), wanted["ack_rtt"]
            found = found.append_column("ack_rtt", rest)
        assert same(found).equals(wanted), form
        path.unlink()


def readable(captures: Path) -> list[Path]:
    found = []
    for path in sorted(captures.glob("*/*")):
        if path.suffix == ".json" or not path.is_file():
            continue
        try:
            with open_capture(path) as opened:
                opened.packets(["frame_number"]).read_all()
        except PcapAnalyzerError:
            continue
        found.append(path)
    return found


def test_some_captures_come_back_from_every_format(captures, tmp_path):
    small = [path for path in readable(captures) if path.stat().st_size <= SMALL][::EVERY]
    assert len(small) > 20
    for path in small:
        check_round_trip(path, tmp_path)


@pytest.mark.long
def test_all_captures_come_back_from_every_format(captures, tmp_path):
    paths = readable(captures)
    assert len(paths) > 200
    for path in paths:
        check_round_trip(path, tmp_path)


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "some.pcap"
    path.write_bytes(pcap_file(FRAMES))
    return path


def addresses(batch: pa.RecordBatch) -> dict[str, int]:
    return {name: batch.column(name).buffers()[1].address for name in NUMERIC}


def test_a_batch_reaches_polars_without_a_copy(capture):
    with open_capture(capture) as opened:
        [batch] = list(opened.packets())
    frame = pl.from_arrow(batch)
    assert {name: frame[name].to_arrow().buffers()[1].address for name in NUMERIC} == addresses(batch)


def test_a_batch_is_handed_out_without_a_copy(capture):
    # DuckDB scans what stands behind the capsule; it has no way of showing its addresses, the capsule has.
    with open_capture(capture) as opened:
        [batch] = list(opened.packets())
    [again] = list(pa.RecordBatchReader.from_stream(pa.table(batch)))
    assert addresses(again) == addresses(batch)
    imported = pa.RecordBatch._import_from_c_capsule(*batch.__arrow_c_array__())
    assert addresses(imported) == addresses(batch)


def test_a_capture_is_a_stream_for_duckdb_polars_and_pandas(capture):
    with open_capture(capture) as opened:
        wanted = same(opened.packets().read_all())
    with open_capture(capture) as opened, duckdb.connect() as connection:
        packets = connection.from_arrow(opened.packets())
        found = packets.aggregate("count(*), sum(tcp_seq), max(epoch_ns(timestamp))").fetchall()
    assert found == [(200, sum(wanted["tcp_seq"].to_pylist()), wanted["timestamp"][-1].value)]
    with open_capture(capture) as opened:
        assert same(pl.DataFrame(opened).to_arrow()).equals(wanted)
    with open_capture(capture) as opened:
        frame = opened.packets().read_pandas()
    assert frame["tcp_seq"].tolist() == wanted["tcp_seq"].to_pylist()
    assert frame["timestamp"].astype("int64").tolist() == [one.value for one in wanted["timestamp"]]


def test_progress_and_cancel_are_asked_in_the_thread_that_reads(capture):
    asked: list[tuple[int, int]] = []

    def read() -> None:
        with open_capture(capture, progress=lambda now: asked.append((threading.get_ident(), now.packets))) as opened:
            opened.packets().read_all()

    reader = threading.Thread(target=read)
    reader.start()
    identity = reader.ident
    reader.join()
    assert asked
    assert {one for one, _ in asked} == {identity}
    assert asked[-1][1] == 200
    with open_capture(capture, cancelled=lambda: True) as opened, pytest.raises(Cancelled):
        opened.packets().read_all()
