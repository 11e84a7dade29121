"""The short ways of segments (native/steady.pxd, plain.pxd) leave the state of the long way, which asks everything.

Whoever asks for events has every segment go the long way. The short ways are for flows that were there before a batch,
or some packets earlier in it: with a packet a batch all of them count.
"""

import io
import struct
from dataclasses import replace
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given

from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import analyze_capture, open_capture, read_tables
from tests.reference.tcp_strategies import Talk, capture, conversations
from tests.scan.files import ACK, DATA, EPOCH, SYN, SYN_ACK, block, interface, section

NO_CAPTURES = {".json", ".md", ".txt"}


def both_ways(source, *, batch_size: int | None = 1) -> tuple[pa.Table, pa.Table]:
    """The flows when no event is asked for, and when all are."""
    short = analyze_capture(source(), threads=1, batch_size=batch_size).flows().read_all()
    with open_capture(source()) as opened:
        opened.tcp_events().read_all()
        return short, opened.flows().read_all()


def same(data: bytes, *, batch_size: int | None = 1) -> None:
    short, long = both_ways(lambda: io.BytesIO(data), batch_size=batch_size)
    assert short.num_rows
    assert short.equals(long), [
        (name, short[name].to_pylist(), long[name].to_pylist())
        for name in short.column_names
        if not short[name].equals(long[name])
    ]


@given(conversations())
def test_conversations(data):
    same(data)


def test_many_conversations_with_far_jumps_and_time_that_runs_backwards():
    random = Random(3)
    talks = [Talk(random).make() for _ in range(400)]
    same(capture(talks))
    same(capture(talks), batch_size=None)
    back = [[replace(one, delay=-2) if number % 7 == 3 else one for number, one in enumerate(talk)] for talk in talks]
    same(capture(back))


def test_totals_and_round_trips_are_the_same():
    random = Random(5)
    data = capture([Talk(random, far=False).make() for _ in range(300)])
    short = analyze_capture(io.BytesIO(data)).tcp
    long = read_tables(io.BytesIO(data), lambda _: None).tcp
    assert (repr(long) == repr(short)) is True  # histograms do not compare, and have thousands of counts to show
    assert short.segments > 1000


# ---------------------------------------------------------------- corners, found by reading both ways

FIRST, OTHER = 1001, 9001
"""The first sequence numbers of both sides behind their SYNs."""

MS = 1_000_000
START = EPOCH * 1000 * MS

Sent = tuple[int | None, bytes]
"""When, ns, and a frame; without a time it is in a block that has none."""


def a(seq: int, ack: int, flags: int = ACK, length: int = 0, *, words: int = 5) -> bytes:
    return _segment((1111, 80), (b"\x0a\0\0\x01", b"\x0a\0\0\x02"), seq, ack, flags, length, words)


def b(seq: int, ack: int, flags: int = ACK, length: int = 0) -> bytes:
    return _segment((80, 1111), (b"\x0a\0\0\x02", b"\x0a\0\0\x01"), seq, ack, flags, length, 5)


def _segment(ports, addresses, seq: int, ack: int, flags: int, length: int, words: int) -> bytes:
    numbers = (seq % 2**32, ack % 2**32, words << 4, flags, 1000, 0, 0)
    header = struct.pack(">BBHHHBBH", 0x45, 0, 40 + length, 1, 0, 64, 6, 0) + b"".join(addresses)
    return header + struct.pack(">HHIIBBHHH", *ports, *numbers) + bytes(length)


def handshake(start: int) -> list[Sent]:
    return [
        (start, a(FIRST - 1, 0, SYN)),
        (start + MS, b(OTHER - 1, FIRST, SYN_ACK)),
        (start + 2 * MS, a(FIRST, OTHER)),
    ]


def greeted(start: int) -> list[Sent]:
    """Both sides have sent a hundred bytes, and both have been told so."""
    return [
        *handshake(start),
        (start + 3 * MS, a(FIRST, OTHER, DATA, 100)),
        (start + 4 * MS, b(OTHER, FIRST + 100, DATA, 100)),
        (start + 5 * MS, a(FIRST + 100, OTHER + 100)),
    ]


