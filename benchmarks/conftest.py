"""Captures for the kernel benchmarks, and how pytest finds them: `pytest benchmarks` collects bench_*.py.

No file here is called test_*.py, so that the test suite never runs a benchmark by accident.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.generate import FLOW_MODES, generate

SIZE = 20_000_000
FLOWS = {"mixed": 1_000, "bulk": 400, "tiny": 5_000}


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect bench_*.py."""
    if file_path.suffix == ".py" and file_path.name.startswith("bench_"):
        module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
        return module
    return None


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A small pcap of the named mode or adversarial case, made once."""
    folder = tmp_path_factory.mktemp("captures")

    def made(mode: str) -> Path:
        path = folder / f"{mode}.pcap"
        if not path.exists():
            if mode in FLOW_MODES:
                generate(path, mode, size=SIZE, flows=FLOWS.get(mode))
            else:
                generate(path, "adversarial", size=SIZE, case=mode)
        return path

    return made


@pytest.fixture
def note_rate(benchmark: BenchmarkFixture) -> Callable[[int], None]:
    """Puts packets and ns per packet beside the timings; with --benchmark-disable there are none."""

    def noted(packets: int) -> None:
        if benchmark.stats is not None:
            benchmark.extra_info["packets"] = packets
            benchmark.extra_info["ns_per_packet"] = round(benchmark.stats.stats.min * 1e9 / packets, 2)

    return noted


@pytest.fixture(scope="session")
def index() -> Callable[[bytes], tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
    """The (offset, captured length) arrays of a little-endian pcap's frames."""

    def walked(data: bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        offsets, lengths = [], []
        at = 24
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at + 8)
            offsets.append(at + 16)
            lengths.append(length)
            at += 16 + length
        return np.array(offsets, np.uint64), np.array(lengths, np.uint32)

    return walked
