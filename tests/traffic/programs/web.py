"""A web site and people reading it, over HTTP/1.1 with kept connections."""

import http.client
import http.server
import random
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.traffic.programs.sockets import family, payload


class Pages(http.server.BaseHTTPRequestHandler):
    """/anything?bytes=14000&think_ms=20: so much, after so long."""

    protocol_version = "HTTP/1.1"
    # Head and body leave together, at once: else Nagle would wait for a delayed acknowledgement in every answer.
    wbufsize = 1 << 20
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        time.sleep(int(asked.get("think_ms", ["0"])[0]) / 1000)
        body = payload(int(asked.get("bytes", ["0"])[0]))
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


class Site(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that leaves early is part of some scenarios."""


def site(ready: Callable[[], None], address: str, port: int = 80) -> None:
    kind = type("SiteOfFamily", (Site,), {"address_family": family(address)})
    with kind((address, port), Pages) as server:
        ready()
        server.serve_forever()


def visit(
    address: str, requests: Sequence[tuple[int, int]], *, port: int = 80, between_s: float = 0.05, source: str = ""
) -> list[float]:
    """Ask on one kept connection for (bytes, think_ms) after (bytes, think_ms); seconds to each answer's first byte."""
    connection = http.client.HTTPConnection(address, port, timeout=60, source_address=(source, 0) if source else None)
    waited = []
    for length, think_ms in requests:
        asked = time.monotonic()
        connection.request("GET", f"/page?bytes={length}&think_ms={think_ms}", headers={"Host": "www.example.test"})
        answer = connection.getresponse()
        waited.append(time.monotonic() - asked)
        answer.read()
        time.sleep(between_s)
    connection.close()
    return waited


def watch(address: str, pieces: Sequence[int], rest: Callable[[], None]) -> None:
    """Fetch piece after piece on one kept connection, with a rest after each."""
    connection = http.client.HTTPConnection(address, 80, timeout=60)
    for number, length in enumerate(pieces):
        connection.request(
            "GET", f"/film/{number}.m4s?bytes={length}&think_ms=3", headers={"Host": "film.example.test"}
        )
        connection.getresponse().read()
        rest()
    connection.close()


def browse(address: str, people: int, seed: int, *, port: int = 80) -> int:
    """People who open a page with what belongs to it on two connections each, then read; the number of requests."""
    draw = random.Random(seed)
    threads, requests = [], 0
    for _ in range(people * 2):
        page = [(int(draw.lognormvariate(8.5, 1)) + 200, draw.randrange(2, 12)) for _ in range(draw.randrange(4, 9))]
        requests += len(page)
        threads.append(threading.Thread(target=visit, args=(address, page), kwargs={"port": port}))
    for thread in threads:
        thread.start()
        time.sleep(draw.uniform(0.05, 0.3))
    for thread in threads:
        thread.join()
    return requests


def post(
    address: str, length: int, *, port: int = 80, source: str | None = None, host: str = "upload.example.test"
) -> int:
    """One large upload by HTTP; the status."""
    connection = http.client.HTTPConnection(address, port, timeout=60, source_address=(source, 0) if source else None)
    connection.request("POST", "/files", body=payload(length), headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


def hurried(address: str, port: int, within_s: float) -> str:
    """One connection attempt, and what came of it."""
    try:
        socket.create_connection((address, port), timeout=within_s).close()
    except OSError as fault:
        return type(fault).__name__
    return "connected"
