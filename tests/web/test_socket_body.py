"""Large parts, which a thread reads past the event loop: the connection goes on behind them as behind any other."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from pcap_analyzer.web import socket_body
from tests.jobs.captures import capture
from tests.web.test_resumable import PART, begun, checksum, stands_at, task_of, wait_until

DATA = capture(1) + bytes(range(256)) * 4096
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each thread was given to read."""
    seen: list[int] = []
    begin = socket_body.SocketBody.__init__

    def remember(self: socket_body.SocketBody, descriptor: int, rest_bytes: int, *given: object) -> None:
        seen.append(rest_bytes)
        begin(self, descriptor, rest_bytes, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(socket_body.SocketBody, "__init__", remember)
    return seen


def head(place: str, **more: str) -> bytes:
    told = {**PART, "Upload-Offset": "0", "Content-Length": str(len(DATA)), "Host": "localhost", **more}
    lines = [f"PATCH {place} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode()


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def answers(connection: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    told = b""
    while part := connection.recv(1 << 16):
        told += part
    return told


def test_requests_behind_a_large_part_are_answered_over_the_same_connection(
    client: httpx.Client, address: str, lent: list[int]
) -> None:
    place, second = begun(client, len(DATA)), begun(client, len(DATA))
    with connected(address) as connection:
        # At once: the part's thread must not read what is no longer of it.
        connection.sendall(head(place) + DATA + head(second) + DATA + HEALTH)
        told = answers(connection)
    assert [line.split()[1] for line in told.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")] == [
        b"204",
        b"204",
        b"200",
    ]
    assert lent
    assert stands_at(client, place) == stands_at(client, second) == len(DATA)


def test_a_large_part_behind_a_small_one_is_not_taken_for_its_rest(client: httpx.Client, address: str) -> None:
    small, place = begun(client, 1000), begun(client, len(DATA))
    with connected(address) as connection:
        first = head(small, **{"Content-Length": "500"}) + DATA[:500]
        connection.sendall(first + head(place, Connection="close"))
        time.sleep(0.2)
        connection.sendall(DATA)
        told = answers(connection)
    assert told.count(b"HTTP/1.1 204 ") == 2
    assert (stands_at(client, small), stands_at(client, place)) == (500, len(DATA))


def test_a_client_may_wait_to_be_asked_for_a_large_part(client: httpx.Client, address: str, lent: list[int]) -> None:
    place = begun(client, len(DATA))
    with connected(address) as connection:
        connection.sendall(head(place, Expect="100-continue", Connection="close"))
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(DATA)
        assert answers(connection).startswith(b"HTTP/1.1 204 ")
    assert lent
    assert stands_at(client, place) == len(DATA)


def test_a_large_part_may_come_in_small_pieces(client: httpx.Client, address: str, lent: list[int]) -> None:
    place = begun(client, len(DATA))
    with connected(address) as connection:
        connection.sendall(head(place, Connection="close", **checksum(DATA)))
        for start in range(0, len(DATA), 70_001):
            connection.sendall(DATA[start : start + 70_001])
            time.sleep(0.01)
        assert answers(connection).startswith(b"HTTP/1.1 204 ")
    assert len(lent) == 1
    assert stands_at(client, place) == len(DATA)


def test_a_refused_large_part_ends_its_connection(client: httpx.Client, address: str, lent: list[int]) -> None:
    place = begun(client, len(DATA))
    with connected(address) as connection:
        connection.sendall(head(place) + b"\x7fELF" + bytes(100_000))
        assert answers(connection).startswith(b"HTTP/1.1 415 ")


def test_what_came_of_a_large_part_is_kept_when_the_connection_ends(
    client: httpx.Client, address: str, lent: list[int]
) -> None:
    place = begun(client, len(DATA))
    with connected(address) as connection:
        connection.sendall(head(place) + DATA[:600_000])
        time.sleep(0.3)
    wait_until(lambda: stands_at(client, place) == 600_000)
    assert client.get(f"/api/status/{task_of(place)}").json()["status"] == "receiving"
