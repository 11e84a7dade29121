"""The short way of segments in order (native/plain.pxd) leaves the same state as the long way, which asks everything.

Whoever asks for events has every segment judged the long way.
"""

import io
from dataclasses import replace
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given

from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import analyze_capture, open_capture, read_tables
from tests.reference.tcp_strategies import Talk, capture, conversations

NO_CAPTURES = {".json", ".md", ".txt"}


def both_ways(source) -> tuple[pa.Table, pa.Table]:
    """The flows when no event is asked for, and when all are."""
    with open_capture(source()) as opened:
        short = opened.flows().read_all()
    with open_capture(source()) as opened:
        opened.tcp_events().read_all()
        return short, opened.flows().read_all()


def same(data: bytes) -> None:
    short, long = both_ways(lambda: io.BytesIO(data))
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
    back = [[replace(one, delay=-2) if number % 7 == 3 else one for number, one in enumerate(talk)] for talk in talks]
    same(capture(back))


def test_totals_and_round_trips_are_the_same():
    random = Random(5)
    data = capture([Talk(random, far=False).make() for _ in range(300)])
    short = analyze_capture(io.BytesIO(data)).tcp
    long = read_tables(io.BytesIO(data), lambda _: None).tcp
    assert (repr(long) == repr(short)) is True  # histograms do not compare, and have thousands of counts to show
    assert short.segments > 1000


@pytest.mark.corpus
def test_over_the_corpus(captures: Path):
    compared = 0
    for path in sorted(captures.rglob("*")):
        if path.suffix in NO_CAPTURES or not path.is_file():
            continue
        try:
            short, long = both_ways(lambda path=path: path)
        except CaptureError:
            continue
        assert short.equals(long), path.name
        compared += short.num_rows
    assert compared > 4_000
