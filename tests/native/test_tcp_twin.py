"""The native TCP analysis says of every packet what the slow twin says, on conversations that are made up."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import given, settings

from pcap_analyzer.pipeline import open_capture
from tests.native.examples import examples
from tests.reference import reader
from tests.reference.frame import Packet
from tests.reference.packets import decode
from tests.reference.streams import Flows
from tests.reference.tcp_capture import Analysis
from tests.reference.tcp_segments import NO_MARK, Mark
from tests.reference.tcp_strategies import (
    Sent,
    Talk,
    capture,
    conversations,
    opens_stream,
    places_of_frames,
    sack_option,
    scale_option,
    with_short_headers,
)

Row = dict[str, Any]
COLUMNS = ("frame_number", "stream", "from_client", "tcp_marks", "ack_rtt", "bytes_in_flight", "tcp_window")


def engine_rows(data: bytes) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        path.write_bytes(data)
        table = open_capture(path, threads=1).packets(COLUMNS).read_all()
    at = COLUMNS.index("ack_rtt")
    rows: list[Row] = table.set_column(at, "ack_rtt", table["ack_rtt"].cast("int64")).to_pylist()
    for row in rows:
        row["tcp_marks"] = names(Mark(row["tcp_marks"] or 0))
    return rows


def names(marks: Mark) -> list[str]:
    """Wireshark's marks among these."""
    return [mark.name or "" for mark in Mark if mark in marks and mark is not Mark.seen_twice]


def twin_rows(data: bytes) -> list[Row]:
    analysis, flows = Analysis(), Flows()
    return [
        twin_row(analysis, flows, number, record.timestamp, decode(record.frame, record.original, record.link_type))
        for number, record in enumerate(reader.read(data).records, 1)
    ]


def twin_row(analysis: Analysis, flows: Flows, number: int, time: int | None, packet: Packet) -> Row:
    """What is said of the packet's own header; the others of a tunnel change their streams."""
    said = [verdict for header, _, verdict in analysis.add(number, time, packet) if header.own]
    verdict = said[0] if said else None
    flow = flows.row(packet)
    return {
        "frame_number": number,
        "stream": flow.stream,
        "from_client": flow.from_client,
        "tcp_marks": names(NO_MARK if verdict is None else verdict.marks),
        "ack_rtt": None if verdict is None else verdict.ack_rtt,
        # The kernel keeps one of several segments with the same end, so what spans the base may come out otherwise.
        "bytes_in_flight": None if verdict is None else ANY if verdict.spans_base else verdict.bytes_in_flight,
        "tcp_window": None if verdict is None else verdict.window,
    }


def differences(data: bytes) -> list[str]:
    wrong = []
    for engine, twin in zip(engine_rows(data), twin_rows(data), strict=True):
        wrong += [
            f"packet {twin['frame_number']}: {key} {engine[key]}, twin {twin[key]}"
            for key in twin
            if engine[key] != twin[key]
        ]
    return wrong


@settings(max_examples=examples(200))
@given(conversations())
def test_a_conversation_is_judged_as_the_twin_judges_it(data: bytes) -> None:
    assert differences(data) == []


@pytest.mark.parametrize(("seed", "snap"), [(0, 65535), (1, 65535), (2, 42), (3, 54)])
def test_many_conversations_are_judged_as_the_twin_judges_them(seed: int, snap: int) -> None:
    random = Random(seed)
    wrong = differences(capture([Talk(random, far=False).make() for _ in range(1000)], snap=snap))
    assert not wrong, "\n".join([f"{len(wrong)} values differ", *wrong[:20]])


def test_an_ack_from_the_other_half_of_the_numbers_drops_what_it_lies_before() -> None:
    # 0 lies before the end of the second segment and behind that of the first; tshark keeps the first.
    begin = 2**31 - 50
    segments = [
        Sent(0, "S", begin, 0),
        Sent(0, "AP", begin + 1, 9000, length=1),
        Sent(0, "AP", begin + 2, 9000, length=100),
        Sent(1, "ASF", 9000, 0),
        Sent(1, "AP", 9001, begin + 102, length=1),
    ]
    data = capture([segments])
    assert differences(data) == []
    assert engine_rows(data)[-1]["ack_rtt"] is None


@pytest.mark.parametrize("count", [3, 60, 200])
@pytest.mark.parametrize("beyond", [-10, 50])
def test_bytes_in_flight_are_counted_from_the_base_however_many_segments_are_under_way(count, beyond) -> None:
    # The base is one less than the first number that was captured; what is sent next begins before it.
    begin = 9_000_000
    low = begin - 100 * count + beyond
    segments = [
        Sent(0, "A", begin, 1),
        Sent(1, "A", 1, low),
        *(Sent(0, "AP", low + 100 * at, 1, length=100) for at in range(count)),
        Sent(0, "AP", begin + 200, 1, length=100),
    ]
    flights = [row["bytes_in_flight"] for row in engine_rows(capture([segments]))]
    assert flights[2 : 1 + count] == [100 * at for at in range(1, count)]
    # tshark counts without sign: what ends behind the base has a low number, what begins before it a high one.
    assert flights[1 + count :] == [100 * count if beyond < 0 else 100 * (count - 1), None]


