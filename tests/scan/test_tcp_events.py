"""The public table tcp_events: its columns, what it says of a conversation checked by hand, and how it is streamed."""

import io
import itertools
import struct
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pcap_analyzer.capture.source import open_source
from pcap_analyzer.errors import CaptureError
from pcap_analyzer.event_columns import event_batch
from pcap_analyzer.event_stream import EVENT, event_batches
from pcap_analyzer.pipeline import open_capture, scanning
from pcap_analyzer.schema import MARKS, TCP_EVENTS
from tests.reference.tcp_strategies import Sent, Talk, capture, sack_option
from tests.scan.files import ACK, RST, pcap_file, tcp_frame

MS = 1_000_000


@pytest.fixture(scope="module")
def talks() -> bytes:
    random = Random(1)
    return capture([Talk(random).make() for _ in range(300)])


def events(data, columns=None, *, threads=1, **options) -> list[dict]:
    with open_capture(io.BytesIO(data), threads=threads) as opened:
        table = opened.tcp_events(columns, **options).read_all()
    table.validate(full=True)
    return table.to_pylist()


def test_its_columns_are_those_of_the_schema(talks):
    with open_capture(io.BytesIO(talks)) as opened:
        reader = opened.tcp_events()
        assert tuple(reader.schema.names) == TCP_EVENTS.columns
        table = reader.read_all()
    table.validate(full=True)
    for column, field in zip(table.columns, table.schema, strict=True):
        assert field.nullable or column.null_count == 0, field.name


def test_columns_come_as_asked_for(talks):
    [row, *_] = events(talks, ("event", "frame_number"))
    assert list(row) == ["event", "frame_number"]
    with pytest.raises(KeyError):
        events(talks, ("colour",))


# One line a packet: side, flags, sequence number, ACK, payload, ms since the packet before.
STORY = [
    (0, "S", 999, 0, 0, 1),
    (0, "S", 999, 0, 0, 1000),  # 2: nobody answered
    (1, "SA", 8999, 1000, 0, 10),
    (0, "A", 1000, 9000, 0, 0),
    (0, "PA", 1000, 9000, 100, 1),
    (0, "PA", 1100, 9000, 100, 1),
    (0, "PA", 1300, 9000, 100, 1),  # 7: 1200 to 1300 was not captured
    (1, "A", 9000, 1200, 0, 10),
    (1, "A", 9000, 1200, 0, 1),
    (1, "A", 9000, 1200, 0, 1),  # 10: asks again
    (0, "PA", 1200, 9000, 100, 2),
    (1, "A", 9000, 1400, 0, 10),
    (0, "PA", 1400, 9000, 100, 1),
    (0, "PA", 1400, 9000, 100, 300),  # 14: no answer in time
    (1, "A", 9000, 1500, 0, 10),  # 15: it came twice
    (0, "R", 1500, 0, 0, 1),
]
SPURIOUS = 15
SYN_RETRY = {"repeats_frame": 1, "delay": 1000 * MS, "cause": "syn_retry", "expected": 1000, "found": 999}
FAST = {"expected": 1400, "found": 1200, "threshold": 20 * MS, "since": 2 * MS, "since_frame": 10, "fill": "repaired"}
TIMEOUT = {"repeats_frame": 13, "delay": 300 * MS, "cause": "rto", "expected": 1500, "found": 1400}
DUPLICATE = {"repeats_frame": 8, "expected": 9000, "found": 9000}
TOLD = [
    (2, "retransmission", SYN_RETRY | {"threshold": 3 * MS, "since": 1000 * MS, "since_frame": 1}),
    (2, "syn_retry", SYN_RETRY),
    (7, "lost_segment", {"expected": 1200, "found": 1300}),
    (7, "gap", {"expected": 1200, "found": 1300}),
    (9, "duplicate_ack", DUPLICATE | {"duplicate_number": 1}),
    (10, "duplicate_ack", DUPLICATE | {"duplicate_number": 2}),
    (11, "retransmission", FAST),
    (11, "fast_retransmission", FAST | {"answers_frame": 10}),
    (14, "retransmission", TIMEOUT | {"threshold": 10 * MS, "since": 300 * MS, "since_frame": 13}),
    (14, "seen_twice", TIMEOUT),
    (15, "spurious_dsack", {"needless_frame": 14, "acks_frame": 13}),
    (16, "reset", {"expected": 1500, "found": 1500}),
]


