"""Forms made to harm: names, nesting, parts without number or end. Each has an answer, and the service goes on."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.web import body
from tests.jobs.captures import capture, fresh
from tests.web.server import give, serving
from tests.web.test_connections import connect
from tests.web.test_upload import BOUNDARY, FORM, form, wait_until

MIB = 1 << 20
PART = f"--{BOUNDARY}\r\n".encode()
END = f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\a.pcap", "a.pcap"),
        ("C:\\captures\\a.pcap", "a.pcap"),
        ("/", "capture"),
        ("..", ".."),
        (".", "."),
        ("a\u202egnp.pcap", "agnp.pcap"),
        ("<img src=x onerror=alert(1)>.pcap", "<img src=x onerror=alert(1)>.pcap"),
        ("{{7*7}}${7*7}%s%n.pcap", "{{7*7}}${7*7}%s%n.pcap"),
        ("'; DROP TABLE analyses; --", "'; DROP TABLE analyses; --"),
        ("a" * 3000, "a" * 255),
        ("\u200b", "capture"),
        ("CON", "CON"),
        ("=cmd|' /C calc'!A0", "C calc'!A0"),
    ],
)
def test_a_name_is_shown_and_nothing_else(client: httpx.Client, name: str, shown: str) -> None:
    task = give(client, capture(1), name)
    assert client.get(f"/api/status/{task}").json()["filename"] == shown
    assert client.get(f"/analyses/{task}", headers={"Accept": "text/html"}).status_code in {200, 303}


def test_files_have_our_names_and_stay_in_their_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    with serving(inside) as address, httpx.Client(base_url=address, timeout=30) as client:
        for name in ("../escaped.pcap", "..", "/tmp/escaped.pcap", "a/../../b", "%2e%2e%2fescaped"):
            task = give(client, fresh(), name)  # a copy of what was analysed is not stored
            assert (inside / "uploads" / f"{task}.pcap").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


NESTED = (
    PART
    + b'Content-Disposition: form-data; name="file"; filename="a.pcap"\r\n'
    + b"Content-Type: multipart/mixed; boundary=inner\r\n\r\n"
    + b'--inner\r\nContent-Disposition: file; filename="b.pcap"\r\n\r\n'
    + capture(1)
    + b"\r\n--inner--\r\n\r\n"
    + END
)
FIELD = PART + b'Content-Disposition: form-data; name="other"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (NESTED, 415),  # the bytes of the field are what they are: no capture
        (FIELD * 1000 + END, 400),
        (form(capture(1)) * 2, 202),  # what follows the end of a form is no part of it
        (PART + b'Content-Disposition: form-data; name="file"; filename="a"\r\n' + b"X: y\r\n" * 10_000 + b"\r\n", 400),
        (PART + b"Content-Disposition: form-data; name=" + b"a" * 100_000, 400),
        (PART + b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + capture(1), 400),
        (PART + b'Content-Disposition: attachment; name="file"; filename="a"\r\n\r\nx\r\n' + END, 400),
        (PART + b'Content-Length: 5\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n' + END, 400),
        (PART + b'Content-Disposition: form-data; name="file"; filename="a"; filename="b"\r\n\r\nx\r\n' + END, 415),
        (PART + b"\r\n\r\n" + END, 400),
        (b"\r\n" * 100_000, 400),
        (b"-" * MIB, 400),
        (END, 400),
        (b"", 400),
        (form(b"") + b"x" * 1000, 415),
    ],
    ids=range(15),
)
def test_a_form_that_is_none_is_refused_and_nothing_is_kept(
    client: httpx.Client, content: bytes, status: int, tmp_path: Path
) -> None:
    answer = client.post("/api/upload", content=content, headers=FORM)
    assert answer.status_code == status, answer.text
    if status != 202:
        assert answer.json()["type"].startswith("urn:pcap-analyzer:problem:")
    assert client.get("/api/health").status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 5000,
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/mixed; boundary=" + BOUNDARY,
        "text/plain",
        "multipart/form-data; boundary=\x7f",
    ],
)
def test_a_kind_that_is_no_form_is_refused(client: httpx.Client, kind: str) -> None:
    answer = client.post("/api/upload", content=form(capture(1)), headers={"Content-Type": kind})
    assert answer.status_code == 400, answer.text


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(body, "IDLE_S", 0.4)
    with serving(tmp_path) as address:
        yield address


@pytest.mark.parametrize("path", ["/api/upload", "/login"])
def test_a_body_that_drips_ends(hasty: str, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}\r\n"
    with connect(hasty) as slow:
        slow.settimeout(0.05)
        slow.sendall(f"{head}Content-Length: 8000\r\n\r\n".encode() + form(b"")[:60])
        assert drip(slow).startswith(b"HTTP/1.1 408 ")


def drip(slow: socket.socket) -> bytes:
    """A byte now and then, until there is an answer."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            slow.sendall(b"a")
            return slow.recv(1 << 16)
        except TimeoutError:
            continue
    raise AssertionError("still open")


def test_a_large_form_at_the_sign_in_is_refused(client: httpx.Client) -> None:
    answer = client.post("/login", content=b"token=" + b"a" * 100_000)
    assert answer.status_code == 400


def test_connections_cut_anywhere_leave_nothing(tmp_path: Path) -> None:
    content = form(capture(20))
    head = f"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}\r\n"
    request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    with serving(tmp_path) as address, httpx.Client(base_url=address, timeout=30) as client:
        for kept in range(1, len(request), 97):
            with connect(address) as cut:
                cut.sendall(request[:kept])
        wait_until(lambda: not list(tmp_path.glob("uploads/*")))
        assert client.get("/api/history").json()["total"] == 0
