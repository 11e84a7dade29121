"""Thousands of holes: what is missing and what came twice, the list of holes full or not, as the slow twin says it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from pcap_analyzer.pipeline import analyze_capture
from tests.reference.tcp_measures import measure
from tests.reference.tcp_measures_state import ACK, SYN, Segment
from tests.reference.tcp_strategies import WORD, Sent, capture

FIRST = WORD - 20_000  # the transfers go across the wrap
MS = 1_000_000

Span = tuple[int, int]  # position and length of a segment


def every_second_then_the_others(random: Random) -> list[Span]:
    """1,500 holes, more than are listed, opened in order and filled in random order."""
    return [(2 * at * 20, 20) for at in range(1500)] + [
        ((2 * at + 1) * 20, 20) for at in random.sample(range(1499), 1499)
    ]


def every_second_backwards(random: Random) -> list[Span]:
    """Holes before all others, as many as are listed."""
    return [(2 * at * 20, 20) for at in reversed(range(1200))]


def anywhere(random: Random) -> list[Span]:
    """Segments that split holes, shrink them from either side, join several, and come again in part."""
    return [(random.randrange(30_000), random.choice([2, 5, 30, 100])) for _ in range(4000)]


def from_both_ends(random: Random) -> list[Span]:
    """A wide hole that is split again and again, near its beginning and near its end by turns."""
    near, far = range(10, 9_000, 20), range(50_000, 41_000, -20)
    inside = [(at, 10) for pair in zip(near, far, strict=False) for at in pair]
    return [(0, 10), (60_000, 10), *inside, *((at, 20) for at in random.sample(range(0, 60_000, 10), 3000))]


@pytest.mark.parametrize("order", [every_second_then_the_others, every_second_backwards, anywhere, from_both_ends])
@pytest.mark.parametrize("seed", range(2))
def test_holes_are_the_twins(order, seed: int, tmp_path: Path) -> None:
    spans = order(Random(seed))
    path = tmp_path / "holes.pcap"
    sent = [Sent(0, "PA", (FIRST + 1 + at) % WORD, 1, length) for at, length in spans]
    path.write_bytes(capture([[Sent(0, "S", FIRST, 0), *sent]]))
    ours = analyze_capture(path, threads=1).tcp
    segments = [Segment(1, 0, 0, FIRST, 0, SYN, 0)]
    segments += [
        Segment(number, number * MS, 0, one.seq, one.ack, ACK, one.length) for number, one in enumerate(sent, 2)
    ]
    client = measure(segments).sides[0]
    assert ours is not None
    assert (ours.missed_bytes, ours.unique_bytes) == (client.missed_bytes, client.unique_bytes)
    assert (ours.seen_twice_segments, ours.seen_twice_bytes) == (client.seen_twice_segments, client.seen_twice_bytes)
