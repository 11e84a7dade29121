"""The contract of jobs.ports.Runner, for every runner there is: whatever a capture does, the caller goes on."""

import gzip
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pcap_analyzer.adapters.process import WORKER, ProcessRunner
from pcap_analyzer.config import worker_environment
from pcap_analyzer.jobs.model import (
    DISK_FULL,
    Arrived,
    Cause,
    Failed,
    Killed,
    Order,
    Outcome,
    Progress,
    Stopped,
    Succeeded,
    Task,
)
from tests.jobs.captures import capture, ordering
from tests.jobs.double_worker import COMMAND

pytestmark = pytest.mark.skipif(os.name != "posix", reason="workers are limited by POSIX means")

MakeTask = Callable[[bytes], Task]


@pytest.fixture
def task(tmp_path: Path) -> MakeTask:
    def make(data: bytes) -> Task:
        artifacts = {kind: tmp_path / kind for kind in ("html", "json")}
        for path in artifacts.values():
            path.touch()
        (tmp_path / "stored-as.pcap").write_bytes(data)
        return Task(tmp_path / "stored-as.pcap", "users own name.pcap", artifacts)

    return make


def runner(
    environment: dict[str, str] | None = None,
    memory_bytes: int = 1 << 30,
    cpu_seconds: int = 60,
    command: Sequence[str] = WORKER,
) -> ProcessRunner:
    return ProcessRunner(
        worker_environment() if environment is None else environment,
        memory_bytes=memory_bytes,
        cpu_seconds=cpu_seconds,
        threads=1,
        max_ratio=100,
        command=command,
    )


def outcome_of(task: Task, memory_bytes: int = 1 << 30, cpu_seconds: int = 60) -> Outcome:
    double = runner(memory_bytes=memory_bytes, cpu_seconds=cpu_seconds, command=COMMAND)
    return double.run(task, lambda _: None)


def test_a_capture_ends_in_artifacts(task: MakeTask) -> None:
    told: list[Progress] = []
    order = task(capture(3))
    assert isinstance(runner().run(order, told.append), Succeeded)
    assert b"users own name.pcap" in order.artifacts["html"].read_bytes()
    assert b'"name":"users own name.pcap"' in order.artifacts["json"].read_bytes()
    assert told[-1].packets == 3


def test_the_nonce_of_the_page_is_told(task: MakeTask) -> None:
    order = task(capture(1))
    outcome = runner().run(order, lambda _: None)
    assert isinstance(outcome, Succeeded)
    assert f'<script nonce="{outcome.script_nonce}">'.encode() in order.artifacts["html"].read_bytes()


def test_no_capture_is_a_failure_with_the_readers_words(task: MakeTask) -> None:
    outcome = runner().run(task(b"\x1f\x8b\x08 but no gzip"), lambda _: None)
    assert isinstance(outcome, Failed)
    assert "gzip" in outcome.reason


@pytest.mark.parametrize("data", [gzip.compress(bytes(1000), mtime=0), b"\x1f\x8b\x08 but no gzip", b"", None])
def test_a_failure_names_the_file_as_its_user_does(task: MakeTask, data: bytes | None) -> None:
    order = task(data or b"")
    if data is None:
        order.capture.unlink()
    outcome = runner().run(order, lambda _: None)
    assert isinstance(outcome, Failed)
    assert "users own name.pcap" in outcome.reason
    assert "stored-as" not in outcome.reason
    assert str(order.capture.parent) not in outcome.reason


def test_a_full_disk_is_called_so_and_needs_no_trace(task: MakeTask, capfd: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    order = task(capture(1))
    order.artifacts["html"] = Path("/dev/full")
    assert runner().run(order, lambda _: None) == DISK_FULL
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("fail", "this is no capture (at byte 24)"),
        ("raise", "an error of its own"),
        ("crash", "crashed its worker (SIGSEGV)"),
        ("exit", "ended with code 7"),
        ("nonsense", "what no worker sends"),
    ],
)
def test_a_worker_that_breaks_is_a_failure_with_a_reason(task: MakeTask, behaviour: str, words: str) -> None:
    outcome = outcome_of(task(ordering(behaviour)))
    assert isinstance(outcome, Failed)
    assert words in outcome.reason


def test_a_worker_that_is_killed_may_be_no_fault_of_the_capture(task: MakeTask) -> None:
    outcome = outcome_of(task(ordering("killed")))
    assert isinstance(outcome, Killed)
    assert "killed from outside" in outcome.reason


def test_one_run_can_be_ended_by_its_name(task: MakeTask) -> None:
    ending = runner(command=COMMAND)
    order = replace(task(ordering("wait")), name="mine")

    def end(_: Progress) -> None:
        ending.end("another")
        ending.end("mine")

    assert ending.run(order, end) == Stopped()
    assert isinstance(ending.run(replace(task(ordering("succeed")), name="mine"), lambda _: None), Succeeded)