@pytest.mark.parametrize(
    ("rest", "needed"),
    [
        (b"\x01\x01\x04\x02\x01\x01\x01\x01", 12),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00", 12),
        (b"\x00\x04\x05\x06\x00\x00\x00\x00", 12),  # no zeros behind the end of options
        (b"\x0a\xa9\x01\x02\x01\x01\x01\x01", 10),  # 169 bytes
        (b"\x0a\x01\x01\x02\x01\x01\x01\x01", 6),  # one byte, where two are the least
    ],
)
def test_a_syn_without_a_scale_says_so_where_tshark_reads_its_options_to_the_end(rest: bytes, needed: int) -> None:
    segments = [
        Sent(0, "S", 2999, 0, options=b"\x02\x04\x05\xb4" + rest),
        Sent(1, "SA", 8000, 3000, options=scale_option(2)),
        Sent(0, "A", 3000, 8001),
        Sent(1, "A", 8001, 3000, window=1000),
    ]
    for captured in range(4, 13):
        data = capture([segments], snap=40 + captured)
        assert differences(data) == []
        assert engine_rows(data)[-1]["tcp_window"] == (1000 if captured >= needed else 4000)


@pytest.mark.parametrize(
    ("sent", "ack", "flight"),
    [
        ([(1, 100), (1001, 100), (1051, 200)], 1081, 270),
        ([(1, 100), (1001, 100), (1090, 60), (1021, 230)], 1081, 270),  # with one between them that begins behind it
        ([(1, 100), (1001, 100), (951, 300)], 981, 370),  # the first begins behind it
    ],
)
def test_an_ack_takes_its_part_of_every_segment_that_it_lies_in(sent, ack, flight) -> None:
    # An old segment and its ACK, which comes late, let the others be asked where they begin.
    segments = [
        *(Sent(0, "AP", seq, 1, length=length) for seq, length in sent),
        Sent(1, "A", 1, ack),
        Sent(0, "AP", 301, 1, length=100),
        Sent(1, "A", 1, 401),
        Sent(0, "AP", 1251, 1, length=100),
    ]
    data = capture([segments])
    assert differences(data) == []
    assert engine_rows(data)[-1]["bytes_in_flight"] == flight


@pytest.mark.parametrize("length", range(2, 21))
def test_nothing_is_read_behind_a_sack_option_without_a_block(length: int) -> None:
    blocks = struct.pack(">IIIII", 3010, 3030, 3040, 3050, 3060)[: length - 2]
    sack = bytes([5, length]) + blocks + bytes([1] * (-length % 4))
    segments = [
        Sent(0, "S", 2999, 0, options=sack + scale_option(7), window=1000),
        Sent(1, "SA", 8000, 3000, options=scale_option(2)),
        Sent(0, "AP", 3000, 8001, length=900, window=1000),
        Sent(1, "A", 8001, 3000, options=sack + sack_option([(3200, 3210)])),
        Sent(0, "AP", 3900, 8001, length=100, window=1000),
        # Behind another it is passed over.
        Sent(1, "A", 8001, 3000, options=sack_option([(3010, 3011)]) + sack[:12] + sack_option([(3200, 3210)])),
        Sent(0, "AP", 4000, 8001, length=100, window=1000),
    ]
    data = capture([segments if length <= 12 else segments[:5]])
    rows = engine_rows(data)
    assert differences(data) == []
    assert rows[4]["tcp_window"] == (1000 if length < 10 else 128_000)
    assert rows[4]["bytes_in_flight"] == (1000 if length < 10 else 990)
    assert rows[-1]["bytes_in_flight"] == (rows[4]["bytes_in_flight"] if length > 12 else 1090)


def test_what_an_ack_without_its_flag_drops_from_behind_is_no_longer_in_flight() -> None:
    # As in tshark: 0 lies before the end of the last segment in half of the numbers, and not of the one before.
    begin = 2**31 - 50
    segments = [
        Sent(0, "A", begin, 9000),
        Sent(0, "AP", begin, 9000, length=9),
        Sent(0, "AP", begin + 9, 9000, length=100),
        Sent(1, "", 9000, 0),
        Sent(0, "AP", begin, 9000, length=9),
    ]
    data = capture([segments])
    assert differences(data) == []
    assert [row["bytes_in_flight"] for row in engine_rows(data)] == [None, 9, 109, None, 9]


def test_headers_that_are_too_short_are_judged_as_the_twin_judges_them() -> None:
    random = Random(5)
    wrong = differences(with_short_headers(capture([Talk(random, far=False).make() for _ in range(1000)]), random))
    assert not wrong, "\n".join([f"{len(wrong)} values differ", *wrong[:20]])


def test_the_ack_of_a_syn_counts_without_its_flag() -> None:
    segments = [
        Sent(0, "S", 2999, 8500),
        Sent(1, "A", 8000, 3000, length=100),
        Sent(0, "A", 3000, 8100),
    ]
    data = capture([segments])
    assert differences(data) == []
    assert engine_rows(data)[1]["tcp_marks"] == ["retransmission", "spurious_retransmission"]


def test_a_syn_without_a_time_begins_no_round_trip() -> None:
    random = Random(4)
    data = bytearray(capture([Talk(random, far=False).make() for _ in range(300)]))
    for at in places_of_frames(data):
        if opens_stream(data, at):
            data[at - 16 : at - 8] = bytes(8)
    wrong = differences(bytes(data))
    assert not wrong, "\n".join([f"{len(wrong)} values differ", *wrong[:20]])
