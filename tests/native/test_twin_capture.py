"""Whole captures: the engine reads the records that the slow twin reads, stops and numbers where and as it does."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings

from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import open_capture
from tests.native.examples import examples
from tests.reference import reader
from tests.reference.packets import decode
from tests.reference.strategies import CAPTURES, damaged_captures, talks
from tests.reference.streams import Flows

Row = tuple[Any, ...]
LATEST = 2**63 - 1  # ns, of an Arrow timestamp
RECORD = ("timestamp", "interface_id", "link_type", "captured_length", "original_length")
NUMBERS = ("flow_id", "stream", "from_client")


def engine_rows(data: bytes, columns: tuple[str, ...]) -> tuple[list[Row], bool] | None:
    """The rows and whether there was damage; None where it is no capture."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        path.write_bytes(data)
        try:
            capture = open_capture(path, threads=1)
            table = capture.packets(columns).read_all()
        except CaptureError:
            return None
        damaged = capture.damage is not None
    if "timestamp" in columns:
        at = columns.index("timestamp")
        table = table.set_column(at, "timestamp", table["timestamp"].cast("int64"))
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True)), damaged


def twin_rows(data: bytes) -> tuple[list[Row], bool] | None:
    try:
        capture = reader.read(data)
    except reader.NotACapture:
        return None
    return [record_row(record) for record in capture.records], capture.damage is not None


def record_row(record: reader.Record) -> Row:
    time = record.timestamp
    if time is not None and not -LATEST <= time <= LATEST:
        time = None
    return time, record.interface, record.link_type, record.captured, record.original


@settings(max_examples=examples(150), derandomize=True)
@given(CAPTURES)
def test_a_capture_is_read_as_the_twin_reads_it(data: bytes) -> None:
    assert engine_rows(data, RECORD) == twin_rows(data)


@settings(max_examples=examples(250), derandomize=True)
@given(damaged_captures())
def test_a_damaged_capture_is_read_as_far_as_the_twin_reads_it(data: bytes) -> None:
    assert engine_rows(data, RECORD) == twin_rows(data)


@settings(max_examples=examples(200), derandomize=True)
@given(talks())
def test_flows_and_streams_are_numbered_as_the_twin_numbers_them(data: bytes) -> None:
    flows = Flows()
    expected = [tuple(flows.row(decode(one.frame, one.original, one.link_type))) for one in reader.read(data).records]
    answer = engine_rows(data, NUMBERS)
    assert answer is not None
    assert answer[0] == expected
