"""Uploads by form and in parts, whole and broken, welcome and refused."""

import time

import httpx

from pcap_analyzer.jobs import housekeeping
from pcap_analyzer.web import body, resumable
from tests.audit.drivers import UNKNOWN, World, drives
from tests.jobs.captures import capture, ordering
from tests.web.server import give, wait_for
from tests.web.test_resumable import LARGE, PART, TUS, begin, begin_part, begun, checksum, send, task_of
from tests.web.test_upload import FORM, form

MIB = 1 << 20


@drives(
    "upload.begun",
    "upload.resumed",
    "upload.piece",
    "upload.interrupted",
    "upload.taken_over",
    "upload.finished",
    "upload.aborted",
    "upload.discarded",
)
def uploads_in_parts(world: World) -> None:
    with world.service() as client:
        address = str(client.base_url).rstrip("/")
        place = begun(client, len(LARGE))
        with begin_part(address, place, 0, LARGE[:70_000], len(LARGE)):
            time.sleep(0.3)
            assert client.head(place, headers=TUS).status_code == 200
        with begin_part(address, place, 70_000, LARGE[70_000:80_000], len(LARGE) - 70_000):
            time.sleep(0.3)
        world.wait_for_event("upload.interrupted")
        stands = int(client.head(place, headers=TUS).headers["upload-offset"])
        assert send(client, place, stands, LARGE[stands:]).status_code == 204
        assert client.delete(begun(client, 1000), headers=TUS).status_code == 204
        assert client.delete(f"/api/reports/{task_of(begun(client, 1000))}").status_code == 204


@drives("upload.expired")
def an_upload_that_nobody_goes_on_with(world: World) -> None:
    world.patch.setattr(housekeeping, "PERIOD_S", 0.1)
    with world.service() as client:
        place = begun(client, 1000)
        world.make_old()
        wait_for(client, task_of(place), "expired")


@drives(
    "upload.refused.bad_header",
    "upload.refused.bad_method",
    "upload.refused.unsupported_version",
    "upload.refused.unsupported_media",
    "upload.refused.wrong_checksum",
    "upload.refused.unknown",
    "upload.refused.gone",
    "upload.refused.wrong_offset",
    "upload.refused.wrong_length",
)
def parts_that_do_not_fit(world: World) -> None:
    with world.service() as client:
        place, gone = begun(client, 1000), begun(client, 1000)
        client.delete(gone, headers=TUS)
        refused = [
            client.post("/api/uploads", headers={**TUS, "Upload-Length": "many"}),
            client.post(place, headers=TUS),
            client.patch(place, headers={**PART, "Tus-Resumable": "0.2.2"}),
            client.patch(place, content=b"x", headers={**TUS, "Upload-Offset": "0"}),
            send(client, place, 0, b"x", **checksum(b"y")),
            send(client, f"/api/uploads/{UNKNOWN}", 0, b"x"),
            send(client, gone, 0, b"x"),
            send(client, place, 10, b"x"),
            send(client, place, 0, bytes(2000)),
        ]
    assert {answer.status_code for answer in refused} == {400, 404, 405, 409, 410, 412, 415, 460}


@drives("upload.refused.busy")
def two_who_send_the_same(world: World) -> None:
    world.patch.setattr(resumable, "_TURN_S", 0.0)
    with world.service() as client:
        place = begun(client, len(LARGE))
        with begin_part(str(client.base_url).rstrip("/"), place, 0, LARGE[:70_000], len(LARGE)):
            time.sleep(0.3)
            assert send(client, place, 0, LARGE).status_code == 423


@drives(
    "upload.refused.bad_form",
    "upload.refused.interrupted",
    "upload.refused.stalled",
    "upload.refused.too_large",
    "upload.refused.not_a_capture",
)
def forms_that_are_refused(world: World) -> None:
    world.patch.setattr(body, "IDLE_S", 0.5)
    with world.service() as client:
        assert client.post("/api/upload", content=b"x").status_code == 400
        assert client.post("/api/upload", files={"file": ("a", b"hello")}).status_code == 415
        assert begin(client, 3 * MIB).status_code == 413
        with unfinished_form(client) as connection:
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 408 ")
        unfinished_form(client).close()
        world.wait_for_event("upload.refused.interrupted")


def unfinished_form(client: httpx.Client):  # type: ignore[no-untyped-def]
    from tests.audit.access_drivers import to

    connection = to(client)
    head = f"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}\r\n"
    connection.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + form(capture())[:200])
    return connection


@drives("upload.refused.queue_full", "upload.refused.disk_full", "analysis.refused.queue_full")
def no_room(world: World) -> None:
    with world.service(MAX_QUEUE_SIZE="1") as client:
        failed = give(client, ordering("fail"))
        wait_for(client, failed, "failed")
        wait_for(client, give(client, ordering("wait")), "running")
        give(client, ordering("wait"))
        assert client.post("/api/upload", files={"file": ("a", capture())}).status_code == 429
        assert client.post(f"/api/analyses/{failed}/retry").status_code == 429
    world.patch.setattr("pcap_analyzer.adapters.files.FileBlobs.free_bytes", lambda _: 1000)
    with world.service() as client:
        assert client.post("/api/upload", files={"file": ("a", capture())}).status_code == 507