def test_a_conversation_is_told_as_worked_out_by_hand():
    story = [Sent(side, flags, seq, ack, length, 500, b"", delay) for side, flags, seq, ack, length, delay in STORY]
    side, flags, seq, ack, length, delay = STORY[SPURIOUS - 1]
    story[SPURIOUS - 1] = Sent(side, flags, seq, ack, length, 500, sack_option([(1400, 1500)]), delay)
    with open_capture(io.BytesIO(capture([story]))) as opened:
        table = opened.tcp_events().read_all()
    for name in ("threshold", "since", "delay"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
    common = ("flow_id", "stream", "from_client", "timestamp", "frame_number", "event")
    rows = table.to_pylist()
    why = [{name: row[name] for name in row if name not in common and row[name] is not None} for row in rows]
    assert [(row["frame_number"], row["event"], told) for row, told in zip(rows, why, strict=True)] == TOLD
    assert {(row["flow_id"], row["stream"]) for row in rows} == {(0, 0)}
    assert [row["frame_number"] for row in rows if not row["from_client"]] == [9, 10, 15]


def test_rows_are_the_same_for_any_number_of_threads_and_any_batch_size(talks):
    expected = events(talks)
    assert len(expected) > 1000
    assert [row["frame_number"] for row in expected] == sorted(row["frame_number"] for row in expected)
    for threads, batch_size in itertools.product((1, 2, 4, 12), (1, 100, 65536)):
        assert events(talks, threads=threads, batch_size=batch_size) == expected


def test_batches_have_the_size_asked_for_however_it_is_scanned(talks):
    rows = len(events(talks))
    for threads in (1, 2):
        with open_capture(io.BytesIO(talks), threads=threads) as opened:
            sizes = [batch.num_rows for batch in opened.tcp_events(batch_size=300)]
        assert sizes == [300] * (rows // 300) + [rows % 300] * (rows % 300 > 0)


def test_more_events_than_one_scanned_batch_has_packets_come_in_order():
    data = pcap_file(tcp_frame(number % 5, flags=RST, seq=number) for number in range(20000))
    rows = events(data, ("frame_number", "event"), threads=2, batch_size=65536)
    assert [row["frame_number"] for row in rows if row["event"] == "reset"] == list(range(1, 20001))


def test_a_capture_without_tcp_has_no_events():
    assert events(pcap_file([])) == []


def test_packets_or_events_are_taken_once(talks):
    with open_capture(io.BytesIO(talks)) as opened:
        next(iter(opened.tcp_events()))
        with pytest.raises(ValueError, match="open it again"):
            opened.packets()
    with open_capture(io.BytesIO(talks)) as opened, pytest.raises(ValueError, match="batch_size"):
        opened.tcp_events(batch_size=0)


def test_behind_the_events_the_flows_are_known(talks):
    with open_capture(io.BytesIO(talks)) as opened:
        alone = opened.flows().read_all()
    with open_capture(io.BytesIO(talks)) as opened:
        told = opened.tcp_events(("flow_id", "event")).read_all().to_pylist()
        flows = opened.flows().read_all()
    assert flows.equals(alone)
    counted = [pc.sum(flows[f"{side}_retransmission"]).as_py() for side in ("client", "server")]
    assert sum(row["event"] == "retransmission" for row in told) == sum(counted) > 0


def test_an_array_of_another_size_is_refused():
    from pcap_analyzer._native.scan import Scanner

    scanner = Scanner(seed=bytes(32), tcp_events=True)
    with pytest.raises(ValueError, match="0 events take 0 bytes"):
        scanner.batch_tcp_events(np.zeros(1, np.uint8))


def test_an_empty_batch_has_all_columns():
    batch = event_batch(np.empty(0, EVENT))
    assert (batch.num_rows, tuple(batch.schema.names)) == (0, TCP_EVENTS.columns)


def test_a_capture_cut_or_spoilt_anywhere_ends_normally(talks):
    random = Random(2)
    for _ in range(300):
        spoilt = bytearray(talks[: random.randrange(60, 20_000)])
        for _ in range(random.randrange(8)):
            spoilt[random.randrange(24, len(spoilt))] = random.randrange(256)
        rows = events(bytes(spoilt), ("frame_number",), threads=2)
        assert [row["frame_number"] for row in rows] == sorted(row["frame_number"] for row in rows)


def test_ports_used_again_and_again_are_flows_of_their_own():
    """A flow's place is used again by others; what was remembered of the one before is not said of the next."""
    syns = [tcp_frame(1, flags=2, seq=1000 * number) for number in range(3000)]
    rows = events(pcap_file(syns), ("event", "flow_id", "repeats_frame"))
    assert [row["flow_id"] for row in rows] == list(range(1, 3000))
    assert {(row["event"], row["repeats_frame"]) for row in rows} == {("reused_ports", None)}


def test_flows_that_were_written_out_are_told_the_same_for_any_number_of_threads():
    """Their places are used by others, so an ACK that repeats one of before is not said to."""
    first = [tcp_frame(client, flags=ACK, seq=1) for client in range(66_000)]
    data = pcap_file([*first, *(tcp_frame(client, flags=ACK, seq=1) for client in (3, 3, 65_000))])

    def told(threads):
        with scanning(open_source(io.BytesIO(data)), threads, 8192, 1000, tcp_events=True) as reader:
            batches = list(event_batches(reader, ("frame_number", "event", "repeats_frame"), 100))
            assert reader.totals()["evicted_flows"] > 60_000
        return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]

    assert told(1) == told(4) == [(66_002, "duplicate_ack", 66_001), (66_003, "duplicate_ack", 65_001)]


def test_a_record_without_time_has_none():
    from tests.scan.files import block, interface, section

    frame = tcp_frame(1, flags=RST)
    simple = block(3, struct.pack("<I", len(frame)) + frame)
    [row] = events(section() + interface() + simple)
    assert (row["timestamp"], row["event"]) == (None, "reset")


@pytest.mark.corpus
def test_the_marks_are_the_bits_of_the_packets(captures):
    compared = 0
    for path in sorted(captures.rglob("*")):
        if path.suffix in {".json", ".md", ".txt"} or not path.is_file():
            continue
        try:
            with open_capture(path, threads=1) as opened:
                packets = opened.packets(("frame_number", "flow_id", "stream", "from_client", "tcp_marks")).read_all()
        except CaptureError:
            continue
        wanted = [
            (*(row[name] for name in ("frame_number", "flow_id", "stream", "from_client")), mark)
            for row in packets.to_pylist()
            if row["tcp_marks"]
            for bit, mark in enumerate(MARKS)
            if row["tcp_marks"] >> bit & 1
        ]
        with open_capture(path, threads=2) as opened:
            table = opened.tcp_events(("frame_number", "flow_id", "stream", "from_client", "event"), batch_size=777)
            told = [tuple(row.values()) for row in table.read_all().to_pylist() if row["event"] in MARKS]
        assert told == wanted, path
        compared += len(told)
    assert compared > 10_000
