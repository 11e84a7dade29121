"""Queued analyses are run, whatever becomes of some of them."""

import errno
import itertools
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from pcap_analyzer.adapters.files import FileBlobs, NewFile
from pcap_analyzer.adapters.peers import FilePeers
from pcap_analyzer.adapters.process import ProcessRunner
from pcap_analyzer.adapters.sql import SqlStore
from pcap_analyzer.config import worker_environment
from pcap_analyzer.jobs.arrivals import Arrival, Arrivals
from pcap_analyzer.jobs.disk import REPORT_BYTES
from pcap_analyzer.jobs.dispatcher import MAX_ATTEMPTS, Dispatcher
from pcap_analyzer.jobs.heartbeat import Heartbeat
from pcap_analyzer.jobs.housekeeping import Housekeeping
from pcap_analyzer.jobs.model import DISK_FULL, Analysis, Lease, State
from pcap_analyzer.jobs.refusals import (
    Expired,
    NoReport,
    NotPossible,
    QueueFull,
    StorageFull,
    UnknownAnalysis,
    UploadTooLarge,
)
from pcap_analyzer.jobs.service import AnalysisService, Limits, utc_now
from tests.jobs.captures import ordering
from tests.jobs.double_worker import COMMAND

KEPT = timedelta(hours=1)
numbers = itertools.count()

MakeHouse = Callable[..., SimpleNamespace]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeHouse]:
    """A service on tmp_path; made again, it is the service after a restart."""
    made: list[SimpleNamespace] = []

    def house(workers: int = 1, max_queued: int = 50, idle_s: float = 5) -> SimpleNamespace:
        for before in made:
            before.peers.leave()
        peers = FilePeers(tmp_path / ".processes", workers)
        store, blobs = SqlStore(f"sqlite:///{tmp_path}/store.db"), FileBlobs(tmp_path, peers.name, peers.alive)
        runner = ProcessRunner(
            worker_environment(), memory_bytes=1 << 30, cpu_seconds=60, threads=1, max_ratio=100, command=COMMAND
        )
        dispatcher = Dispatcher(store, blobs, runner, workers, peers.name, idle_s=idle_s, warn_ratio=1000)
        limits = Limits(1 << 20, max_queued)
        service = AnalysisService(store, blobs, limits, peers.workers, dispatcher.wake, dispatcher.drop)
        arrivals = Arrivals(store, blobs, service, KEPT, dispatcher.wake)
        keeping, heartbeat = Housekeeping(store, blobs, arrivals, KEPT), Heartbeat(store, dispatcher, peers)
        parts = {"dispatcher": dispatcher, "service": service, "arrivals": arrivals, "housekeeping": keeping}
        made.append(SimpleNamespace(store=store, blobs=blobs, peers=peers, heartbeat=heartbeat, **parts))
        return made[-1]

    yield house
    for one in made:
        if any(thread.is_alive() for thread in one.dispatcher._threads):
            one.dispatcher.stop()
        one.housekeeping.stop()
        one.heartbeat.stop()
        one.peers.leave()
        one.store.close()


def give(house: SimpleNamespace, behaviour: str) -> Analysis:
    # Each has bytes of its own: the same ones are not analysed twice.
    form = house.arrivals.begin_form(f"{behaviour}.pcap", None)
    form.write(ordering(f"{behaviour} {next(numbers)}"))
    analysis: Analysis = house.arrivals.complete(form)
    form.close()
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


def test_a_capture_that_grew_much_is_noted(make: MakeHouse, caplog: pytest.LogCaptureFixture) -> None:
    house = make()
    house.dispatcher.start()
    for behaviour in ("compressed", "plain"):
        wait_for(house, give(house, behaviour), State.SUCCEEDED)
    house.dispatcher.stop()
    noted = [record.getMessage() for record in caplog.records if "decompressed" in record.getMessage()]
    assert len(noted) == 1
    assert noted[0].endswith("its capture grew 1001 times when decompressed")


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
    assert second.service.get(waiting.id).state is State.QUEUED
    second.housekeeping.start()
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
    house = make(idle_s=0.02)
    house.dispatcher.start()
    for _ in range(2):
        wait_for(house, give(house, "succeed"), State.SUCCEEDED)
    assert "the disk is full" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_full_queue_is_told_before_the_bytes_come(make: MakeHouse) -> None:
    house = make(max_queued=1)
    house.service.admit(100)
    early = house.arrivals.begin("early.pcap", 100)
    give(house, "succeed")
    with pytest.raises(QueueFull):
        house.service.admit(100)
    # What was let in takes no place while it comes.
    assert house.arrivals.get(early.id).state is State.RECEIVING


