"""The service as a process: its address, its refusals, and what is left when it is killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.errors import SettingsError
from pcap_analyzer.web.serve import run
from tests.jobs.captures import capture, ordering
from tests.jobs.double_worker import COMMAND
from tests.web.server import give, serving, wait_for

# What `serve` does, with the worker of the tests.
SERVE = """
import sys
from pcap_analyzer.web import serve
from pcap_analyzer.wiring import Running
serve.Running = lambda settings: Running(settings, sys.argv[2:], ("true",))
serve.run(port=int(sys.argv[1]))
"""


@contextmanager
def process(
    data_dir: Path, worker: Sequence[str] = COMMAND, port: int = 0
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    environment = {**os.environ, "DATA_DIR": str(data_dir), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", SERVE, str(port), *worker]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        line = service.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        try:
            assert found, line
            with httpx.Client(base_url=found[0], timeout=30) as client:
                yield service, client
        finally:
            service.kill()  # also where a test failed: what is waited for would never end


@pytest.mark.parametrize("host", ["192.0.2.1", "example.invalid"])
def test_an_address_of_others_is_named(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match=f"--host is '{host}' and --port "):
        run(host, 0)


def test_a_port_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"--port {port}, which cannot be opened"):
            run("127.0.0.1", port)


def test_two_services_do_not_share_a_folder(data_dir: Path) -> None:
    with serving(data_dir), pytest.raises(SettingsError, match="another running service"), serving(data_dir):
        pass


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_with_its_workers(data_dir: Path, end: signal.Signals) -> None:
    with process(data_dir) as (service, client):
        wait_for(client, give(client, ordering("wait")), "running")
        worker = child(service.pid)
        client.close()
        service.send_signal(end)
        assert service.wait(20) in {0, -end}
        assert not Path(f"/proc/{worker}").exists()


def test_a_killed_service_loses_nothing(data_dir: Path) -> None:
    with process(data_dir) as (service, client):
        task_id = give(client, ordering("wait"))
        waiting = give(client, capture(1))
        wait_for(client, task_id, "running")
        service.kill()
        service.wait(20)
    (data_dir / "uploads" / f"{task_id}.pcap").write_bytes(ordering("succeed"))
    with process(data_dir) as (_, client):
        assert wait_for(client, task_id, "succeeded")["progress"]["packets"] == 3
        wait_for(client, waiting, "succeeded")


def test_a_killed_worker_does_not_disturb_the_service(data_dir: Path) -> None:
    with process(data_dir) as (service, client):
        task_id = give(client, ordering("wait"))
        wait_for(client, task_id, "running")
        worker = child(service.pid)
        os.kill(worker, signal.SIGKILL)
        # It runs again, as nobody says that the capture was at fault.
        assert child(service.pid, besides=worker)
        assert client.get(f"/api/status/{task_id}").json()["status"] == "running"
        assert client.post(f"/api/analyses/{task_id}/cancel").json()["status"] == "cancelled"
        wait_for(client, give(client, capture(1)), "succeeded")


def test_captures_and_reports_are_for_their_owner_only(data_dir: Path) -> None:
    with process(data_dir) as (_, client):
        task_id = give(client, capture(1))
        wait_for(client, task_id, "succeeded")
        for path in (data_dir, *data_dir.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path


def child(pid: int, besides: int | None = None) -> int:
    """The process that `pid` starts: a task is running as soon as it is claimed, a little before that."""
    end = time.monotonic() + 20
    while not (found := [one for one in children(pid) if one != besides]):
        assert time.monotonic() < end
        time.sleep(0.02)
    [only] = found
    return only


def children(pid: int) -> list[int]:
    """The processes that `pid` has started. Not from proc's list of children, which may leave some out (proc(5))."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = status.read_text().rpartition(")")[2].split()[1]
            if parent == str(pid):
                found.append(int(status.parent.name))
    return found