def in_a_file(sent: list[Sent], *, offset_s: int = 0, late: int = 0, late_offset_s: int = 0) -> bytes:
    """Raw IP in pcapng, in nanoseconds; the last `late` packets are of an interface with an offset of its own."""
    data = section()
    for offset in (offset_s, late_offset_s):
        options = struct.pack("<HHB3xHHq", 9, 1, 9, 14, 8, offset) + bytes(4)
        data += interface(link_type=101, options=options)
    for number, (time, frame) in enumerate(sent):
        if time is None:
            data += block(3, struct.pack("<I", len(frame)) + frame)
            continue
        interface_id = int(number >= len(sent) - late)
        ticks = time % 2**64
        size = len(frame)
        data += block(6, struct.pack("<IIIII", interface_id, ticks >> 32, ticks & 0xFFFFFFFF, size, size) + frame)
    return data


def test_the_first_payload_has_no_time():
    sent = handshake(START)
    for number in range(40):
        at = START + (3 + 2 * number) * MS
        sent += [(at, a(FIRST + 100 * number, OTHER, ACK, 100)), (at + MS, b(OTHER, FIRST + 100 * number + 100))]
    data = in_a_file([*sent, (None, b(OTHER, FIRST + 4000, DATA, 50))])
    for batch_size in (1, 20, None):
        same(data, batch_size=batch_size)
    (row,) = analyze_capture(io.BytesIO(data)).flows().read_all().to_pylist()
    assert row["server_payload_bytes"] == 50
    assert (row["server_first_payload"], row["server_last_payload"]) == (None, None)


def test_a_segment_that_was_not_measured_lies_ahead_of_the_streams_time():
    at, seq = START + 6 * MS, FIRST + 100
    data = in_a_file(
        [
            *greeted(START),
            (at + 50 * MS, a(seq, OTHER + 100, DATA, 10, words=4)),  # its header is too short: only judged
            (at + MS, a(seq, OTHER + 100, DATA, 14)),
            (at + 2 * MS, b(OTHER + 100, seq + 14)),
            (at + 3 * MS, a(seq + 14, OTHER + 100, DATA, 100)),
            (at + 4 * MS, b(OTHER + 100, seq + 114)),
        ]
    )
    same(data)
    least = analyze_capture(io.BytesIO(data), threads=1, batch_size=1).tcp.server_rtt.min_ns
    assert least == 0


def test_times_before_1970_and_a_segment_without_any():
    start = 1000
    at, seq = start + 6 * MS, FIRST + 100
    untimed = [(None, a(seq, OTHER + 100, DATA, 100)), (at, b(OTHER + 100, seq + 100))]
    same(in_a_file([*greeted(start), *untimed], offset_s=-(10**9)))


def test_time_leaps_further_than_64_bits_tell():
    at, seq = 9 * 10**18, FIRST + 100
    late = [
        (at, a(seq, OTHER + 100, DATA, 100)),
        (at + MS, b(OTHER + 100, seq + 100)),
        (at + 2 * MS, a(seq + 100, OTHER + 100, DATA, 100)),
        (at + 3 * MS, b(OTHER + 100, seq + 200)),
    ]
    same(in_a_file([*greeted(1000), *late], offset_s=-1_999_999_999, late=4))


def test_an_acknowledgement_meets_a_list_that_is_out_of_order():
    at, far = START + 10 * MS, FIRST + 0x20000000
    sent = [*handshake(START), (at, b(OTHER, FIRST, DATA, 100)), (at + MS, a(FIRST, OTHER + 100))]
    ends = (far, FIRST + 0x90000000, FIRST + 0xE0000000, FIRST + 0x10000000, far)
    sent += [(at + (20 + 10 * n) * MS, a(end - 10, OTHER + 100, ACK, 10)) for n, end in enumerate(ends)]
    sent += [
        (at + 100 * MS, b(OTHER + 100, FIRST, 0x08)),  # no ACK: of the list, what ends before is dropped one by one
        (at + 105 * MS, a(FIRST, OTHER + 100)),
        (at + 110 * MS, a(far, OTHER + 100, ACK, 10)),
        (at + 120 * MS, b(OTHER + 100, FIRST, ACK, 10)),
        (at + 130 * MS, a(far + 10, OTHER + 110, ACK, 10)),
        (at + 140 * MS, b(OTHER + 110, far)),
    ]
    same(in_a_file(sent))