def test_too_large_and_too_large_for_the_disk_are_told_before_the_bytes_come(make: MakeHouse, tmp_path: Path) -> None:
    house = make()
    with pytest.raises(UploadTooLarge):
        house.service.admit((1 << 20) + 1)
    petabyte = 1 << 50
    huge = AnalysisService(house.store, house.blobs, Limits(1 << 60, 5), lambda: 1, lambda: None)
    with pytest.raises(StorageFull):
        huge.admit(petabyte)
    huge.admit(None)


def test_room_for_the_report_is_kept(make: MakeHouse, tmp_path: Path) -> None:
    class SmallDisk(FileBlobs):
        def free_bytes(self) -> int:
            return REPORT_BYTES + 100

    disk = SmallDisk(tmp_path, "", lambda _: True)
    service = AnalysisService(make().store, disk, Limits(1 << 20, 5), lambda: 1, lambda: None)
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
    house.dispatcher._blobs = FullDisk(tmp_path, "", lambda _: True)
    house.dispatcher.start()
    assert wait_for(house, queued, State.FAILED).reason == DISK_FULL.reason
    assert "Traceback" not in caplog.text


def test_an_unknown_analysis_is_said_to_be(make: MakeHouse) -> None:
    with pytest.raises(UnknownAnalysis):
        make().service.get("nobody")


def ended(house: SimpleNamespace, analysis: Analysis) -> list[str]:
    return [transition.after.value for transition in house.store.transitions(analysis.id)]


def test_a_worker_killed_again_and_again_fails_its_analysis(make: MakeHouse) -> None:
    house = make()
    house.dispatcher.start()
    failed = wait_for(house, give(house, "killed"), State.FAILED)
    assert "killed from outside" in str(failed.reason)
    assert failed.attempts == MAX_ATTEMPTS
    runs = ["running", "queued"] * (MAX_ATTEMPTS - 1)
    assert ended(house, failed) == ["receiving", "queued", *runs, "running", "failed"]


def test_a_cancelled_run_ends_at_once_and_can_run_again(make: MakeHouse, tmp_path: Path) -> None:
    house = make()
    house.dispatcher.start()
    waiting = give(house, "wait")
    wait_for(house, waiting, State.RUNNING)
    assert house.service.cancel(waiting.id).state is State.CANCELLED
    with pytest.raises(NotPossible, match="is cancelled"):
        house.service.cancel(waiting.id)
    wait_for(house, give(house, "succeed"), State.SUCCEEDED)
    house.blobs.path(waiting.upload).write_bytes(ordering("succeed"))
    house.service.retry(waiting.id)
    done = wait_for(house, waiting, State.SUCCEEDED)
    with pytest.raises(NotPossible, match="only one that failed or was cancelled"):
        house.service.retry(done.id)


@pytest.mark.parametrize("behaviour", ["wait", "succeed"])
def test_what_is_deleted_leaves_nothing(make: MakeHouse, tmp_path: Path, behaviour: str) -> None:
    house = make()
    house.dispatcher.start()
    deleted = give(house, behaviour)
    wait_for(house, deleted, State.RUNNING if behaviour == "wait" else State.SUCCEEDED)
    house.service.delete(deleted.id)
    wait_for(house, give(house, "succeed"), State.SUCCEEDED)
    assert not list(tmp_path.glob(f"*/*{deleted.id}*"))
    with pytest.raises(UnknownAnalysis):
        house.service.delete(deleted.id)


def test_results_expire_with_their_capture_and_what_runs_does_not(make: MakeHouse, tmp_path: Path) -> None:
    house = make(workers=2)
    house.dispatcher.start()
    done, running = give(house, "succeed"), give(house, "wait")
    wait_for(house, done, State.SUCCEEDED)
    wait_for(house, running, State.RUNNING)
    house.housekeeping.expire()
    assert house.service.get(done.id).state is State.SUCCEEDED
    house.housekeeping._clock = lambda: utc_now() + 2 * KEPT
    house.housekeeping.expire()
    assert house.service.get(done.id).state is State.EXPIRED
    assert house.service.get(running.id).state is State.RUNNING
    assert not list(tmp_path.glob(f"*/{done.id}*"))
    assert house.blobs.path(running.upload).is_file()
    with pytest.raises(Expired):
        house.service.report(house.service.get(done.id), "html")


