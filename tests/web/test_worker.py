"""`pcap-analyzer worker` beside a service that analyses nothing itself."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.adapters.process import WORKER
from tests.jobs.captures import capture, ordering
from tests.jobs.double_worker import COMMAND
from tests.web.server import give, serving, wait_for
from tests.web.test_kills import DATA, assert_ends, assert_whole, data_of, send_rest
from tests.web.test_resumable import begun, send, task_of
from tests.web.test_serve import child, process

# What `worker` does, with the worker of the tests.
WORK = """
import sys
from pcap_analyzer import cli, worker_command
from pcap_analyzer.wiring import Working
arguments = sys.argv[1 : sys.argv.index("--")]
worker_command.Working = lambda settings: Working(settings, sys.argv[sys.argv.index("--") + 1 :], ("true",))
cli.main(["worker", *arguments])
"""
# The same, and told to end by a signal that does not wake its main thread, as one that comes just before it sleeps.
UNWOKEN = """
import builtins, signal, threading, time
said = threading.Event()
def say(*words, print=builtins.print, **how):
    print(*words, **how)
    said.set()
builtins.print = say
def end():
    said.wait()
    time.sleep(1)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Thread(target=end, daemon=True).start()
"""
OURS = [sys.executable, "-m", "pcap_analyzer", "worker"]


@contextmanager
def working(data_dir: Path, *options: str, command: Sequence[str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A worker process on a folder, asked to end at the end."""
    environment = {**os.environ, "DATA_DIR": str(data_dir), "ANALYSIS_MEMORY_MB": "1024", "WORKERS": "1"}
    command = command or [sys.executable, "-c", WORK, *options, "--", *COMMAND]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "(Ctrl-C ends it)" in process.stdout.readline()
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()


@pytest.fixture
def client(data_dir: Path) -> Iterator[httpx.Client]:
    with restarted(data_dir) as client:
        yield client


def test_an_upload_ends_in_a_report_with_tables_and_progress(client: httpx.Client, data_dir: Path) -> None:
    data = capture(30_000)
    place = begun(client, len(data))
    with working(data_dir, command=OURS):
        # While it comes, it is followed, and first results are told.
        assert send(client, place, 0, data[:-100]).status_code == 204
        wait_until(lambda: client.get(f"/api/status/{task_of(place)}").json()["progress"]["packets"] > 0)
        with client.stream("GET", f"/api/progress/{task_of(place)}") as events:
            assert any('"first_results":{"packets"' in line for line in events.iter_lines())
        send(client, place, len(data) - 100, data[-100:])
        done = wait_for(client, task_of(place), "succeeded", seconds=60)
        assert client.get(done["report"]["json"]).json()["capture"]["packets"] == 30_000
        tables = f"/api/analyses/{task_of(place)}/tables"
        wait_until((data_dir / "tables" / task_of(place) / "tables.json").exists)
        assert client.get(f"{tables}/flows").json()["total"] > 0


def test_health_counts_who_analyses(client: httpx.Client, data_dir: Path) -> None:
    nobody = client.get("/api/health").json()
    assert (nobody["status"], nobody["workers"]) == ("degraded", 0)
    with working(data_dir, "--workers", "2"), working(data_dir):
        wait_until(lambda: client.get("/api/health").json()["workers"] == 3)
        assert client.get("/api/health").json()["status"] == "healthy"
    wait_until(lambda: client.get("/api/health").json()["workers"] == 0)


def test_what_a_killed_worker_was_at_is_finished_by_the_next(client: httpx.Client, data_dir: Path) -> None:
    task_id = give(client, ordering("wait"))
    with working(data_dir) as worker:
        wait_for(client, task_id, "running")
        orphan = child(worker.pid)
        worker.kill()
    wait_until(lambda: not Path(f"/proc/{orphan}").exists() or "zombie" in Path(f"/proc/{orphan}/status").read_text())
    (data_dir / "uploads" / f"{task_id}.pcap").write_bytes(ordering("succeed"))
    with working(data_dir):
        assert wait_for(client, task_id, "succeeded")["progress"]["packets"] == 3


def test_another_worker_takes_over_what_one_was_killed_at(client: httpx.Client, data_dir: Path) -> None:
    task_id = give(client, ordering("wait"))
    with working(data_dir) as first:
        wait_for(client, task_id, "running")
        with working(data_dir):
            (data_dir / "uploads" / f"{task_id}.pcap").write_bytes(ordering("succeed"))
            first.kill()
            wait_for(client, task_id, "succeeded")


