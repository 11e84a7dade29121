"""Queued analyses are run, whatever becomes of some of them."""

import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pcap_analyzer.adapters.files import FileBlobs, NewFile
from pcap_analyzer.adapters.process import ProcessRunner
from pcap_analyzer.adapters.sql import SqlStore
from pcap_analyzer.config import worker_environment
from pcap_analyzer.jobs.disk import REPORT_BYTES
from pcap_analyzer.jobs.dispatcher import Dispatcher
from pcap_analyzer.jobs.model import DISK_FULL, Analysis, State
from pcap_analyzer.jobs.refusals import NoReport, QueueFull, StorageFull, UnknownAnalysis, UploadTooLarge
from pcap_analyzer.jobs.service import AnalysisService, Limits
from tests.jobs.captures import ordering
from tests.jobs.double_worker import COMMAND

MakeHouse = Callable[..., SimpleNamespace]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeHouse]:
    """A service on tmp_path; made again, it is the service after a restart."""
    made: list[SimpleNamespace] = []

    def house(workers: int = 1, max_queued: int = 50) -> SimpleNamespace:
        store, blobs = SqlStore(f"sqlite:///{tmp_path}/store.db"), FileBlobs(tmp_path)
        runner = ProcessRunner(
            worker_environment(), memory_bytes=1 << 30, cpu_seconds=60, threads=1, max_ratio=100, command=COMMAND
        )
        dispatcher = Dispatcher(store, blobs, runner, workers)
        service = AnalysisService(store, blobs, Limits(1 << 20, max_queued, workers), dispatcher.wake)
        made.append(SimpleNamespace(store=store, blobs=blobs, dispatcher=dispatcher, service=service))
        return made[-1]

    yield house
    for one in made:
        if any(thread.is_alive() for thread in one.dispatcher._threads):
            one.dispatcher.stop()
        one.store.close()


def give(house: SimpleNamespace, behaviour: str) -> Analysis:
    upload = house.service.receive(f"{behaviour}.pcap")
    upload.write(ordering(behaviour))
    analysis: Analysis = house.service.enqueue(upload)
    return analysis


def wait_for(house: SimpleNamespace, analysis: Analysis, *states: State, seconds: float = 30) -> Analysis:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now: Analysis = house.service.get(analysis.id)
        if now.state in states:
            return now
        time.sleep(0.02)
    raise AssertionError(f"still {now.state} after {seconds} s")


def test_each_analysis_has_its_own_end(make: MakeHouse) -> None:
    house = make(workers=2)
    house.dispatcher.start()
    bad = [give(house, behaviour) for behaviour in ("crash", "fail", "exit")]
    good = give(house, "succeed")
    done = wait_for(house, good, State.SUCCEEDED)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.progress.packets == 3
    for one in bad:
        assert wait_for(house, one, State.FAILED).reason
    assert house.service.report(done, "json").read_text().startswith("json of succeed.pcap")


def test_a_failed_analysis_leaves_no_report(make: MakeHouse, tmp_path: Path) -> None:
    house = make()
    house.dispatcher.start()
    failed = wait_for(house, give(house, "crash"), State.FAILED)
    with pytest.raises(NoReport, match="has failed: the capture crashed its worker"):
        house.service.report(failed, "html")
    assert list((tmp_path / "reports").iterdir()) == []


def test_an_upload_that_vanished_fails_only_its_own_analysis(make: MakeHouse) -> None:
    house = make()
    gone, good = give(house, "succeed"), give(house, "succeed")
    house.blobs.delete(gone.upload)
    house.dispatcher.start()
    assert "its log says why" in str(wait_for(house, gone, State.FAILED).reason)
    wait_for(house, good, State.SUCCEEDED)


def test_what_ran_when_the_service_stopped_runs_again(make: MakeHouse, tmp_path: Path) -> None:
    first = make()
    first.dispatcher.start()
    waiting = give(first, "wait")
    wait_for(first, waiting, State.RUNNING)
    first.dispatcher.stop()
    first.blobs.path(waiting.upload).write_bytes(ordering("succeed"))
    first.blobs.create("uploads/begun.pcap")
    second = make()
    assert second.service.get(waiting.id).state is State.RUNNING
    second.dispatcher.start()
    wait_for(second, waiting, State.SUCCEEDED)
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [f"{waiting.id}.pcap"]


def test_a_store_that_cannot_write_for_a_while_loses_nothing(
    make: MakeHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = {"claim": 2, "record_progress": 9, "finish": 2}

    def refusing(name: str) -> None:
        write = getattr(SqlStore, name)

        def refuse_first(*arguments: object) -> object:
            refusals[name] -= 1
            if refusals[name] >= 0:
                raise OSError(errno.ENOSPC, "no space left on device")
            return write(*arguments)

        monkeypatch.setattr(SqlStore, name, refuse_first)

    for name in refusals:
        refusing(name)
    monkeypatch.setattr("pcap_analyzer.jobs.dispatcher._IDLE_S", 0.02)
    house = make()
    house.dispatcher.start()
    for _ in range(2):
        wait_for(house, give(house, "succeed"), State.SUCCEEDED)
    assert "the disk is full" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_full_queue_is_told_before_and_after(make: MakeHouse, tmp_path: Path) -> None:
    house = make(max_queued=1)
    house.service.admit(100)
    late = house.service.receive("late.pcap")
    late.write(ordering("succeed"))
    give(house, "succeed")
    with pytest.raises(QueueFull):
        house.service.admit(100)
    with pytest.raises(QueueFull):
        house.service.enqueue(late)
    assert len(list((tmp_path / "uploads").iterdir())) == 1


def test_too_large_and_too_large_for_the_disk_are_told_before_the_bytes_come(make: MakeHouse, tmp_path: Path) -> None:
    house = make()
    with pytest.raises(UploadTooLarge):
        house.service.admit((1 << 20) + 1)
    petabyte = 1 << 50
    huge = AnalysisService(house.store, house.blobs, Limits(1 << 60, 5, 1), lambda: None)
    with pytest.raises(StorageFull):
        huge.admit(petabyte)
    huge.admit(None)


def test_room_for_the_report_is_kept(make: MakeHouse, tmp_path: Path) -> None:
    class SmallDisk(FileBlobs):
        def free_bytes(self) -> int:
            return REPORT_BYTES + 100

    service = AnalysisService(make().store, SmallDisk(tmp_path), Limits(1 << 20, 5, 1), lambda: None)
    service.admit(100)
    with pytest.raises(StorageFull):
        service.admit(101)


def test_a_disk_too_full_for_the_report_is_named(
    make: MakeHouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class FullDisk(FileBlobs):
        def create(self, name: str) -> NewFile:
            raise OSError(errno.ENOSPC, "no space left on device")

    house = make()
    queued = give(house, "succeed")
    house.dispatcher._blobs = FullDisk(tmp_path)
    house.dispatcher.start()
    assert wait_for(house, queued, State.FAILED).reason == DISK_FULL.reason
    assert "Traceback" not in caplog.text


def test_an_unknown_analysis_is_said_to_be(make: MakeHouse) -> None:
    with pytest.raises(UnknownAnalysis):
        make().service.get("nobody")
