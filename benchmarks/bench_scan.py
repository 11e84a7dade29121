"""The native scan on a capture in memory, one thread: the walk alone, and all its stages."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pcap_analyzer._native.scan import Scanner

PCAP_HEADER, RECORD_HEADER = 24, 16
ROUNDS = 10
SEED = bytes(range(1, 33))  # zeros would switch the hashing of flow keys off


def start(data: memoryview) -> tuple[tuple[Scanner, memoryview], dict[str, object]]:
    """A scanner of its own for every round, as arguments of the measured function."""
    scanner = Scanner(threads=1, seed=SEED)
    scanner.begin_pcap(
        big_endian=False,
        tick_ns=1_000,
        record_header=RECORD_HEADER,
        swapped_lengths=0,
        snap_length=262144,
        link_type=1,
    )
    return (scanner, data), {}


def walk(scanner: Scanner, data: memoryview) -> int:
    """Index the records, decode nothing."""
    used: int = scanner.walk(data, PCAP_HEADER, True)
    return used


def scan(scanner: Scanner, data: memoryview) -> int:
    """Every stage. Returns the packets."""
    scanner.walk(data, PCAP_HEADER, True)
    scanner.run()
    packets: int = scanner.rows
    scanner.release()
    return packets


@pytest.mark.parametrize("mode", ["tiny", "mixed", "bulk", "tiny_records", "false_records"])
def test_walk_a_window(
    benchmark: BenchmarkFixture, capture: Callable[[str], Path], note_rate: Callable[[int], None], mode: str
) -> None:
    data = memoryview(capture(mode).read_bytes())[PCAP_HEADER:]
    (scanner, _), _ = start(data)
    packets = scan(scanner, data)
    used = benchmark.pedantic(walk, setup=lambda: start(data), rounds=ROUNDS)  # type: ignore[no-untyped-call]
    assert used == len(data)
    note_rate(packets)


@pytest.mark.parametrize("mode", ["tiny", "mixed", "bulk", "many_flows", "half_open", "duplicates", "tunnels"])
def test_scan_a_window(
    benchmark: BenchmarkFixture, capture: Callable[[str], Path], note_rate: Callable[[int], None], mode: str
) -> None:
    data = memoryview(capture(mode).read_bytes())[PCAP_HEADER:]
    packets = benchmark.pedantic(scan, setup=lambda: start(data), rounds=ROUNDS)  # type: ignore[no-untyped-call]
    note_rate(packets)
