"""Decoding alone: frames in memory → packet records. The figure to watch is ns_per_packet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from pcap_analyzer._native.decode import EXTRA_SIZE, PACKET_DTYPE, Paths, decode_frames

BATCH = 16_384
ETHERNET = 1

Index = Callable[[bytes], tuple[NDArray[np.uint64], NDArray[np.uint32]]]


@pytest.mark.parametrize("mode", ["tiny", "mixed", "bulk", "many_flows", "tunnels"])
def test_decode_a_batch(
    benchmark: BenchmarkFixture,
    capture: Callable[[str], Path],
    index: Index,
    note_rate: Callable[[int], None],
    mode: str,
) -> None:
    data = capture(mode).read_bytes()
    offset, length = (column[:BATCH] for column in index(data))
    original = length.copy()
    link_type = np.full(len(offset), ETHERNET, np.uint16)
    layout: Any = PACKET_DTYPE
    packets = np.zeros(len(offset), np.dtype(layout))
    extras = np.zeros(len(offset) * EXTRA_SIZE // 8, np.uint64)  # uint64: the kernel wants them aligned
    capture_bytes = np.frombuffer(data, np.uint8)
    paths = Paths()
    benchmark(
        decode_frames,
        capture_bytes,
        offset,
        length,
        original,
        link_type,
        packets.view(np.uint8),
        extras.view(np.uint8),
        paths,
    )
    note_rate(len(offset))
