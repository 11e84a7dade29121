"""Server and workers are killed at random moments: every upload goes on, every analysis ends, nothing is half there."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.adapters.process import WORKER
from tests.jobs.captures import capture
from tests.web.test_resumable import PART, TUS, begun, task_of
from tests.web.test_serve import children, process

PACKETS = 60_000
DATA = capture(PACKETS)
PIECE = 200_000
MANY = 10_000


def data_of(number: int) -> bytes:
    """Each upload has bytes of its own, or the second would be known when it is whole."""
    return DATA[:-4] + number.to_bytes(4, "big")


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.long)])
def test_whatever_is_killed_nothing_is_lost(data_dir: Path, kills: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # One may follow what comes slowly while the other is at what has come.
    monkeypatch.setenv("WORKERS", "2")
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown when the test fails
    rng = random.Random(seed)
    places: list[str] = []
    forms: list[str] = []
    followed = 0
    for kill_number in range(kills):
        with process(data_dir, WORKER) as (service, client):
            places.append(begun(client, len(DATA)))
            stop = threading.Event()
            form = threading.Thread(target=send_form, args=(client, data_of(MANY + kill_number), forms))
            sending = [form] + [
                threading.Thread(target=send_rest, args=(client, place, data_of(number), stop, rng.uniform(0, 0.1)))
                for number, place in enumerate(places)
            ]
            for thread in sending:
                thread.start()
            time.sleep(rng.uniform(0, 2.5))
            followed += is_one_followed(client)
            victim = rng.choice(["server", "worker", "both"])
            kill(victim, service)
            time.sleep(rng.uniform(0, 0.5))
            if victim == "worker":
                assert_whole(client, places)
            service.kill()
            stop.set()
            for thread in sending:
                thread.join()
    with process(data_dir, WORKER) as (_, client):
        for number, place in enumerate(places):
            send_rest(client, place, data_of(number), threading.Event())
        for place in places:
            assert_ends(client, task_of(place), time.monotonic() + 60 + kills)
        assert_whole(client, places)
        for number, place in enumerate(places):
            assert (data_dir / "uploads" / f"{task_of(place)}.pcap").read_bytes() == data_of(number)
        for task_id in forms:
            assert_ends(client, task_id, time.monotonic() + 60)
        # Of a form whose sender was not answered, nothing is left, or all of it.
        known = client.get("/api/history", params={"limit": 500}).json()["analyses"]
        assert {one["status"] for one in known} == {"succeeded"}
    stored = {path.name.partition(".")[0] for path in (data_dir / "uploads").iterdir()}
    assert stored == {one["task_id"] for one in known}
    assert stored >= {*map(task_of, places), *forms}
    print(f"{followed} of {kills} kills while an upload was followed")
    assert followed or kills < 20


def send_form(client: httpx.Client, data: bytes, accepted: list[str]) -> None:
    """Its id, if anybody says one before the service is gone."""
    with contextlib.suppress(httpx.TransportError):
        answer = client.post("/api/upload", files={"file": ("form.pcap", data)})
        assert answer.status_code in {202, 429}, answer.text
        if answer.status_code == 202:
            accepted.append(answer.json()["task_id"])


def is_one_followed(client: httpx.Client) -> bool:
    receiving = client.get("/api/history", params={"status": "receiving"}).json()["analyses"]
    return any(one["started_at"] for one in receiving)


def send_rest(client: httpx.Client, place: str, data: bytes, stop: threading.Event, pause_s: float = 0) -> None:
    """Ask where the upload stands and go on, piece by piece, until it is whole or the service is gone."""
    with contextlib.suppress(httpx.TransportError):
        told = client.head(place, headers=TUS)
        assert told.status_code == 200, told.status_code
        offset = int(told.headers["upload-offset"])
        while offset < len(data) and not stop.is_set():
            part = data[offset : offset + PIECE]
            answer = client.patch(place, content=part, headers={**PART, "Upload-Offset": str(offset)})
            assert answer.status_code == 204, answer.text
            offset += len(part)
            stop.wait(pause_s)


def kill(victim: str, service: subprocess.Popen[str]) -> None:
    workers = children(service.pid) if victim != "server" else []
    if victim != "worker":
        service.kill()
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def assert_whole(client: httpx.Client, places: list[str]) -> None:
    """What is served is whole."""
    for place in places:
        status = client.get(f"/api/status/{task_of(place)}").json()
        if status["status"] == "succeeded":
            assert client.get(status["report"]["json"]).json()["capture"]["packets"] == PACKETS
            assert client.get(status["report"]["html"]).text.rstrip().endswith("</html>")


def assert_ends(client: httpx.Client, task_id: str, deadline: float) -> None:
    """With success; one whose worker was killed again and again has failed, and can be told to try again."""
    while time.monotonic() < deadline:
        status = client.get(f"/api/status/{task_id}").json()
        if status["status"] == "succeeded":
            return
        if status["status"] == "failed":
            assert "killed from outside" in status["reason"]
            assert client.post(f"/api/analyses/{task_id}/retry").status_code in {202, 429}
        time.sleep(0.1)
    raise AssertionError(f"still {status}")