def test_files_of_nothing_are_removed_at_the_start(make: MakeHouse, tmp_path: Path) -> None:
    house = make()
    kept = give(house, "succeed")
    lost = ["uploads/lost.pcap", "uploads/.half.pcap.arriving", "reports/lost.html"]
    (tmp_path / "reports").mkdir()
    for name in lost:
        (tmp_path / name).write_bytes(b"x")
    house.housekeeping.start()
    assert [name for name in lost if (tmp_path / name).exists()] == []
    assert house.blobs.path(kept.upload).is_file()


def test_a_lapsed_lease_runs_again_here(make: MakeHouse) -> None:
    house = make()
    queued = give(house, "succeed")
    house.store.claim(utc_now(), Lease(house.peers.name, utc_now() - KEPT))
    house.dispatcher.start()
    house.heartbeat.once()
    wait_for(house, queued, State.SUCCEEDED)


def test_what_a_dead_process_held_runs_again_before_its_lease_lapses(make: MakeHouse) -> None:
    house = make()
    queued = give(house, "succeed")
    house.store.claim(utc_now(), Lease("0" * 16, utc_now() + KEPT))
    house.dispatcher.start()
    house.heartbeat.start()
    wait_for(house, queued, State.SUCCEEDED)


def test_a_drained_dispatcher_lets_runs_end_and_leaves_the_rest(make: MakeHouse) -> None:
    house = make(workers=2)
    house.dispatcher.start()
    runs = [give(house, "succeed"), give(house, "wait")]
    wait_for(house, runs[1], State.RUNNING)
    wait_for(house, runs[0], State.RUNNING, State.SUCCEEDED)
    followed, arrival, _ = begin(house, "succeed")
    house.dispatcher.drain(2)
    left = give(house, "succeed")
    house.dispatcher.stop()
    arrival.close()
    assert house.service.get(runs[0].id).state is State.SUCCEEDED
    assert ended(house, runs[1]) == ["receiving", "queued", "running", "queued"]
    assert house.service.get(left.id).state is State.QUEUED
    assert house.service.get(followed.id).started_at is None
    assert house.store.holders() == set()


def test_a_run_that_others_took_over_is_ended(make: MakeHouse) -> None:
    house = make()
    house.dispatcher.start()
    waiting = give(house, "wait")
    wait_for(house, waiting, State.RUNNING)
    house.blobs.path(waiting.upload).write_bytes(ordering("succeed"))
    house.store.requeue_of({house.peers.name}, utc_now(), "taken")
    house.heartbeat.once()
    wait_for(house, waiting, State.SUCCEEDED)


def begin(house: SimpleNamespace, behaviour: str, kept: int = 60) -> tuple[Analysis, Arrival, bytes]:
    """An upload in parts, of which a few bytes are kept."""
    data = ordering(f"{behaviour} {next(numbers)}" + " " * 100)
    analysis = house.arrivals.begin(f"{behaviour}.pcap", len(data))
    arrival = house.arrivals.open(analysis.id, 0)
    arrival.write(data[:kept])
    arrival.keep(arrival.written())
    return analysis, arrival, data


def is_followed(house: SimpleNamespace, analysis: Analysis) -> bool:
    """Whether a worker has said how far it is."""
    return bool(house.service.get(analysis.id).progress.packets == 7)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finish(house: SimpleNamespace, arrival: Arrival, data: bytes) -> None:
    arrival.write(data[arrival.offset :])
    house.arrivals.complete(arrival)
    arrival.close()


def test_an_upload_is_followed_and_runs_on_when_it_is_whole(make: MakeHouse) -> None:
    house = make()
    house.dispatcher.start()
    analysis, arrival, data = begin(house, "succeed")
    wait_until(lambda: is_followed(house, analysis))
    assert house.service.get(analysis.id).state is State.RECEIVING
    assert house.service.queue().running == 0
    finish(house, arrival, data)
    done = wait_for(house, analysis, State.SUCCEEDED)
    assert done.attempts == 1
    assert ended(house, analysis) == ["receiving", "queued", "running", "succeeded"]
    assert house.blobs.path(analysis.upload).read_bytes() == data


