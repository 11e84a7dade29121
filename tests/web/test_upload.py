"""Captures come in as multipart forms, are refused as early as can be, and are never held in memory."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.web import body
from tests.jobs.captures import capture, ordering
from tests.web.server import give, serving, wait_for

MIB = 1 << 20
BOUNDARY = "limit-of-the-parts"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(data: bytes, name: str = "file", filename: str = "mine.pcap") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def test_an_upload_is_accepted_analysed_and_reported(client: httpx.Client) -> None:
    answer = client.post("/api/upload", files={"file": ("mine.pcap", capture(3))})
    accepted = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/status/{accepted['task_id']}"
    assert accepted.keys() == {"task_id", "filename", "file_size_bytes", "status", "progress_url", "created_at"}
    assert (accepted["filename"], accepted["file_size_bytes"]) == ("mine.pcap", len(capture(3)))
    assert accepted["status"] in {"queued", "running", "succeeded"}
    assert accepted["progress_url"] == f"/api/progress/{accepted['task_id']}"
    done = wait_for(client, accepted["task_id"], "succeeded")
    assert done["report"]["page"] == f"/analyses/{accepted['task_id']}/report"


def test_a_form_sent_without_scripts_leads_to_the_page(client: httpx.Client) -> None:
    answer = client.post("/api/upload", files={"file": ("mine.pcap", capture())}, headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert client.get(answer.headers["location"]).status_code in {200, 303}


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (form(b"\x7fELF" + bytes(700)), FORM, 415, "mine.pcap is an ELF program; expected pcap or pcapng"),
        (form(b""), FORM, 415, "empty"),
        (form(capture(), filename=""), FORM, 400, "no file was chosen"),
        (form(capture(), name="other"), FORM, 400, "has no file"),
        (form(capture())[:-30], FORM, 400, "not well formed"),
        (b"", FORM, 400, "not well formed"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 400, "send multipart/form-data"),
        (b"a", {}, 400, "send multipart/form-data"),
        (form(capture())[: -len(BOUNDARY) - 6] + form(capture()), FORM, 400, "several files"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    client: httpx.Client, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = client.post("/api/upload", content=body, headers=headers)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["type"].startswith("urn:pcap-analyzer:problem:")
    assert words in problem["detail"]


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        (b'filename="\xff\xfe"', 400, "is not in UTF-8; send it in UTF-8"),
        (b"filename*=UTF-8''%E2%82%AC%20a.pcap", 202, "€ a.pcap"),
        (b"filename=\"b.pcap\"; filename*=UTF-8''a.pcap", 202, "b.pcap"),
        (b"filename*=UTF-8''..%2F%00a.pcap", 202, '"a.pcap"'),
        (b"filename*=KOI8-R''%C1.pcap", 400, "is in KOI8-R; send it in UTF-8"),
    ],
)
def test_names_in_other_writings(client: httpx.Client, parameters: bytes, status: int, words: str) -> None:
    body = form(capture()).replace(b'filename="mine.pcap"', parameters)
    answer = client.post("/api/upload", content=body, headers=FORM)
    assert answer.status_code == status
    assert words in answer.text
    assert "\\x" not in answer.text


def test_a_browser_is_told_on_a_page(client: httpx.Client) -> None:
    answer = client.post("/api/upload", files={"file": ("<b>", b"hello")}, headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;b&gt; is text" in answer.text


def test_an_announced_length_too_large_is_refused_before_the_bytes_come(address: str) -> None:
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.putrequest("POST", "/api/upload")
    connection.putheader("Content-Type", FORM["Content-Type"])
    connection.putheader("Content-Length", str(20 << 30))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"MAX_UPLOAD_SIZE_MB" in answer.read()
    connection.close()


def test_a_length_that_was_not_announced_is_refused_while_the_bytes_come(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield form(capture(1))[: -len(BOUNDARY) - 8]
        for _ in range(1000):
            sent += MIB
            yield bytes(MIB)

    # This client may notice that the service has closed the connection before it reads the answer.
    with contextlib.suppress(httpx.WriteError):
        assert client.post("/api/upload", content=endless(), headers=FORM).status_code == 413
    assert sent < 100 * MIB


def test_a_connection_that_breaks_leaves_nothing(data_dir: Path) -> None:
    with serving(data_dir) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as broken:
            head = f"POST /api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM['Content-Type']}\r\n"
            broken.sendall(head.encode() + b"Content-Length: 1000000\r\n\r\n" + form(capture(50))[:-60])
            wait_until(lambda: len(list((data_dir / "uploads").glob(".*"))) == 1)
        wait_until(lambda: not list((data_dir / "uploads").iterdir()))
        assert httpx.get(f"{address}/api/history").json()["total"] == 0


def test_an_upload_that_stops_coming_is_ended(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "IDLE_S", 0.2)
    with serving(data_dir) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as stalled:
            head = f"POST /api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM['Content-Type']}\r\n"
            stalled.sendall(head.encode() + b"Content-Length: 1000000\r\n\r\n" + form(capture(50))[:-60])
            told = b"".join(iter(lambda: stalled.recv(1 << 16), b""))
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"nothing came for 0.2 seconds" in told
        assert not list((data_dir / "uploads").iterdir())


def wait_until(done: object, seconds: float = 10) -> None:
    assert callable(done)
    deadline = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except FileNotFoundError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_full_queue_is_429_with_a_time_to_come_back(data_dir: Path) -> None:
    with (
        serving(data_dir, WORKERS="1", MAX_QUEUE_SIZE="1") as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        running = give(client, ordering("wait"))
        wait_for(client, running, "running")
        give(client, ordering("wait"))
        answer = client.post("/api/upload", files={"file": ("third.pcap", capture())})
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/api/queue/status").json() == {
            "queued": 1,
            "running": 1,
            "max_queue_size": 1,
            "workers": 1,
        }
        assert client.get("/api/health").json()["status"] == "degraded"


def test_an_upload_streams_through_little_memory(data_dir: Path) -> None:
    size = 256 * MIB
    with serving(data_dir) as address:

        def slowly() -> Iterator[bytes]:
            body = form(capture(1))
            yield body[: -len(BOUNDARY) - 8]
            for _ in range(size // MIB):
                yield bytes(MIB)
            yield body[-len(BOUNDARY) - 8 :]

        before = reset_peak_memory()
        answer = httpx.post(f"{address}/api/upload", content=slowly(), headers=FORM, timeout=120)
        assert answer.status_code == 202
        assert answer.json()["file_size_bytes"] == size + len(capture(1))
        assert peak_memory() - before < 48 * MIB


def reset_peak_memory() -> int:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_memory()


def peak_memory() -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) << 10
