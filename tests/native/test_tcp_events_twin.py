"""The table tcp_events says of every segment what the slow twin says: what it is, and why."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given, settings

from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import open_capture
from pcap_analyzer.schema import MARKS, TCP_EVENTS
from tests.reference import golden as tshark
from tests.reference import reader
from tests.reference.packets import decode
from tests.reference.tcp_events import Events
from tests.reference.tcp_strategies import Talk, capture, conversations
from tests.reference.tcp_transfer import Transfer, transfers

Row = dict[str, Any]
COLUMNS = tuple(name for name in TCP_EVENTS.columns if name != "timestamp")
# The kernel remembers fewer acknowledged segments than the twin, and so may not know what a late repetition repeats.
FORGOTTEN = ("repeats_frame", "delay", "cause")
# A handshake that takes no time is measured again by Wireshark and so by the kernel: what is soon differs.
WILD = (*FORGOTTEN, "fill")


def plain(table: pa.Table) -> list[Row]:
    """Rows with times as ns."""
    for at, one in enumerate(table.schema):
        if pa.types.is_duration(one.type):
            table = table.set_column(at, one.name, table[one.name].cast("int64"))
    rows: list[Row] = table.to_pylist()
    return rows


def engine_rows(data: bytes) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        path.write_bytes(data)
        with open_capture(path, threads=1) as opened:
            return plain(opened.tcp_events(COLUMNS).read_all())


def twin_rows(data: bytes) -> list[Row]:
    events, absent = Events(), dict.fromkeys(COLUMNS)
    return [
        absent | row
        for number, record in enumerate(reader.read(data).records, 1)
        for row in events.add(number, record.timestamp, decode(record.frame, record.original, record.link_type))
    ]


def differing(engine: list[Row], twin: list[Row]) -> list[tuple[str, Row, Row]]:
    """Columns in which two rows of the same event differ; the events themselves are the same."""
    assert [(row["frame_number"], row["event"]) for row in engine] == [
        (row["frame_number"], row["event"]) for row in twin
    ]
    return [
        (name, ours, theirs)
        for ours, theirs in zip(engine, twin, strict=True)
        for name in COLUMNS
        if ours[name] != theirs[name]
    ]


@settings(max_examples=100)
@given(transfers())
def test_a_transfer_with_losses_is_told_as_the_twin_tells_it(data: bytes) -> None:
    assert not differing(engine_rows(data), twin_rows(data))


def test_many_transfers_are_told_as_the_twin_tells_them() -> None:
    random = Random(3)
    data = capture([Transfer(random).make() for _ in range(200)])
    twin = twin_rows(data)
    assert not differing(engine_rows(data), twin)
    causes = Counter(row["cause"] for row in twin)
    assert min(causes[cause] for cause in ("rto", "fast", "tail_loss", "syn_retry")) > 10
    kinds = Counter(row["event"] for row in twin)
    needed = ("retransmission", "fast_retransmission", "out_of_order", "duplicate_ack", "seen_twice")
    assert min(kinds[kind] for kind in (*needed, "syn_retry", "spurious_dsack", "spurious_timestamps")) > 10


@settings(max_examples=100)
@given(conversations())
def test_whatever_is_sent_is_told_as_the_twin_tells_it_but_for_forgotten_originals(data: bytes) -> None:
    assert {name for name, _, _ in differing(engine_rows(data), twin_rows(data))} <= set(WILD)


def test_originals_are_seldom_forgotten() -> None:
    random = Random(7)
    data = capture([Talk(random, far=False).make() for _ in range(500)])
    twin = twin_rows(data)
    wrong = differing(engine_rows(data), twin)
    assert {name for name, _, _ in wrong} <= set(WILD)
    known = sum(row["cause"] is not None for row in twin)
    assert sum(name == "repeats_frame" for name, _, _ in wrong) < 0.2 * known
    assert sum(name in ("cause", "fill") for name, _, _ in wrong) < 0.05 * known


def test_over_the_corpus(captures: Path, golden: Path) -> None:
    """But for forgotten originals, and stream numbers, which the twin does not take for connections behind a proxy."""
    forgotten, known = Counter[str](), 0
    for name in sorted(tshark.index(golden)):
        try:
            records = reader.read((captures / name).read_bytes()).records
        except reader.NotACapture:
            continue
        events, twin, absent = Events(), list[Row](), dict.fromkeys(COLUMNS)
        for record, row in zip(records, tshark.rows(golden, name), strict=False):
            packet = decode(record.frame, record.original, record.link_type)
            twin += [absent | told for told in events.add(int(row["num"]), record.timestamp, packet)]
        with open_capture(captures / name, threads=1) as opened:
            wrong = differing(plain(opened.tcp_events(COLUMNS).read_all()), twin)
        unexpected = [one for one in wrong if one[0] not in (*FORGOTTEN, "stream")]
        assert not unexpected, f"{name}: {unexpected[0]}"
        forgotten.update(one for one, _, _ in wrong)
        known += sum(row["cause"] is not None for row in twin)
    assert known > 7000
    assert forgotten["repeats_frame"] <= 0.04 * known
    assert forgotten["cause"] <= 0.005 * known


def test_what_tshark_says_of_acknowledgements_over_the_corpus(captures: Path, golden: Path) -> None:
    """Which ACK a duplicate repeats and its number, and the segment that any marked packet acknowledges."""
    compared = Counter[str]()
    for name in sorted(tshark.index(golden)):
        said = {int(row["num"]): row for row in tshark.rows(golden, name) if "," not in row["tcp_stream"]}
        if not said:
            continue
        try:
            with open_capture(captures / name, threads=1) as opened:
                rows = plain(opened.tcp_events(COLUMNS).read_all())
        except CaptureError:
            continue
        for row in rows:
            theirs = said.get(row["frame_number"])
            if theirs is None or row["event"] not in MARKS:
                continue
            ours = {"a_acks_frame": row["acks_frame"]}
            if row["event"] == "duplicate_ack":
                ours |= {"a_dup_ack_frame": row["repeats_frame"], "a_dup_ack_num": row["duplicate_number"]}
            for column, value in ours.items():
                assert theirs[column] == tshark.text(value), f"{name}: frame {row['frame_number']}, {column}"
                compared[column] += value is not None
    assert min(compared[column] for column in ("a_acks_frame", "a_dup_ack_frame", "a_dup_ack_num")) > 500
