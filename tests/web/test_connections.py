"""What comes before a request is one: heads too large or too slow, bytes that are no HTTP, too many connections."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.export.scripts import plotly_path
from pcap_analyzer.web import connections, slow_readers
from pcap_analyzer.web.connections import Connections
from pcap_analyzer.web.static_files import PLOTLY
from tests.web.server import serving

HOST = b"Host: localhost\r\n"
GET = b"GET /api/health HTTP/1.1\r\n" + HOST
POST = b"POST /api/upload HTTP/1.1\r\n" + HOST
FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"
CLOSE = b"Connection: close\r\n"
KIB = 1024


def connect(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answer(address: str, request: bytes) -> bytes:
    """All that is answered until the connection ends."""
    told = b""
    with connect(address) as connection, suppress(ConnectionError):
        connection.sendall(request)
        while part := connection.recv(1 << 16):
            told += part
    return told


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: +5\r\n\r\nabcde",
        POST + b"Content-Length: 5 \t5\r\n\r\nabcde",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
        POST + FORM + b"Transfer-Encoding: xchunked\r\n\r\n",
        POST + FORM + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        POST + FORM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        POST + FORM + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        GET + b"Host: evil.example\r\n\r\n",
        GET + b"X: a\r\n folded\r\n\r\n",
        GET + b"X : a\r\n\r\n",
        GET + b"X: a\rb\r\n\r\n",
        GET + b"X: a\0b\r\n\r\n",
        b"GET /api/health HTTP/1.1\nHost: localhost\n\n",
        b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /api/health HTTP/1.2\r\n" + HOST + b"\r\n",
        b"get /api/health HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(100),
    ],
)
def test_what_can_be_read_in_two_ways_is_not_read(address: str, request_bytes: bytes) -> None:
    told = answer(address, request_bytes)
    assert told.startswith(b"HTTP/1.1 400 "), told[:200]
    assert b"urn:pcap-analyzer:problem:malformed" in told
    assert told.count(b"HTTP/1.1 ") == 1
    assert b"\r\nContent-Security-Policy: default-src 'none'\r\n" in told


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://localhost:8000/api/history", b"evil.example", b"200"),
        (b"HTTP://[::1]/api/history?limit=1", b"evil.example", b"200"),
        (b"http://localhost", b"evil.example", b"200"),
        (b"http://localhost?a=b", b"localhost", b"200"),
        (b"http://evil.example/api/history", b"localhost", b"421"),
        (b"http://evil.example", b"localhost", b"421"),
        (b"http://localhost@evil.example/api/history", b"localhost", b"400"),
        (b"ftp://localhost/api/history", b"localhost", b"400"),
        (b"http:///api/history", b"localhost", b"400"),
        (b"localhost/api/history", b"localhost", b"400"),
    ],
)
def test_a_host_in_the_first_line_is_the_one_that_is_asked(
    address: str, target: bytes, host: bytes, status: bytes
) -> None:
    """RFC 9112 section 3.2.2."""
    told = answer(address, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + CLOSE + b"\r\n")
    assert told.startswith(b"HTTP/1.1 " + status + b" "), told[:300]


def test_a_second_request_cannot_hide_in_the_first(address: str) -> None:
    hidden = b"DELETE /api/reports/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\n" + HOST + b"\r\n"
    smuggled = POST + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (len(hidden) + 5) + hidden
    assert answer(address, smuggled).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET + b"X: " + b"a" * 40 * KIB + b"\r\n\r\n",
        GET + b"X: \r\n" * 9000 + b"\r\n",
        b"GET /" + b"a" * 40 * KIB + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        GET + b"X: " + b"a" * 8000 * KIB,  # and no end
        GET + b"a" * 8000 * KIB,
    ],
)
def test_a_large_head_is_431(address: str, request_bytes: bytes) -> None:
    told = answer(address, request_bytes)
    assert told.startswith(b"HTTP/1.1 431 "), told[:200]
    assert b"urn:pcap-analyzer:problem:large-head" in told


def test_a_head_within_the_limit_is_read(address: str) -> None:
    assert answer(address, GET + CLOSE + b"X: " + b"a" * 30 * KIB + b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_requests_may_follow_each_other_at_once(address: str) -> None:
    assert answer(address, 19 * (GET + b"\r\n") + GET + CLOSE + b"\r\n").count(b"HTTP/1.1 200 ") == 20


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(connections, "MAX_OF_A_CLIENT", 20)
    monkeypatch.setattr(connections, "LINGER_S", 0.2)
    monkeypatch.setattr(connections, "_REST_S", 0.5)
    with serving(tmp_path) as address:
        yield address


def test_a_head_that_does_not_come_ends(impatient: str) -> None:
    with connect(impatient) as slow, connect(impatient) as silent, connect(impatient) as second:
        slow.sendall(GET)
        second.sendall(GET + b"\r\n")
        assert second.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        second.sendall(GET)
        for late in (slow, second):
            told = late.recv(1 << 16)
            assert told.startswith(b"HTTP/1.1 408 ")
            assert b"urn:pcap-analyzer:problem:slow-head" in told
            assert late.recv(1) == b""
        assert silent.recv(1) == b""


def test_a_head_sent_byte_by_byte_ends_too(impatient: str) -> None:
    told = b""
    with connect(impatient) as slow:
        slow.settimeout(0.05)
        for byte in (GET + b"X: aaaaaaaaaaaaaaaaaaaaaaaaaa").ljust(400, b"a"):
            try:
                slow.sendall(bytes([byte]))
                told += slow.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                break
            if told:
                break
    assert told.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_nobody_waits_for_is_not_waited_for(impatient: str) -> None:
    with connect(impatient) as slow:
        slow.sendall(b"GET /api/health HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n")
        assert slow.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                slow.sendall(b"a")
            except OSError:
                return
            time.sleep(0.05)
    raise AssertionError("still open")


def asking_for_much(address: str) -> socket.socket:
    """A connection that asks for tens of megabytes, and has little room for them."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    connection.settimeout(30)
    connection.connect((host, int(port)))
    connection.sendall(10 * (f"GET /static/plotly-{PLOTLY}.js HTTP/1.1\r\n".encode() + HOST + b"\r\n"))
    return connection


