"""What health is judged by: a look at store and disk from time to time, for all who ask meanwhile; never a long wait.

A probe must be answered while every thread writes an upload, and many probes must not become many queries.
"""

import asyncio
import logging
import time

from anyio import CapacityLimiter, move_on_after
from anyio.to_thread import run_sync
from msgspec import Struct

from pcap_analyzer.audit import AuditLog
from pcap_analyzer.jobs.model import Queue
from pcap_analyzer.jobs.service import AnalysisService

log = logging.getLogger(__name__)

# A store that takes longer does not answer.
PATIENCE_S = 2.0
# Nobody waits for news of what was looked at so lately; what is older than the first is looked at again beside.
FRESH_S, STILL_GOOD_S = 0.25, 1.0
# Below this, not even results fit.
NO_DISK_BYTES = 16 << 20


class Found(Struct, frozen=True):
    """None: no answer. able: whether the service can take work."""

    queue: Queue | None = None
    free_bytes: int | None = None

    @property
    def able(self) -> bool:
        return self.queue is not None and self.free_bytes is not None and self.free_bytes >= NO_DISK_BYTES


class Vitals:
    """Of one service. A change between able and not is recorded."""

    def __init__(self, service: AnalysisService, audit: AuditLog) -> None:
        self._service = service
        self._audit = audit
        # A thread of its own: the others may all be writing uploads.
        self._thread = CapacityLimiter(1)
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self._found = Found()
        self._was_able = True

    async def look(self) -> Found:
        """What was found at most STILL_GOOD_S ago."""
        age_s = time.monotonic() - self._looked_at
        if age_s > FRESH_S and self._looking is None:
            self._looking = asyncio.create_task(self._look())
        if age_s > STILL_GOOD_S and self._looking is not None:
            # Whoever goes away meanwhile leaves it to the others.
            await asyncio.wait({self._looking})
        return self._found

    async def _look(self) -> None:
        began, found = time.monotonic(), Found()
        try:
            with move_on_after(PATIENCE_S):
                found = await run_sync(self._ask, abandon_on_cancel=True, limiter=self._thread)
        finally:
            self._looked_at, self._found, self._looking = began, found, None
        self._note()

    def _ask(self) -> Found:
        try:
            return Found(self._service.queue(), self._service.free_bytes())
        except Exception:
            # Whatever the store or the disk raises is the very thing to be told.
            log.exception("the store or the disk does not answer")
            return Found()

    def _note(self) -> None:
        if self._found.able is not self._was_able:
            self._was_able = self._found.able
            self._audit.record("service.healthy" if self._was_able else "service.unhealthy")
