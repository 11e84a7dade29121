"""Many clients of one service, in a process of their own: `python -m tests.web.load ADDRESS SECONDS POLLERS UPLOADERS`.

A poller is a page, opened in the first OPENING_S: it follows an analysis by its stream of progress, and asks for
status, queue or health every second, which no page of ours does. An uploader sends captures by tus, piece after piece
as fast as they are taken, and deletes them; real ones would not compute on the service's processors, so they yield to
it. Prints what was seen as JSON; what was asked before everybody was there stands apart.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

from tests.jobs.captures import capture

OPENING_S = 1.0
UPLOADERS_NICENESS = 5
SIZE = 256 << 20
FIRST = capture(1)
PIECE = FIRST + bytes((4 << 20) - len(FIRST))
TUS = {"Tus-Resumable": "1.0.0"}


class Seen:
    """What all clients saw. health_s: how long each answer of health took; opening_s: before everybody was there."""

    def __init__(self) -> None:
        self.all_there_at = time.monotonic() + OPENING_S
        self.opening_s: list[float] = []
        self.health_s: list[float] = []
        self.other_s: list[float] = []
        self.answers: Counter[str] = Counter()
        self.sent_bytes = 0
        self.events = 0


class Client:
    """One connection, kept alive."""

    def __init__(self, address: str, seen: Seen) -> None:
        self._host, _, port = address.removeprefix("http://").partition(":")
        self._port = int(port)
        self._seen = seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> "Answer":
        """Send a request; its answer, counted by status."""
        lines = {"Host": self._host, "Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
        try:
            answer = await self._exchange(method, request)
        except (ConnectionError, asyncio.IncompleteReadError):
            # One that was kept alive may end between two requests; nobody repeats more than that.
            self._seen.answers["ended"] += 1
            await self.close()
            answer = await self._exchange(method, request)
        self._seen.answers[f"{method} {answer.status}"] += 1
        if answer.headers.get("connection") == "close":
            await self.close()
        return answer

    async def _exchange(self, method: str, request: bytes) -> "Answer":
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        return await read(reader, method)

    async def follow(self, path: str) -> None:
        """Read a stream of events until it ends."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
            status = (await reader.readline()).split()[1].decode()
            self._seen.answers[f"stream {status}"] += 1
            while line := await reader.readline():
                self._seen.events += line.startswith(b"data:")
        finally:
            writer.close()

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


async def read(reader: asyncio.StreamReader, method: str) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
    return Answer(int(head[0].split()[1]), headers, await reader.readexactly(length))


async def poll(address: str, seen: Seen, followed: str, until: float) -> asyncio.Task[None]:
    """Ask until then; the page's stream goes on until what it follows is gone."""
    client = Client(address, seen)
    await asyncio.sleep(random.random() * OPENING_S)
    stream = asyncio.create_task(Client(address, seen).follow(f"/api/progress/{followed}"))
    paths = ("/api/health", f"/api/status/{followed}", "/api/health", "/api/queue/status")
    number = random.randrange(len(paths))
    while time.monotonic() < until:
        path = paths[number % len(paths)]
        begun = time.monotonic()
        await client.ask("GET", path)
        took = time.monotonic() - begun
        asked = seen.health_s if path == "/api/health" else seen.other_s
        (seen.opening_s if begun < seen.all_there_at else asked).append(took)
        number += 1
        await asyncio.sleep(max(0.0, 1 - took))
    return stream


async def upload(client: Client, seen: Seen, until: float) -> None:
    while time.monotonic() < until:
        begun = await client.ask("POST", "/api/uploads", {**TUS, "Upload-Length": str(SIZE)})
        if begun.status != 201:
            await asyncio.sleep(float(begun.headers.get("retry-after", 1)))
            continue
        place, offset = begun.headers["location"], 0
        while offset < SIZE and time.monotonic() < until:
            headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            answer = await client.ask("PATCH", place, headers, PIECE)
            if answer.status == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))
                continue
            if answer.status != 204:
                break
            offset += len(PIECE)
            seen.sent_bytes += len(PIECE)
        await client.ask("DELETE", f"/api/reports/{place.rpartition('/')[2]}")


async def run(address: str, seconds: float, pollers: int, uploaders: int) -> Seen:
    seen = Seen()
    until = time.monotonic() + seconds
    first = Client(address, seen)
    begun = await first.ask("POST", "/api/uploads", {**TUS, "Upload-Length": "1000"})
    followed = begun.headers["location"].rpartition("/")[2]
    await first.close()  # or the service would, before it is needed again
    people = asyncio.gather(*(poll(address, seen, followed, until) for _ in range(pollers)))
    await asyncio.gather(*(upload(Client(address, seen), seen, until) for _ in range(uploaders)))
    streams = await people
    await first.ask("DELETE", f"/api/reports/{followed}")
    await asyncio.wait_for(asyncio.gather(*streams), 20)
    return seen


def main() -> None:
    """Run, and print. Uploaders have a process of their own, so that pollers do not wait for them here."""
    address, seconds, pollers, uploaders = sys.argv[1:]
    if pollers == "0":
        os.nice(UPLOADERS_NICENESS)
    command = [sys.executable, "-m", "tests.web.load", address, seconds, "0", uploaders]
    beside = subprocess.Popen(command, stdout=subprocess.PIPE) if pollers != "0" else None
    seen = asyncio.run(run(address, float(seconds), int(pollers), int(uploaders) if beside is None else 0))
    answers, sent_bytes = seen.answers, seen.sent_bytes
    if beside is not None:
        theirs = json.loads(beside.communicate()[0])
        answers, sent_bytes = answers + Counter(theirs["answers"]), theirs["sent_bytes"]
    told = {"answers": answers, "sent_bytes": sent_bytes, "events": seen.events}
    took = {"health_ms": seen.health_s, "other_ms": seen.other_s, "opening_ms": seen.opening_s}
    print(json.dumps(told | {name: percentiles(seconds) for name, seconds in took.items()}))


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(seconds) or [0.0]
    last = len(ordered) - 1
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(1000 * ordered[min(last, int(len(ordered) * part))], 1) for name, part in at.items()}


if __name__ == "__main__":
    main()
