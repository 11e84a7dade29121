"""More protocol paths than the hierarchy has places for: the order of the file says which find one, not the threads."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from pcap_analyzer.pipeline import analyze_capture
from tests.native.frames import ethernet, ipv4, ipv6
from tests.scan.files import pcap_file

IP_IN_IP, IPV6_IN_IP, TCP, UDP = 4, 41, 6, 17


def nested(draw: random.Random, depth: int, ends: int) -> bytes:
    """IP in IP, so many times, around a header or one of so many protocols that nobody reads."""
    versions = [draw.choice((4, 6)) for _ in range(depth)]
    inside = draw.choice((TCP, UDP, *range(150, 150 + ends)))
    frame = bytes(40)
    for version in versions:
        frame = ipv4(frame, inside) if version == 4 else ipv6(frame, inside)
        inside = IP_IN_IP if version == 4 else IPV6_IN_IP
    return ethernet(frame, 0x0800 if versions[-1] == 4 else 0x86DD)


@pytest.mark.parametrize(
    ("depth", "ends"),
    [(11, 1), (11, 90), (5, 90), (3, 2)],
    ids=["too many paths", "too many of both", "too many numbers", "enough places"],
)
def test_the_hierarchy_is_the_same_for_any_threads_and_batches(depth: int, ends: int) -> None:
    draw = random.Random(depth * ends)
    frames = [nested(draw, draw.randrange(1, depth + 1), ends) for _ in range(20_000)]
    data = pcap_file(frames)

    def told(threads: int, batch_size: int) -> tuple[Any, ...]:
        analysis = analyze_capture(io.BytesIO(data), threads=threads, batch_size=batch_size)
        rows = analysis.table("protocols").read_all().to_pylist()
        return sorted(rows, key=repr), repr(analysis.quality), repr(analysis.protocols)

    whole = told(1, 65536)
    assert len(whole[0]) > (1000 if depth == 11 else 30)
    for threads, batch_size in ((1, 700), (2, 65536), (2, 5000), (4, 65536), (4, 5000), (3, 20_000)):
        assert told(threads, batch_size) == whole