def test_what_an_error_says_stays_in_the_log(
    task: MakeTask, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = outcome_of(task(ordering("raise")))
    assert isinstance(outcome, Failed)
    assert "secret" not in outcome.reason
    assert "RuntimeError: an error with a secret in it" in caplog.text
    assert capfd.readouterr().err == ""  # what is logged is redacted, what goes past the log is not


def test_a_worker_that_talks_without_end_is_cut_short(task: MakeTask, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(outcome_of(task(ordering("chatter"))), Succeeded)
    assert 0 < len(caplog.text) < 20_000


def test_memory_is_limited(task: MakeTask) -> None:
    outcome = outcome_of(task(ordering("grow")), memory_bytes=512 << 20)
    assert outcome == Failed("the analysis needed more than the 512 MiB of memory it may use", Cause.MEMORY)


def test_processor_time_is_limited(task: MakeTask) -> None:
    outcome = outcome_of(task(ordering("spin")), cpu_seconds=2)
    assert outcome == Failed("the analysis needed more than the 2 s of processor time it may use", Cause.TIME)


def test_the_worker_inherits_only_what_it_is_given(task: MakeTask) -> None:
    order = task(ordering("environment"))
    given = {**worker_environment(), "PYTHONHASHSEED": "1"}
    secret = {**given, "DATABASE_URL": "sqlite:////secret", "AUTH_TOKEN": "secret"}
    assert isinstance(runner(worker_environment(secret), command=COMMAND).run(order, lambda _: None), Succeeded)
    inherited = set(order.artifacts["json"].read_text().split())
    assert "PYTHONHASHSEED" in inherited
    assert not inherited & {"DATABASE_URL", "AUTH_TOKEN"}


def test_stop_ends_runs_now_and_later(task: MakeTask) -> None:
    stoppable = runner(command=COMMAND)
    running = threading.Event()
    outcomes: list[Outcome] = []
    order = task(ordering("wait"))
    thread = threading.Thread(target=lambda: outcomes.append(stoppable.run(order, lambda _: running.set())))
    thread.start()
    assert running.wait(30)
    stoppable.stop()
    thread.join(30)
    assert outcomes == [Stopped()]
    assert stoppable.run(order, lambda _: None) == Stopped()


def test_an_error_of_the_caller_is_raised_and_ends_the_worker(task: MakeTask) -> None:
    def refuse(_: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner(command=COMMAND).run(task(ordering("wait")), refuse)


class Arriving:
    """A capture of which `step` bytes more have come whenever somebody asks; behind them stand others."""

    def __init__(self, task: Task, data: bytes, step: int) -> None:
        self.data, self.step, self.there = data, step, 0
        arriving = task.capture.with_name(".arriving")
        arriving.write_bytes(b"")
        self.task = replace(task, arriving=arriving, size_bytes=len(data))
        task.capture.unlink()

    def arrived(self) -> Arrived:
        self.there = min(len(self.data), self.there + self.step)
        whole = self.there == len(self.data)
        arriving, capture = self.task.arriving, self.task.capture
        assert arriving is not None
        if arriving.exists():
            arriving.write_bytes(self.data[: self.there] + (b"" if whole else b"\xff" * 9))
            if whole:
                arriving.rename(capture)
        return Arrived(self.there, whole)


@pytest.mark.parametrize("step", [3000, 10**6])
def test_a_capture_that_arrives_is_followed(task: MakeTask, step: int) -> None:
    data = capture(400)
    followed, told = Arriving(task(b""), data, step), list[Progress]()
    assert isinstance(runner().run(followed.task, told.append, followed.arrived), Succeeded)
    report = msgspec.json.decode(followed.task.artifacts["json"].read_bytes())
    assert (report["capture"]["packets"], report["source"]["size_bytes"]) == (400, len(data))
    assert report["source"]["name"] == "users own name.pcap"
    whole = task(data)
    assert isinstance(runner().run(whole, lambda _: None), Succeeded)
    expected = msgspec.json.decode(whole.artifacts["json"].read_bytes())
    assert {**report, "source": None} == {**expected, "source": None}


def test_a_compressed_capture_is_followed_too(task: MakeTask) -> None:
    followed = Arriving(task(b""), gzip.compress(capture(300), 0), 9000)
    assert isinstance(runner().run(followed.task, lambda _: None, followed.arrived), Succeeded)
    report = msgspec.json.decode(followed.task.artifacts["json"].read_bytes())
    assert report["capture"]["packets"] == 300


def test_what_arrives_and_is_no_capture_is_a_failure(task: MakeTask) -> None:
    followed = Arriving(task(b""), b"\x1f\x8b\x08 but no gzip" + bytes(1000), 50)
    outcome = runner().run(followed.task, lambda _: None, followed.arrived)
    assert isinstance(outcome, Failed)
    assert "users own name.pcap" in outcome.reason


def test_a_follower_of_what_nobody_wants_is_stopped(task: MakeTask) -> None:
    followed = Arriving(task(b""), capture(400), 10)
    asked = iter([Arrived(50, whole=False)] * 5)
    assert runner().run(followed.task, lambda _: None, lambda: next(asked, None)) == Stopped()


def test_a_follower_ends_with_its_service(task: MakeTask) -> None:
    followed = Arriving(task(b""), capture(400), 10)
    order = Order(followed.task, 1 << 30, 60, 1, 100)
    with subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as worker:
        assert worker.stdin is not None
        worker.stdin.write(msgspec.json.encode(order, enc_hook=str) + b"\n")
        worker.stdin.flush()
        worker.stdin.close()
        assert worker.wait(30) == 1
