"""Whether the service is alive and can take work; public, and so says nothing of what is analysed."""

import logging
import time
from typing import Literal

from litestar import Response, get
from litestar.params import FromQuery
from msgspec import Struct

from pcap_analyzer import __version__
from pcap_analyzer.jobs.model import Queue
from pcap_analyzer.jobs.service import AnalysisService
from pcap_analyzer.web.injected import Service

log = logging.getLogger(__name__)

# Below the first, captures of an ordinary size are about to be refused; below the second, not even results fit.
_LITTLE_DISK_BYTES = 1 << 30
_NO_DISK_BYTES = 16 << 20
_started = time.monotonic()


Probe = Literal["liveness", "readiness"]
State = Literal["healthy", "degraded", "unhealthy"]


class Health(Struct, frozen=True):
    """degraded: the queue is full or the disk nearly so.  unhealthy: the store does not answer or the disk is full."""

    status: State
    version: str
    uptime_seconds: float
    active_analyses: int | None
    queue_size: int | None
    max_queue_size: int
    workers: int
    disk_space_gb: float | None


@get("/api/health", sync_to_thread=True)
def health(service: Service, probe: FromQuery[Probe | None] = None) -> Response[Health]:
    """State of the service. A liveness probe needs no more than an answer; readiness is 503 when unhealthy."""
    queue, free_bytes = _look(service)
    state = _judge(queue, free_bytes)
    told = Health(
        status=state,
        version=__version__,
        uptime_seconds=round(time.monotonic() - _started, 1),
        active_analyses=queue.running if queue else None,
        queue_size=queue.queued if queue else None,
        max_queue_size=service.limits.max_queued,
        workers=service.limits.workers,
        disk_space_gb=None if free_bytes is None else round(free_bytes / 1e9, 1),
    )
    return Response(told, status_code=503 if probe == "readiness" and state == "unhealthy" else 200)


def _look(service: AnalysisService) -> tuple[Queue | None, int | None]:
    try:
        return service.queue(), service.free_bytes()
    except Exception:
        # Whatever the store or the disk raises is the very thing to be told.
        log.exception("the store or the disk does not answer")
        return None, None


def _judge(queue: Queue | None, free_bytes: int | None) -> State:
    if queue is None or free_bytes is None or free_bytes < _NO_DISK_BYTES:
        return "unhealthy"
    full = queue.queued >= queue.max_queued
    return "degraded" if full or free_bytes < _LITTLE_DISK_BYTES else "healthy"
