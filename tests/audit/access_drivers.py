"""Who comes in and who does not; requests that are none; the service's own life."""

import os
import socket
import time
from contextlib import ExitStack

import httpx

from pcap_analyzer.web import connections, slow_readers
from pcap_analyzer.web.access import FAILURES_A_MINUTE
from tests.audit.drivers import TOKEN, UNKNOWN, World, drives
from tests.jobs.captures import capture
from tests.jobs.test_backup import run
from tests.web.test_access import csrf_of, sign_in
from tests.web.test_connections import asking_for_much

HEAD = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n"


@drives(
    "access.signed_in",
    "access.signed_out",
    "access.wrong_token",
    "access.wrong_bearer",
    "access.refused.not_signed_in",
    "access.refused.session_ended",
    "access.refused.wrong_csrf",
    "access.refused.too_many_tries",
)
def strangers_and_guests(world: World) -> None:
    with world.service(AUTH_TOKEN=TOKEN) as client:
        assert client.get("/api/history").status_code == 401
        assert client.get("/api/history", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert sign_in(client, "not-the-token").status_code == 401
        assert sign_in(client).status_code == 303
        session = dict(client.cookies)
        assert client.post("/logout").status_code == 403
        assert client.post(f"/logout?csrf={csrf_of(client)}").status_code == 303
        client.cookies.update(session)
        assert client.get("/api/history").status_code == 401
        for _ in range(FAILURES_A_MINUTE):
            answer = sign_in(client, "not-the-token")
        assert answer.status_code == 429


@drives(
    "access.refused.cross_site",
    "access.refused.wrong_host",
    "request.refused",
    "request.refused.malformed",
    "limit.large_head",
    "limit.slow_head",
    "limit.slow_reader",
    "limit.many_connections",
)
def strange_requests(world: World) -> None:
    world.patch.setattr(connections, "HEAD_S", 0.3)
    world.patch.setattr(slow_readers, "PATIENCE_S", 0.3)
    world.patch.setattr(connections, "MAX_OF_A_CLIENT", 10)
    with world.service() as client:
        assert client.post("/api/upload", headers={"Origin": "http://evil.example"}).status_code == 403
        assert client.get("/api/history", headers={"Host": "evil.example"}).status_code == 421
        assert client.get("/nowhere").status_code == 404
        assert client.get("/", headers={"X": "a" * 50_000}).status_code == 431
        for request in (b"nonsense\r\n\r\n", HEAD):
            with to(client) as connection:
                connection.sendall(request)
                assert connection.recv(1 << 16).startswith(b"HTTP/1.1 4")
        with asking_for_much(str(client.base_url)):
            world.wait_for_event("limit.slow_reader")
        with ExitStack() as held:
            for _ in range(11):
                held.enter_context(to(client))
            world.wait_for_event("limit.many_connections")


def to(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=20)


@drives("limit.requests")
def somebody_in_a_hurry(world: World) -> None:
    with world.service(RATE_LIMIT_PER_MINUTE="3") as client:
        assert 429 in {client.get("/api/queue/status").status_code for _ in range(10)}


@drives(
    "service.settings_loaded",
    "service.started",
    "service.stopped",
    "service.unhealthy",
    "service.healthy",
    "service.error",
    "service.files_removed",
)
def a_troubled_life(world: World) -> None:
    (world.folder / "uploads").mkdir()
    (world.folder / "uploads" / f"{UNKNOWN}.pcap").write_bytes(capture())
    with world.service() as client:
        ask_until(client, healthy=True)
        world.sql("ALTER TABLE analyses RENAME TO lost")
        ask_until(client, healthy=False)
        assert client.get("/api/history").status_code == 500
        world.sql("ALTER TABLE lost RENAME TO analyses")
        ask_until(client, healthy=True)


def ask_until(client: httpx.Client, *, healthy: bool) -> None:
    end = time.monotonic() + 20
    while (client.get("/api/health").json()["status"] != "unhealthy") is not healthy:
        assert time.monotonic() < end
        time.sleep(0.02)


@drives("backup.made", "backup.failed", "backup.restored", "backup.refused")
def backups(world: World) -> None:
    with world.service():
        pass
    target = world.folder / "saved"
    assert run(world.folder, "backup", str(target)).returncode == 0
    assert run(world.folder, "backup", str(target)).returncode == 2  # it is not empty any more
    assert run(world.folder, "restore", str(target)).returncode == 2  # neither is this
    assert run(world.folder, "restore", "--replace", str(target)).returncode == 0


@drives("audit.rotated")
def much_to_tell(world: World) -> None:
    # The smallest that may be set is 10 MiB in ten files; a start of the service begins where the last one ended.
    old = b"x" * ((1 << 20) - 3000) + b"\n"
    with world.service(AUDIT_LOG_MAX_MB="10") as client:
        with (world.folder / "audit.jsonl").open("ab") as file:
            file.write(old)
        for _ in range(30):
            client.get(f"/nowhere/{'a' * 200}")
    for path in world.folder.glob("audit.jsonl*"):
        path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(True) if line[:1] == b"{"))


@drives("audit.lost")
def a_full_disk(world: World) -> None:
    write = os.write
    full = [True]

    def refuse(descriptor: int, data: bytes) -> int:
        if full[0] and b'"request.refused"' in data:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    with world.service() as client:
        world.patch.setattr("pcap_analyzer.audit.file.os.write", refuse)
        assert client.get("/nowhere").status_code == 404
        full[0] = False
        assert client.get("/nowhere").status_code == 404