def bytes_of(connection: socket.socket) -> int:
    """How many come until it ends."""
    size = 0
    with suppress(ConnectionResetError):
        while part := connection.recv(1 << 20):
            size += len(part)
    return size


def test_an_answer_that_nobody_reads_ends(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slow_readers, "PATIENCE_S", 0.3)
    with asking_for_much(address) as slow:
        time.sleep(3)
        assert bytes_of(slow) < 5 * Path(plotly_path()).stat().st_size
    assert "Exception" not in caplog.text


def test_an_answer_that_is_read_steadily_goes_on(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_readers, "PATIENCE_S", 1.5)
    monkeypatch.setattr(slow_readers, "LEAST_BYTES", 1000)
    with asking_for_much(address) as steady:
        for _ in range(40):
            assert steady.recv(1 << 16)
            time.sleep(0.05)


def test_one_client_cannot_hold_every_connection(impatient: str) -> None:
    with ExitStack() as held:
        for _ in range(20):
            held.enter_context(connect(impatient))
        told = answer(impatient, GET + b"\r\n")
        assert told.startswith(b"HTTP/1.1 429 ")
        assert b"\r\nRetry-After: " in told
        assert b"urn:pcap-analyzer:problem:many-connections" in told
    assert httpx.get(f"{impatient}/api/health").status_code == 200


def test_connections_that_say_nothing_disturb_nobody(address: str) -> None:
    with ExitStack() as held, ThreadPoolExecutor(8) as several:
        for connection in several.map(connect, [address] * 400):
            held.enter_context(connection)
        assert httpx.get(f"{address}/api/health", timeout=30).status_code == 200


def test_connections_are_forgotten_when_they_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Connections] = []
    begin = Connections.__init__

    def remember(self: Connections, *given: object) -> None:
        made.append(self)
        begin(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Connections, "__init__", remember)
    with serving(tmp_path) as address:
        for _ in range(5):
            answer(address, GET + CLOSE + b"\r\n")
        end = time.monotonic() + 20
        while made[0].held and time.monotonic() < end:
            time.sleep(0.02)
        assert not made[0].held
