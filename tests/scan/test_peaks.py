"""The busiest millisecond of each bucket: what a slow reader of the file finds, for any threads and batches."""

import io
import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.analysis.model import SPAN_NS, TICK_NS
from pcap_analyzer.pipeline import analyze_capture
from tests.scan.files import EPOCH, block, interface, section

SECOND = 1_000_000_000
Packet = tuple[int | None, int]  # ns since EPOCH, None: no time; bytes


def capture(packets: list[Packet]) -> bytes:
    """Nanoseconds, and simple packet blocks where there is no time."""
    blocks = []
    for when, size in packets:
        frame = bytes(14)
        if when is None:
            blocks.append(block(3, struct.pack("<I", 14) + frame))
        else:
            ticks = EPOCH * SECOND + when
            blocks.append(block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, 14, size) + frame))
    nanoseconds = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
    return section() + interface(options=nanoseconds) + b"".join(blocks)


def stretches(packets: list[Packet], width: int) -> list[tuple[int, int, int]]:
    """(number, bytes, first frame) of packets that follow each other and fall into one stretch of time."""
    start = next(when for when, _ in packets if when is not None)
    found: list[tuple[int, int, int]] = []
    for frame, (when, size) in enumerate(packets, start=1):
        if when is None:
            continue
        number = max(when - start, 0) // width
        if found and found[-1][0] == number:
            found[-1] = (number, found[-1][1] + size, found[-1][2])
        else:
            found.append((number, size, frame))
    return found


def slowly(packets: list[Packet], width: int, buckets: int) -> tuple[list[int], ...]:
    sizes, frames, spans = [0] * buckets, [0] * buckets, [0] * buckets
    for number, size, frame in stretches(packets, TICK_NS):
        at = number * TICK_NS // width
        if size > sizes[at] or not frames[at]:
            sizes[at], frames[at] = size, frame
    for number, size, _ in stretches(packets, SPAN_NS):
        at = number * SPAN_NS // width
        spans[at] = max(spans[at], size)
    return sizes, frames, spans


def quickly(data: bytes, **options) -> tuple[int, tuple[list[int], ...]]:
    found = analyze_capture(io.BytesIO(data), **options).intervals
    return found.width_ns, tuple(map(list, (found.peaks.bytes, found.peaks.frames, found.peaks.span_bytes)))


gaps = st.one_of(st.just(None), st.integers(-3_000_000, 200_000), st.integers(0, 40_000_000))


@given(st.lists(st.tuples(gaps, st.integers(14, 1500)), min_size=1, max_size=700))
def test_the_busiest_ticks_and_spans_are_found(drawn):
    now, packets = SECOND, []
    for gap, size in drawn:
        now += gap or 0
        packets.append((None, 14) if gap is None else (max(now, 0), size))
    if all(when is None for when, _ in packets):
        return
    width, found = quickly(capture(packets), threads=2, batch_size=300)
    assert found == slowly(packets, width, len(found[0]))


def test_for_any_number_of_threads_and_any_batch_size():
    packets = [(number * 7919 + (number % 911 == 0) * 40_000_000, 60 + number % 1400) for number in range(6000)]
    data = capture(packets)
    width, expected = quickly(data, threads=1)
    assert max(expected[0]) > 50_000
    for threads, batch_size in itertools.product((1, 2, 4), (1, 257, 65536)):
        assert quickly(data, threads=threads, batch_size=batch_size) == (width, expected)


@pytest.mark.parametrize("apart", [TICK_NS // 2, TICK_NS])
def test_what_stands_in_one_tick_is_counted_together(apart):
    _, found = quickly(capture([(0, 1000), (apart, 500)]))
    assert max(found[0]) == (1500 if apart < TICK_NS else 1000)


def test_the_series_loses_nothing_where_another_threads_packets_make_its_buckets_wider():
    """What one thread had counted last lay in a bucket of the old width; found by fuzzing, one run in forty."""
    times = [0, 322_000, 1_019_066_000, 269_454_648_000, 2_032_385_000, 2_032_481_000, 5_016_026_000, 5_016_355_000]
    data = capture([(when, 60 + number) for number, when in enumerate(times)])
    expected = analyze_capture(io.BytesIO(data), threads=1).intervals
    assert sum(expected.packets) == len(times)
    for _ in range(400):
        found = analyze_capture(io.BytesIO(data), threads=2, batch_size=1).intervals
        assert (found.packets, found.bytes) == (expected.packets, expected.bytes)
