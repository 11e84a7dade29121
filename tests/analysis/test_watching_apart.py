"""Flows that are looked at on a thread of their own are all looked at, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pcap_analyzer._native.watch import Watcher
from pcap_analyzer.analysis.durations import bucket_edges
from pcap_analyzer.analysis.watches import layout
from pcap_analyzer.capture.source import Limits, open_source
from pcap_analyzer.pipeline import analyze_source
from tests.scan.files import SYN, pcap_file, tcp_frame

FLOWS = 6000


@pytest.fixture(scope="module")
def syns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("syns") / "syns.pcap"
    path.write_bytes(pcap_file([tcp_frame(number, flags=SYN) for number in range(FLOWS)]))
    return path


def asked(path: Path, threads: int) -> tuple[list[Any], list[Any]]:
    answers = analyze_source(open_source(path, limits=Limits()), threads=threads).answers
    assert answers is not None
    program = answers._program
    return (
        [answers.tally(name) for name in program.tallies],
        [(answers.groups(name, {"flows": 1}), answers.beyond(name)) for name in program.groups],
    )


def test_findings_are_the_same_asked_on_one_thread_and_on_two(syns):
    assert asked(syns, 1) == asked(syns, 2)


@pytest.mark.parametrize("apart", [False, True])
def test_every_flow_is_seen_once_before_the_sums_are_told(syns, apart):
    analysis = analyze_source(open_source(syns, limits=Limits()), threads=1)
    one, number = (0, 0, 0, 0, 1), (1, 2, 0, 0, 0)
    watcher = Watcher(layout()["itemsize"], [one, number], [(0, 1, 0, [(0, 0)])], [], bytes(16))
    for seen in (1, 2):  # a second reading, in the same rows
        told = analysis.memory.summary(bucket_edges(), bytes(16), watcher.observer(), False, apart)
        assert sum(told["kinds"]) == FLOWS
        assert watcher.tally(0)[:2] == (seen * FLOWS, [seen * FLOWS])


def test_what_is_no_observer_is_refused(syns):
    analysis = analyze_source(open_source(syns, limits=Limits()), threads=1)
    with pytest.raises(ValueError, match="PyCapsule"):
        analysis.memory.summary(bucket_edges(), bytes(16), object())
    assert sum(analysis.memory.summary(bucket_edges(), bytes(16))["kinds"]) == FLOWS