def test_a_segment_ends_half_the_number_space_from_what_is_acknowledged():
    at, met = START + 10 * MS, FIRST + 50
    sent = [*handshake(START), (at, b(OTHER, FIRST, DATA, 100)), (at + MS, a(FIRST, OTHER + 100))]
    ends = (met + 0x80000000, met + 0xC0000000, met, met + 10)
    sent += [(at + (2 + n) * MS, a(end - 10, OTHER + 100, ACK, 10)) for n, end in enumerate(ends)]
    sent += [
        (at + 6 * MS, a(FIRST, OTHER + 100)),
        (at + 8 * MS, a(met + 10, OTHER + 100, ACK, 10)),
        (at + 9 * MS, b(OTHER + 100, met)),
    ]
    same(in_a_file(sent))


@pytest.mark.corpus
def test_over_the_corpus(captures: Path):
    compared = 0
    for path in sorted(captures.rglob("*")):
        if path.suffix in NO_CAPTURES or not path.is_file():
            continue
        try:
            short, long = both_ways(lambda path=path: path, batch_size=None)
        except CaptureError:
            continue
        assert short.equals(long), path.name
        compared += short.num_rows
    assert compared > 4_000


def test_a_side_waits_from_the_moment_that_is_numbered_0():
    """As any other: 0 is no sign that nothing was waited for."""
    told = []
    for offset_s in (-1, -2):
        start = 10**9 - 11 * MS
        seq = FIRST + 100
        sent = [
            *greeted(start),
            (start + 10 * MS, a(seq, OTHER + 100, DATA, 100)),
            (start + 11 * MS, b(OTHER + 100, seq + 100)),
            (start + 31 * MS, a(seq + 100, OTHER + 100, DATA, 100)),
            (start + 32 * MS, b(OTHER + 100, seq + 200)),
        ]
        data = in_a_file(sent, offset_s=offset_s)
        same(data)
        flows = analyze_capture(io.BytesIO(data), threads=1, batch_size=1).flows().read_all()
        told.append(flows.select([name for name in flows.column_names if name.endswith("_limited")]).to_pylist())
    assert told[0] == told[1]
    assert told[0] != []


def again_in_a_fragment(mss: int) -> bytes:
    """The first fragment of a SYN/ACK that comes again, with an MSS: its numbers are not judged, its options count."""
    frame = bytearray(b(OTHER - 1, FIRST, SYN_ACK) + struct.pack(">BBH", 2, 4, mss))
    frame[2:4] = struct.pack(">H", len(frame))
    frame[6] = 0x20
    frame[32] = 6 << 4
    return bytes(frame)


@pytest.mark.parametrize("asked_again", [False, True], ids=["at once", "behind an ACK that comes again"])
def test_a_full_segment_becomes_smaller_between_two_segments(asked_again: bool):
    """What holds a side up is another thing then, though it has neither sent nor been told anything."""
    at, seq, other = START + 10 * MS, FIRST + 100, OTHER + 100
    sent = [*greeted(START), (at, b(other, seq, DATA, 100)), (at + MS, a(seq, other + 100))]
    sent += [(at + 2 * MS, a(seq + 100 * n, other + 100, DATA, 100)) for n in range(5)]
    sent += [(at + 10 * MS, again_in_a_fragment(60))]
    if asked_again:
        sent += [(at + 11 * MS, a(seq + 500, other + 100))]
    sent += [
        (at + 20 * MS, b(other + 100, seq, DATA, 100)),
        (at + 70 * MS, b(other + 200, seq, DATA, 100)),
        (at + 80 * MS, b(other + 300, seq + 500)),
    ]
    data = in_a_file(sent)
    for batch_size in (1, None):
        same(data, batch_size=batch_size)
    (row,) = analyze_capture(io.BytesIO(data), threads=1, batch_size=1).flows().read_all().to_pylist()
    assert row["client_application_limited"] > row["client_receiver_limited"] > row["client_congestion_limited"]
