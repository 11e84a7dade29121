"""How much a compressed capture grew, as the real worker tells it."""

import gzip
from pathlib import Path

import pytest

from pcap_analyzer.jobs.model import Order, Task
from pcap_analyzer.jobs.worker import analyse_capture
from tests.jobs.captures import capture


@pytest.mark.parametrize("packed", [False, True])
def test_the_worker_tells_it(packed: bool, tmp_path: Path) -> None:
    plain = capture(2000)
    data = gzip.compress(plain) if packed else plain
    path = tmp_path / "mine.pcap"
    path.write_bytes(data)
    task = Task(capture=path, filename="mine.pcap", artifacts={"json": tmp_path / "report.json"})
    told = analyse_capture(Order(task, 1 << 30, 60, 1, 10_000), lambda _progress: None, None)
    assert told.ratio == pytest.approx(len(plain) / len(data), rel=0.01) if packed else told.ratio == 1.0
