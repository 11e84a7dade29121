"""Rows that are asked about on another thread are all asked about, in order, and no error of it is lost."""

from __future__ import annotations

import threading

import pytest

from pcap_analyzer.analysis.handed_over import HandedOver
from pcap_analyzer.capture.source import Limits, open_source
from pcap_analyzer.pipeline import analyze_source
from tests.scan.files import SYN, pcap_file, tcp_frame


def rows(number: int) -> memoryview:
    return memoryview(number.to_bytes(4, "little"))


def test_every_batch_is_observed_once_in_order_on_another_thread():
    seen = []
    with HandedOver(lambda batch, likeness: seen.append((bytes(batch), likeness, threading.get_ident())), 3) as observe:
        for number in range(100):
            observe(rows(number), number % 5)
    assert [(batch, likeness) for batch, likeness, _ in seen] == [(bytes(rows(n)), n % 5) for n in range(100)]
    assert {thread for _, _, thread in seen} - {threading.get_ident()}


def test_no_more_batches_wait_than_may_be_pending():
    gate, pending = threading.Semaphore(0), 3
    given = threading.Event()

    def hand_all(observe) -> None:
        for number in range(pending + 1):
            observe(rows(number), 0)
        given.set()

    with HandedOver(lambda batch, likeness: gate.acquire(), pending) as observe:
        handing = threading.Thread(target=hand_all, args=[observe])
        handing.start()
        assert not given.wait(0.2), "one more was taken than may be looked at"
        for _ in range(pending + 1):
            gate.release()
        handing.join()


@pytest.mark.parametrize("failing", [0, 5, 9])
def test_what_fails_on_the_other_thread_fails_where_the_rows_come_from(failing):
    def observe_or_fail(batch: memoryview, likeness: int) -> None:
        if likeness == failing:
            raise MemoryError("no room for groups")

    def hand_over() -> None:
        with HandedOver(observe_or_fail, 2) as observe:
            for number in range(10):
                observe(rows(number), number)

    with pytest.raises(MemoryError, match="no room for groups"):
        hand_over()


def test_findings_are_the_same_asked_on_one_thread_and_on_two(tmp_path):
    path = tmp_path / "syns.pcap"
    path.write_bytes(pcap_file([tcp_frame(number, flags=SYN) for number in range(6000)]))
    answers = []
    for threads in (1, 2):
        analysis = analyze_source(open_source(path, limits=Limits()), threads=threads)
        asked = analysis.answers
        assert asked is not None
        answers.append([asked.tally(name) for name in asked._program.tallies])
    assert answers[0] == answers[1]
