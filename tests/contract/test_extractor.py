"""The contract of jobs.takings.Extractor, by the process that really reads captures: its limits, and how it ends."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pcap_analyzer.adapters.extractor import EXTRACTOR, ProcessExtractor
from pcap_analyzer.config import worker_environment
from pcap_analyzer.jobs.takings import KEPT_TABLES, PACKETS, NotTaken, Taken, Taking
from tests.jobs.captures import capture

MIB = 1 << 20
MakeTaking = Callable[[int], Taking]


@pytest.fixture
def taking(tmp_path: Path) -> Iterator[MakeTaking]:
    """All tables of a capture with so many packets."""

    def make(packets: int) -> Taking:
        path = tmp_path / "secret-name.pcap"
        path.write_bytes(capture(packets))
        return Taking(path, "mine.pcap", {name: tmp_path / f"{name}.parquet" for name in KEPT_TABLES}, name="one")

    yield make
    (tmp_path / "secret-name.pcap").unlink()


def extractor(
    memory_mib: int = 1024, cpu_seconds: int = 60, command: Sequence[str] = EXTRACTOR, **environment: str
) -> ProcessExtractor:
    return ProcessExtractor(
        {**worker_environment(), **environment},
        memory_bytes=memory_mib * MIB,
        cpu_seconds=cpu_seconds,
        threads=1,
        flow_limit=1000,
        command=command,
    )


def test_tables_are_taken(taking: MakeTaking) -> None:
    taken = extractor().take(taking(5))
    assert isinstance(taken, Taken)
    assert (set(taken.rows), taken.rows["flows"]) == (set(KEPT_TABLES), 1)


def test_memory_is_limited(taking: MakeTaking) -> None:
    taken = extractor(memory_mib=64).take(taking(300_000))
    assert taken == NotTaken("it needs more than the 64 MiB of memory that it may use")


def test_processor_time_is_limited(taking: MakeTaking) -> None:
    whole = taking(1_500_000)
    one = Taking(whole.capture, "mine.pcap", {PACKETS: whole.capture.with_name("packets.parquet")}, flow_id=0)
    taken = extractor(cpu_seconds=1).take(one)
    assert taken == NotTaken("it needs more than the 1 s of processor time that it may use")


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "the capture crashed its process (SIGSEGV); nothing else was harmed"),
        ("raise SystemExit(7)", "its process ended with code 7 and without an answer"),
        ("print('no answer')", "its process ended with code 0 and without an answer"),
        ('print(\'{"type":"taken","rows":{"flows":-1}}\')', "its process ended with code 0 and without an answer"),
    ],
)
def test_a_process_that_breaks_is_a_reason(taking: MakeTaking, does: str, reason: str) -> None:
    assert extractor(command=[sys.executable, "-c", does]).take(taking(1)) == NotTaken(reason)


def test_a_capture_that_is_none_is_named_as_its_user_does(taking: MakeTaking) -> None:
    asked = taking(1)
    asked.capture.write_bytes(b"no capture at all")
    taken = extractor().take(asked)
    assert isinstance(taken, NotTaken)
    assert taken.reason.startswith("mine.pcap is no capture")


@pytest.mark.parametrize("way", ["end", "stop"])
def test_what_nobody_wants_any_more_is_ended(taking: MakeTaking, way: str) -> None:
    running = extractor(command=[sys.executable, "-c", "import time; time.sleep(60)"])
    told: list[Taken | NotTaken] = []
    thread = threading.Thread(target=lambda: told.append(running.take(taking(1))))
    thread.start()
    while not running._children.running:
        time.sleep(0.01)
    if way == "end":
        running.end("another")
        running.end("one")
    else:
        running.stop()
    thread.join(20)
    assert [isinstance(one, NotTaken) and one.stopped for one in told] == [way == "stop"]


def test_it_inherits_only_what_it_is_given(taking: MakeTaking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "a-token-of-the-tests")
    shows = "import os; raise SystemExit(3 if 'AUTH_TOKEN' in os.environ else 4)"
    taken = extractor(command=[sys.executable, "-c", shows]).take(taking(1))
    assert taken == NotTaken("its process ended with code 4 and without an answer")


def test_packets_of_one_flow_are_taken(taking: MakeTaking, tmp_path: Path) -> None:
    whole = taking(5)
    one = Taking(whole.capture, "mine.pcap", {PACKETS: tmp_path / "packets.parquet"}, flow_id=0)
    assert extractor().take(one) == Taken({PACKETS: 5})