def test_a_follower_gives_way_to_what_is_queued(make: MakeHouse) -> None:
    house = make()
    house.dispatcher.start()
    analysis, arrival, data = begin(house, "succeed")
    wait_until(lambda: is_followed(house, analysis))
    wait_for(house, give(house, "succeed"), State.SUCCEEDED)
    assert house.service.get(analysis.id).progress.packets == 0
    finish(house, arrival, data)
    wait_for(house, analysis, State.SUCCEEDED)


def test_an_upload_of_which_nothing_comes_is_left_until_something_comes(
    make: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make()
    house.dispatcher.start()
    analysis, arrival, data = begin(house, "succeed")
    wait_until(lambda: is_followed(house, analysis))
    with monkeypatch.context() as impatient:
        impatient.setattr("pcap_analyzer.jobs.dispatcher.STALLED_S", 0.1)
        wait_until(lambda: not is_followed(house, analysis))
    arrival.write(data[60:70])
    arrival.keep(arrival.written())
    wait_until(lambda: is_followed(house, analysis))
    finish(house, arrival, data)
    wait_for(house, analysis, State.SUCCEEDED)


@pytest.mark.parametrize("behaviour", ["fail-following", "killed-following"])
def test_a_follower_that_breaks_costs_only_its_work(make: MakeHouse, behaviour: str) -> None:
    house = make()
    house.dispatcher.start()
    analysis, arrival, data = begin(house, behaviour)
    wait_until(lambda: analysis.id in house.dispatcher._given_up)
    # The same worker is free for others, and this upload is read again when it is whole.
    wait_for(house, give(house, "succeed"), State.SUCCEEDED)
    finish(house, arrival, data)
    assert wait_for(house, analysis, State.SUCCEEDED).attempts == 1


@pytest.mark.parametrize("way", ["cancel", "delete", "terminate", "expire"])
def test_an_upload_that_ends_takes_its_follower_along(make: MakeHouse, tmp_path: Path, way: str) -> None:
    house = make()
    house.dispatcher.start()
    analysis, arrival, _ = begin(house, "succeed")
    wait_until(lambda: is_followed(house, analysis))
    match way:
        case "cancel":
            house.service.cancel(analysis.id)
        case "delete":
            house.service.delete(analysis.id)
        case "terminate":
            house.arrivals.remove(analysis.id)
        case "expire":
            house.housekeeping._clock = lambda: utc_now() + 2 * KEPT
            house.housekeeping.expire()
    wait_until(lambda: not house.dispatcher._held)
    arrival.close()
    assert not list(tmp_path.glob(f"*/*{analysis.id}*"))
    wait_for(house, give(house, "succeed"), State.SUCCEEDED)


def test_known_bytes_end_their_follower_and_leave_no_second_copy(make: MakeHouse, tmp_path: Path) -> None:
    house = make()
    house.dispatcher.start()
    analysis, arrival, data = begin(house, "succeed")
    finish(house, arrival, data)
    wait_for(house, analysis, State.SUCCEEDED)
    copy = house.arrivals.begin("copy.pcap", len(data))
    arrival = house.arrivals.open(copy.id, 0)
    arrival.write(data[:60])
    arrival.keep(arrival.written())
    wait_until(lambda: is_followed(house, copy))
    finish(house, arrival, data)
    known = house.service.get(copy.id)
    assert (known.state, known.duplicate_of) == (State.SUCCEEDED, analysis.id)
    wait_until(lambda: not house.dispatcher._held)
    assert not list(tmp_path.glob(f"*/*{copy.id}*"))
    assert house.service.results_of(copy.id) == house.service.get(analysis.id)


def test_what_was_followed_when_the_service_stopped_is_followed_again(make: MakeHouse) -> None:
    first = make()
    first.dispatcher.start()
    analysis, arrival, data = begin(first, "succeed")
    wait_until(lambda: is_followed(first, analysis))
    first.dispatcher.stop()
    arrival.close()
    second = make()
    second.housekeeping.start()
    second.dispatcher.start()
    wait_until(lambda: is_followed(second, analysis))
    finish(second, second.arrivals.open(analysis.id, 60), data)
    wait_for(second, analysis, State.SUCCEEDED)
