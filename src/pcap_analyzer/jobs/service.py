"""The use cases: take an upload, tell how analyses stand, hand out reports."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from pcap_analyzer.jobs.disk import REPORT_BYTES
from pcap_analyzer.jobs.model import Analysis, Page, Queue, State
from pcap_analyzer.jobs.ports import Blobs, Store
from pcap_analyzer.jobs.refusals import NoReport, QueueFull, UnknownAnalysis
from pcap_analyzer.jobs.upload import Upload, display_name, full_disk_refused, storage_full, too_large


class Limits(Struct, frozen=True):
    """How much the service takes on."""

    max_upload_bytes: int
    max_queued: int
    workers: int


def utc_now() -> datetime:
    """The time, aware of its zone."""
    return datetime.now(UTC)


class AnalysisService:
    """What the web may ask for. `on_queued` is called, from any thread, when an analysis waits."""

    def __init__(self, store: Store, blobs: Blobs, limits: Limits, on_queued: Callable[[], None]) -> None:
        self._store = store
        self._blobs = blobs
        self._on_queued = on_queued
        self.limits = limits

    def admit(self, announced_bytes: int | None) -> None:
        """Raise UploadTooLarge, QueueFull or StorageFull when an upload of this size would be refused.

        Asked before the first byte comes, so that nobody sends gigabytes in vain. None: the sender did not say.
        """
        if announced_bytes is not None and announced_bytes > self.limits.max_upload_bytes:
            raise too_large(self.limits.max_upload_bytes)
        if self._store.count(State.QUEUED) >= self.limits.max_queued:
            raise self._queue_full()
        # Without room for its report, a capture would be stored in vain.
        if (announced_bytes or 1) + REPORT_BYTES > self._blobs.free_bytes():
            raise storage_full()

    def receive(self, filename: str) -> Upload:
        """Begin an upload; `enqueue` ends it. Raises StorageFull."""
        analysis = Analysis(id=str(uuid.uuid4()), filename=display_name(filename), size_bytes=0, created_at=utc_now())
        with full_disk_refused():
            return Upload(analysis, self._blobs.create(analysis.upload), self.limits.max_upload_bytes)

    def enqueue(self, upload: Upload) -> Analysis:
        """Make a whole upload a queued analysis. Raises NotACapture, QueueFull, StorageFull."""
        analysis = upload.finish()
        try:
            with full_disk_refused():
                if not self._store.add(analysis, self.limits.max_queued):
                    raise self._queue_full()
        except BaseException:
            self._blobs.delete(analysis.upload)
            raise
        self._on_queued()
        return analysis

    def get(self, analysis_id: str) -> Analysis:
        """Raises UnknownAnalysis."""
        analysis = self._store.get(analysis_id)
        if analysis is None:
            raise UnknownAnalysis(f"there is no analysis {analysis_id}; it may have been deleted")
        return analysis

    def history(self, limit: int, offset: int, state: State | None = None) -> Page:
        """Analyses, newest first."""
        return self._store.page(limit, offset, state)

    def queue(self) -> Queue:
        """How busy the service is."""
        return Queue(
            queued=self._store.count(State.QUEUED),
            running=self._store.count(State.RUNNING),
            max_queued=self.limits.max_queued,
            workers=self.limits.workers,
        )

    def free_bytes(self) -> int:
        """Room on the disk."""
        return self._blobs.free_bytes()

    def report(self, analysis: Analysis, kind: str) -> Path:
        """A file with the report as "html" or "json". Raises NoReport."""
        if analysis.state is not State.SUCCEEDED:
            stands = f"has failed: {analysis.reason}" if analysis.reason else f"is {analysis.state}; come back later"
            raise NoReport(f"the analysis of {analysis.filename} {stands}")
        try:
            return self._blobs.path(analysis.artifact(kind))
        except FileNotFoundError:
            raise NoReport(f"the report of {analysis.filename} is no longer stored; upload the capture again") from None

    def _queue_full(self) -> QueueFull:
        return QueueFull(f"{self.limits.max_queued} analyses are waiting already; try again when one has ended")
