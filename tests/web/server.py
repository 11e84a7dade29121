"""The real service on a free port, in a thread of the test."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from pcap_analyzer.adapters.extractor import EXTRACTOR
from pcap_analyzer.adapters.process import WORKER
from pcap_analyzer.config import load
from pcap_analyzer.web.access import Guard
from pcap_analyzer.web.serve import make_server, token_for
from pcap_analyzer.wiring import Running
from tests.jobs.double_worker import COMMAND

NOTHING = ("true",)


@contextmanager
def serving(
    data_dir: Path, worker: Sequence[str] = COMMAND, extractor: Sequence[str] | None = None, **settings: str
) -> Iterator[str]:
    """The address of a service whose settings are `settings`; stopped at the end.

    extractor: what takes tables out of captures; where the worker is the double, which reads none, nothing does.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        known = load({"DATA_DIR": str(data_dir), "ANALYSIS_MEMORY_MB": "1024", **settings})
        running = Running(known, worker, extractor or (EXTRACTOR if worker is WORKER else NOTHING))
        server = make_server(running, Guard(token_for(known, "127.0.0.1")[0]), known)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            running.close()


def give(client: httpx.Client, data: bytes, name: str = "mine.pcap") -> str:
    """Upload a capture; its id."""
    answer = client.post("/api/upload", files={"file": (name, data)})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def wait_for(client: httpx.Client, task_id: str, *states: str, seconds: float = 30) -> dict[str, Any]:
    """The analysis' status once it is one of `states`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status: dict[str, Any] = client.get(f"/api/status/{task_id}").json()
        if status["status"] in states:
            return status
        time.sleep(0.02)
    raise AssertionError(f"still {status} after {seconds} s")
