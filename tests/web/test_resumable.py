"""tus 1.0.0: an upload goes on where it stood, whatever ended the last connection, and is stored as it was sent."""

import base64
import hashlib
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.jobs import arrivals, content_hash
from pcap_analyzer.web import body as body_module
from tests.jobs.captures import capture
from tests.web.server import serving, wait_for

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}
NAME = base64.b64encode("größte.pcap".encode()).decode()
UNKNOWN = "/api/uploads/00000000-0000-4000-8000-000000000000"
LARGE = capture(3000)


def begin(client: httpx.Client, size: int, content: bytes = b"", **headers: str) -> httpx.Response:
    kind = PART if content else TUS
    named = {"Upload-Length": str(size), "Upload-Metadata": f"filename {NAME},filetype"}
    return client.post("/api/uploads", content=content, headers={**kind, **named, **headers})


def begun(client: httpx.Client, size: int) -> str:
    answer = begin(client, size)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def send(client: httpx.Client, place: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    return client.patch(place, content=data, headers={**PART, "Upload-Offset": str(offset), **headers})


def stands_at(client: httpx.Client, place: str) -> int:
    answer = client.head(place, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def task_of(place: str) -> str:
    return place.rpartition("/")[2]


def checksum(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    digest = hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


def kind_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix("urn:pcap-analyzer:problem:")


def test_what_the_service_knows_is_told(client: httpx.Client) -> None:
    headers = client.options("/api/uploads").headers
    assert (headers["tus-version"], headers["tus-max-size"]) == ("1.0.0", str(2 << 20))
    assert headers["tus-extension"] == "creation,creation-with-upload,termination,checksum,expiration"
    assert headers["tus-checksum-algorithm"] == "sha1,sha256"


def test_an_upload_in_parts_is_analysed_when_it_is_whole(client: httpx.Client) -> None:
    data = capture(3)
    place = begun(client, len(data))
    for start in range(0, len(data), 50):
        assert stands_at(client, place) == start
        answer = send(client, place, start, data[start : start + 50])
        assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
        assert answer.headers["upload-offset"] == str(min(len(data), start + 50))
        if start == 0:
            assert answer.headers["upload-expires"].endswith(" GMT")
            status = client.get(f"/api/status/{task_of(place)}").json()
            assert (status["status"], status["received_bytes"]) == ("receiving", 50)
    done = wait_for(client, task_of(place), "succeeded")
    assert (done["filename"], done["file_size_bytes"]) == ("größte.pcap", len(data))


def test_the_first_part_may_come_with_the_announcement(client: httpx.Client) -> None:
    data = capture(3)
    answer = begin(client, len(data), data[:40])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "40")
    whole = begin(client, len(data), data, **checksum(data))
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, str(len(data)))
    wait_for(client, task_of(whole.headers["location"]), "succeeded")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_part_that_came_wrong_was_never_there(client: httpx.Client, algorithm: str) -> None:
    data = capture(3)
    place = begun(client, len(data))
    wrong = send(client, place, 0, b"\xff" * 60, **checksum(data[:60], algorithm))
    assert (wrong.status_code, kind_of(wrong)) == (460, "wrong-checksum")
    assert stands_at(client, place) == 0
    assert send(client, place, 0, data[:60], **checksum(data[:60], algorithm)).status_code == 204
    assert send(client, place, 60, data[60:], **checksum(data, algorithm)).status_code == 460
    assert send(client, place, 60, data[60:], **checksum(data[60:], algorithm)).status_code == 204
    wait_for(client, task_of(place), "succeeded")


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Tus-Resumable": "0.2"}, 412, "unsupported-version"),
        ({"Content-Type": "application/json"}, 415, "unsupported-media"),
        ({"Upload-Offset": "7"}, 409, "wrong-offset"),
        ({"Upload-Offset": "-1"}, 400, "bad-header"),
        ({"Upload-Offset": "1e3"}, 400, "bad-header"),
        ({"Upload-Offset": "9" * 400}, 400, "bad-header"),
        ({"Upload-Checksum": "crc32 AAAA"}, 400, "bad-header"),
        ({"Upload-Checksum": "sha1 ***"}, 400, "bad-header"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(
    client: httpx.Client, headers: dict[str, str], status: int, kind: str
) -> None:
    place = begun(client, 1000)
    answer = send(client, place, 0, capture(1), **headers)
    assert (answer.status_code, kind_of(answer)) == (status, kind)
    assert answer.headers.get("tus-version") == ("1.0.0" if status == 412 else None)
    assert stands_at(client, place) == 0


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Upload-Length": "-5"}, 400, "bad-header"),
        ({"Upload-Length": "٣"}, 400, "bad-header"),
        ({"Upload-Length": str(3 << 20)}, 413, "upload-too-large"),
        ({"Upload-Length": "0"}, 415, "not-a-capture"),
        ({"Upload-Metadata": "filename ***"}, 400, "bad-header"),
        ({"Upload-Metadata": "x" * 9000}, 400, "bad-header"),
        ({"Tus-Resumable": "2.0.0"}, 412, "unsupported-version"),
    ],
)
def test_an_announcement_that_cannot_be_taken_is_refused(
    client: httpx.Client, headers: dict[str, str], status: int, kind: str
) -> None:
    raw = {name: value.encode() for name, value in {**TUS, "Upload-Length": "1000", **headers}.items()}
    answer = client.post("/api/uploads", headers=raw)  # type: ignore[arg-type]
    assert (answer.status_code, kind_of(answer)) == (status, kind)