def test_two_workers_never_run_one_analysis_twice(client: httpx.Client, data_dir: Path) -> None:
    with working(data_dir, "--workers", "2"), working(data_dir, "--workers", "2"):
        tasks = [give(client, ordering(f"succeed {number}")) for number in range(30)]
        for task in tasks:
            wait_for(client, task, "succeeded", seconds=60)
    lines = (data_dir / "audit.jsonl").read_text().splitlines()
    for kind in ("analysis.started", "analysis.succeeded"):
        told = [line for line in lines if f'"{kind}"' in line]
        assert Counter(task for task in tasks for line in told if task in line) == Counter(tasks), kind


def test_the_service_counts_what_workers_did(client: httpx.Client, data_dir: Path) -> None:
    with working(data_dir):
        for behaviour in ("succeed", "crash"):
            wait_for(client, give(client, ordering(behaviour)), "succeeded", "failed")
    for _ in range(2):  # not twice, whoever asks again
        told = client.get("/metrics").text.splitlines()
        for change in ("succeeded", "failed"):
            assert f'pcap_analyzer_analysis_changes_total{{change="{change}"}} 1.0' in told
        assert 'pcap_analyzer_stage_seconds_count{stage="running"} 2.0' in told
        assert "pcap_analyzer_packets_total 3.0" in told


def test_a_service_that_starts_anew_leaves_workers_alone(data_dir: Path) -> None:
    with working(data_dir) as worker:
        with restarted(data_dir) as client:
            task_id = give(client, ordering("wait"))
            wait_for(client, task_id, "running")
            runs = child(worker.pid)
        with restarted(data_dir) as client:
            begun = list((data_dir / "reports").glob(".*.part"))
            assert begun
            time.sleep(1)
            assert client.get(f"/api/status/{task_id}").json()["status"] == "running"
            assert child(worker.pid) == runs
            assert list((data_dir / "reports").glob(".*.part")) == begun


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.long)])
def test_whatever_is_killed_nothing_is_lost(data_dir: Path, kills: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "0")
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown when the test fails
    rng = random.Random(seed)
    places: list[str] = []
    for _ in range(kills):
        with process(data_dir, WORKER) as (service, client), working(data_dir, command=OURS) as worker:
            places.append(begun(client, len(DATA)))
            stop = threading.Event()
            sending = [
                threading.Thread(target=send_rest, args=(client, place, data_of(number), stop, rng.uniform(0, 0.1)))
                for number, place in enumerate(places)
            ]
            for thread in sending:
                thread.start()
            time.sleep(rng.uniform(0, 2))
            for victim in rng.choice([(worker,), (service,), (worker, service)]):
                victim.kill()
            time.sleep(rng.uniform(0, 0.5))
            service.kill()
            stop.set()
            for thread in sending:
                thread.join()
    with process(data_dir, WORKER) as (_, client), working(data_dir, command=OURS):
        for number, place in enumerate(places):
            send_rest(client, place, data_of(number), threading.Event())
        for place in places:
            assert_ends(client, task_of(place), time.monotonic() + 60 + kills)
        assert_whole(client, places)
        for number, place in enumerate(places):
            assert (data_dir / "uploads" / f"{task_of(place)}.pcap").read_bytes() == data_of(number)
    assert not list(data_dir.glob("*/.*.part")), "what a killed process left is swept by the next service"


@contextmanager
def restarted(data_dir: Path) -> Iterator[httpx.Client]:
    with (
        serving(data_dir, WORKERS="0", MAX_QUEUE_SIZE="100") as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield client


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_gives_back_what_does_not_end(
    client: httpx.Client, data_dir: Path, end: signal.Signals
) -> None:
    task_id = give(client, ordering("wait"))
    with working(data_dir, "--grace", "1") as worker:
        wait_for(client, task_id, "running")
        runs = child(worker.pid)
        worker.send_signal(end)
        assert worker.wait(20) == 0
    assert not Path(f"/proc/{runs}").exists()
    assert client.get(f"/api/status/{task_id}").json()["status"] == "queued"


def test_a_signal_that_wakes_nobody_is_not_lost(client: httpx.Client, data_dir: Path) -> None:
    with working(data_dir, command=[sys.executable, "-c", UNWOKEN + WORK, "--", *COMMAND]) as worker:
        assert worker.wait(20) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", "0"], "--workers is 0; allowed for a worker is a whole number from 1 to 1024"),
        (["--grace", "-1"], "--grace is -1; allowed is a whole number from 0 to 3600"),
    ],
)
def test_what_cannot_be_is_named(options: list[str], words: str, data_dir: Path) -> None:
    environment = {**os.environ, "DATA_DIR": str(data_dir)}
    ended = subprocess.run([*OURS, *options], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, f"pcap-analyzer: {words}\n")


def test_a_backup_is_not_put_back_under_a_worker(data_dir: Path, tmp_path: Path) -> None:
    with working(data_dir):
        environment = {**os.environ, "DATA_DIR": str(data_dir)}
        command = [sys.executable, "-m", "pcap_analyzer", "restore", str(tmp_path)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "which a running worker uses" in ended.stderr


def wait_until(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
