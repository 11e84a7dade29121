"""What becomes of analyses, and who reads their reports."""

import gzip
import os
import signal
import sys
from datetime import timedelta

import httpx

from pcap_analyzer.adapters.process import WORKER
from pcap_analyzer.jobs import dispatcher, heartbeat, housekeeping
from pcap_analyzer.web import reading
from tests.audit.drivers import UNKNOWN, World, drives
from tests.jobs.captures import capture, ordering
from tests.web.server import give, serving, wait_for
from tests.web.test_resumable import begun, send, task_of
from tests.web.test_serve import process
from tests.web.test_worker import working


@drives(
    "analysis.started",
    "analysis.succeeded",
    "analysis.ratio_warned",
    "analysis.retried",
    "analysis.cancelled",
    "analysis.deleted",
    "report.viewed.html",
    "report.viewed.json",
    "report.downloaded.html",
    "report.downloaded.json",
    "analysis.refused.unknown",
    "analysis.refused.not_possible",
    "analysis.refused.no_report",
)
def a_life_of_analyses(world: World) -> None:
    with world.service() as client:
        task = give(client, ordering("compressed"))
        wait_for(client, task, "succeeded")
        for kind in ("html", "json"):
            for query in ("", "?download=true"):
                assert client.get(f"/api/reports/{task}/{kind}{query}").status_code == 200
        assert client.post(f"/api/analyses/{task}/cancel").status_code == 409
        waiting = give(client, ordering("wait"))
        assert client.get(f"/api/reports/{waiting}/json").status_code == 409
        assert client.post(f"/api/analyses/{waiting}/cancel").status_code == 200
        assert client.post(f"/api/analyses/{waiting}/retry").status_code == 202
        for one in (waiting, task):
            assert client.delete(f"/api/reports/{one}").status_code == 204
        assert client.get(f"/api/status/{UNKNOWN}").status_code == 404


@drives(
    "table.exported.csv",
    "table.exported.jsonl",
    "table.exported.parquet",
    "table.exported.arrow",
    "flow.viewed",
    "flow.downloaded",
)
def tables_that_are_taken_away(world: World) -> None:
    with serving(world.folder, WORKER, WORKERS="1") as address, httpx.Client(base_url=address, timeout=60) as client:
        task = give(client, capture(3))
        wait_for(client, task, "succeeded", seconds=60)
        for form in ("csv", "jsonl", "parquet", "arrow"):
            assert client.get(f"/api/analyses/{task}/tables/flows.{form}").status_code == 200
        for what in ("", "/capture.pcapng"):
            assert client.get(f"/api/analyses/{task}/flows/0{what}").status_code == 200


@drives("table.refused.unknown", "table.refused.bad_query", "flow.refused.unknown", "limit.readings")
def tables_that_cannot_be_asked_so(world: World) -> None:
    with serving(world.folder, WORKER, WORKERS="1") as address, httpx.Client(base_url=address, timeout=60) as client:
        task = give(client, capture(3))
        wait_for(client, task, "succeeded", seconds=60)
        for path, status in (("tables/nothing", 404), ("tables/flows?sort=nothing", 400), ("flows/9", 404)):
            assert client.get(f"/api/analyses/{task}/{path}").status_code == status, path
        world.patch.setattr(reading, "MAX_DOWNLOADS", 0)
        assert client.get(f"/api/analyses/{task}/tables/flows.csv").status_code == 429


@drives("table.refused.not_takeable", "table.refused.not_ready")
def tables_that_are_not_there(world: World) -> None:
    sleeps = (sys.executable, "-c", "import time; time.sleep(60)")
    for extractor, patience_s in ((("true",), 20.0), (sleeps, 0.1)):
        world.patch.setattr(reading.made, "__defaults__", (patience_s,))
        world.patch.setattr(reading.tables_of, "__defaults__", (patience_s,))
        with (
            serving(world.folder, extractor=extractor, WORKERS="1") as address,
            httpx.Client(base_url=address, timeout=30) as client,
        ):
            task = give(client, ordering(f"succeed {patience_s}"))
            wait_for(client, task, "succeeded")
            assert client.get(f"/api/analyses/{task}/tables/flows").status_code == 409


@drives("analysis.followed", "analysis.duplicate")
def a_capture_that_comes_twice(world: World) -> None:
    data = capture(30)
    with world.service() as client:
        for _ in range(2):
            place = begun(client, len(data))
            assert send(client, place, 0, data[:100]).status_code == 204
            world.wait_for_event("analysis.followed")
            assert send(client, place, 100, data[100:]).status_code == 204
            wait_for(client, task_of(place), "succeeded")


@drives("analysis.expired", "analysis.refused.expired")
def results_that_are_old(world: World) -> None:
    world.patch.setattr(housekeeping, "PERIOD_S", 0.1)
    with world.service() as client:
        task = give(client, capture())
        wait_for(client, task, "succeeded")
        world.make_old()
        wait_for(client, task, "expired")
        assert client.get(f"/api/reports/{task}/html").status_code == 410


@drives(
    "analysis.failed.unreadable",
    "analysis.failed.crashed",
    "analysis.failed.no_result",
    "analysis.failed.nonsense",
    "analysis.failed.internal",
    "analysis.failed.memory",
    "analysis.failed.time",
    "analysis.failed.killed",
    "analysis.requeued.killed",
)
def captures_that_break_their_worker(world: World) -> None:
    with world.service(WORKERS="2", ANALYSIS_MEMORY_MB="256", ANALYSIS_CPU_SECONDS="2") as client:
        behaviours = ("fail", "crash", "exit", "nonsense", "raise", "grow", "spin", "killed")
        for task in [give(client, ordering(behaviour)) for behaviour in behaviours]:
            wait_for(client, task, "failed", seconds=60)


@drives("analysis.failed.ratio")
def a_bomb(world: World) -> None:
    bomb = gzip.compress(capture(1) + bytes(64 << 20))
    settings = {"DECOMPRESSION_RATIO_MAX": "10", "MAX_UPLOAD_SIZE_MB": "2"}
    with serving(world.folder, WORKER, **settings) as address, httpx.Client(base_url=address, timeout=30) as client:
        wait_for(client, give(client, bomb), "failed")


@drives("analysis.failed.disk_full")
def a_disk_that_fills(world: World) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with world.service() as client:
        running = give(client, ordering("wait"))
        wait_for(client, running, "running")
        task = give(client, capture())
        world.patch.setattr("pcap_analyzer.adapters.files.FileBlobs.create", refuse)
        client.post(f"/api/analyses/{running}/cancel")
        wait_for(client, task, "failed")


@drives("analysis.requeued.restarted")
def a_service_that_was_killed(world: World) -> None:
    with process(world.folder) as (service, client):
        wait_for(client, give(client, ordering("wait")), "running")
        os.kill(service.pid, signal.SIGKILL)
        service.wait(20)
    with world.service():
        pass


@drives("worker.started", "worker.stopped")
def a_worker_beside_the_service(world: World) -> None:
    with world.service(WORKERS="0") as client, working(world.folder):
        wait_for(client, give(client, capture()), "succeeded")
    world.wait_for_event("worker.stopped")


@drives("analysis.requeued.lease_lost")
def a_lease_that_lapsed(world: World) -> None:
    world.patch.setattr(heartbeat, "PERIOD_S", 0.1)
    world.patch.setattr(dispatcher, "LEASE", timedelta(seconds=-1))
    with world.service() as client:
        give(client, ordering("wait"))
        world.wait_for_event("analysis.requeued.lease_lost")