def test_more_bytes_than_announced_are_refused(client: httpx.Client) -> None:
    place = begun(client, 50)
    assert kind_of(send(client, place, 0, capture(3))) == "wrong-length"
    unsaid = client.patch(place, content=iter([capture(3)]), headers={**PART, "Upload-Offset": "0"})
    assert (unsaid.status_code, kind_of(unsaid)) == (400, "wrong-length")
    assert stands_at(client, place) == 0


def test_what_is_no_capture_is_refused_and_forgotten(client: httpx.Client) -> None:
    place = begun(client, 5000)
    answer = send(client, place, 0, b"\x7fELF" + bytes(700))
    assert answer.status_code == 415
    assert "größte.pcap is an ELF program" in answer.json()["detail"]
    assert client.head(place, headers=TUS).status_code == 404


def test_an_upload_can_be_ended(client: httpx.Client) -> None:
    place = begun(client, 1000)
    send(client, place, 0, capture(1))
    assert client.delete(place).status_code == 412
    assert client.delete(place, headers=TUS).status_code == 204
    assert client.head(place, headers=TUS).status_code == 410
    assert kind_of(send(client, place, 0, b"x")) == "upload-gone"
    assert client.delete(place, headers=TUS).status_code == 410


def test_a_whole_upload_is_not_ended_but_deleted_as_an_analysis(client: httpx.Client) -> None:
    place = begin(client, len(capture(2)), capture(2)).headers["location"]
    wait_for(client, task_of(place), "succeeded")
    assert client.delete(place, headers=TUS).status_code == 410
    assert kind_of(send(client, place, len(capture(2)), b"")) == "wrong-length"
    assert stands_at(client, place) == len(capture(2))


