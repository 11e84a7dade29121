"""Whether the service is alive and can take work; public, and so says nothing of what is analysed."""

import time
from typing import Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation
from msgspec import Struct

from pcap_analyzer import __version__
from pcap_analyzer.web.injected import Service
from pcap_analyzer.web.vitals import Found, Vitals

# Below this, captures of an ordinary size are about to be refused.
_LITTLE_DISK_BYTES = 1 << 30
_started = time.monotonic()


TheVitals = NamedDependency[SkipValidation[Vitals]]
Probe = Literal["liveness", "readiness"]
State = Literal["healthy", "degraded", "unhealthy"]


class Health(Struct, frozen=True):
    """degraded: the queue is full, the disk nearly so, or nobody is there to analyse.

    unhealthy: the store does not answer or the disk is full.
    """

    status: State
    version: str
    uptime_seconds: float
    active_analyses: int | None
    queue_size: int | None
    max_queue_size: int
    workers: int | None
    disk_space_gb: float | None


@get("/api/health")
async def health(service: Service, vitals: TheVitals, probe: FromQuery[Probe | None] = None) -> Response[Health]:
    """State of the service. A liveness probe needs no more than an answer; readiness is 503 when unhealthy."""
    found = await vitals.look()
    queue, free_bytes, state = found.queue, found.free_bytes, _judge(found)
    told = Health(
        status=state,
        version=__version__,
        uptime_seconds=round(time.monotonic() - _started, 1),
        active_analyses=queue.running if queue else None,
        queue_size=queue.queued if queue else None,
        max_queue_size=service.limits.max_queued,
        workers=queue.workers if queue else None,
        disk_space_gb=None if free_bytes is None else round(free_bytes / 1e9, 1),
    )
    return Response(told, status_code=503 if probe == "readiness" and state == "unhealthy" else 200)


def _judge(found: Found) -> State:
    if not found.able or found.queue is None or found.free_bytes is None:
        return "unhealthy"
    full = found.queue.queued >= found.queue.max_queued or not found.queue.workers
    return "degraded" if full or found.free_bytes < _LITTLE_DISK_BYTES else "healthy"
