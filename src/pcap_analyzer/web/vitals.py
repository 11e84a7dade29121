"""What health is judged by: one look at store and disk for all who ask at that moment, and never a long wait.

A probe must be answered while every thread writes an upload, and many probes at once must not become many queries.
"""

import logging
import time

from anyio import CapacityLimiter, Lock, move_on_after
from anyio.to_thread import run_sync
from msgspec import Struct

from pcap_analyzer.audit import AuditLog
from pcap_analyzer.jobs.model import Queue
from pcap_analyzer.jobs.service import AnalysisService

log = logging.getLogger(__name__)

# A store that takes longer does not answer.
PATIENCE_S = 2.0
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
        self._turn = Lock()
        # A thread of its own: the others may all be writing uploads.
        self._thread = CapacityLimiter(1)
        self._looked_at = float("-inf")
        self._found = Found()
        self._was_able = True

    async def look(self) -> Found:
        """What was found after this was called."""
        came = time.monotonic()
        async with self._turn:
            if self._looked_at <= came:
                self._looked_at = time.monotonic()
                self._found = Found()
                with move_on_after(PATIENCE_S):
                    self._found = await run_sync(self._ask, abandon_on_cancel=True, limiter=self._thread)
                self._note()
        return self._found

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