def test_those_who_can_only_post_say_what_they_mean(client: httpx.Client) -> None:
    place = begun(client, 1000)
    patched = {**PART, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert client.post(place, content=capture(1), headers=patched).status_code == 204
    assert client.post(place, headers=TUS).status_code == 405
    assert client.post(place, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_an_unknown_upload_is_404(client: httpx.Client, method: str) -> None:
    answer = client.request(method, UNKNOWN, headers={**PART, "Upload-Offset": "0"})
    assert answer.status_code == 404


def begin_part(address: str, place: str, offset: int, data: bytes, announced: int, **headers: str) -> socket.socket:
    """Send the beginning of a part over a connection that stays open."""
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    lines = {**PART, "Upload-Offset": str(offset), "Content-Length": str(announced), "Host": host, **headers}
    head = f"PATCH {place} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    connection.sendall(head.encode() + b"\r\n" + data)
    return connection


def test_a_connection_that_breaks_keeps_what_came(client: httpx.Client, address: str) -> None:
    place = begun(client, len(LARGE))
    with begin_part(address, place, 0, LARGE[:70_000], len(LARGE)):
        time.sleep(0.3)
    wait_until(lambda: stands_at(client, place) == 70_000)
    assert send(client, place, 70_000, LARGE[70_000:]).status_code == 204
    wait_for(client, task_of(place), "succeeded")


def test_with_a_checksum_a_broken_part_was_never_there(client: httpx.Client, address: str) -> None:
    place = begun(client, len(LARGE))
    with begin_part(address, place, 0, LARGE[:70_000], len(LARGE), **checksum(LARGE)):
        time.sleep(0.3)
    assert stands_at(client, place) == 0
    assert send(client, place, 0, LARGE, **checksum(LARGE)).status_code == 204


def test_whoever_comes_back_ends_the_connection_that_is_left(client: httpx.Client, address: str) -> None:
    place = begun(client, len(LARGE))
    with begin_part(address, place, 0, LARGE[:70_000], len(LARGE)):
        time.sleep(0.3)
        assert stands_at(client, place) == 70_000
        assert send(client, place, 70_000, LARGE[70_000:]).status_code == 204
    wait_for(client, task_of(place), "succeeded")


def test_a_part_that_stops_coming_is_ended_and_kept(
    client: httpx.Client, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "IDLE_S", 0.3)
    place = begun(client, len(LARGE))
    with begin_part(address, place, 0, LARGE[:70_000], len(LARGE)) as stalled:
        assert stalled.recv(1 << 16).startswith(b"HTTP/1.1 408 ")
    assert stands_at(client, place) == 70_000


def test_cut_at_random_and_served_by_another_service_the_file_is_identical(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small, so that cuts fall before, in and behind what is kept and hashed at a time.
    monkeypatch.setattr(arrivals, "KEEP_EVERY_BYTES", 1 << 20)
    monkeypatch.setattr(content_hash, "BLOCK_BYTES", 700_001)
    monkeypatch.setattr(body_module, "WRITE_BYTES", 1 << 18)
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    data = capture(1) + rng.randbytes(6 << 20)
    place = ""
    for _ in range(4):
        with serving(data_dir, WORKERS="1") as address, httpx.Client(base_url=address, timeout=30) as client:
            place = place or begun(client, len(data))
            for _ in range(5):
                offset = stands_at(client, place)
                end = min(len(data) - 1, offset + rng.randrange(600_000))
                with begin_part(address, place, offset, data[offset:end], len(data) - offset):
                    if rng.random() < 0.5:
                        time.sleep(rng.random() / 10)
    with serving(data_dir, WORKERS="1") as address, httpx.Client(base_url=address, timeout=30) as client:
        offset = stands_at(client, place)
        assert send(client, place, offset, data[offset:]).status_code == 204, seed
        wait_for(client, task_of(place), "succeeded")
        stored = data_dir / "uploads" / f"{task_of(place)}.pcap"
        assert stored.read_bytes() == data, seed
    expected = content_hash.ContentHash()
    expected.update(data)
    assert content_hash.continued(stored, len(data), b"").hexdigest() == expected.hexdigest()
    assert hash_kept(data_dir, task_of(place)) == expected.hexdigest(), seed


def hash_kept(data_dir: Path, task_id: str) -> str | None:
    from pcap_analyzer.adapters.sql import SqlStore

    store = SqlStore(f"sqlite:///{data_dir}/pcap_analyzer.db")
    analysis = store.get(task_id)
    store.close()
    assert analysis is not None
    return analysis.content_hash


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
