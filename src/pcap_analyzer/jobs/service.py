"""The use cases: admit an upload, tell how analyses stand, hand out reports."""

from collections.abc import Callable
from datetime import UTC, datetime
from gettext import ngettext
from pathlib import Path

from msgspec import Struct

from pcap_analyzer.analysis.model import FirstResults
from pcap_analyzer.jobs.disk import REPORT_BYTES
from pcap_analyzer.jobs.files import delete_files
from pcap_analyzer.jobs.model import Analysis, Page, Queue, State, Transition
from pcap_analyzer.jobs.ports import Blobs, Store
from pcap_analyzer.jobs.refusals import Expired, NoReport, NotPossible, QueueFull, UnknownAnalysis
from pcap_analyzer.jobs.upload import storage_full, too_large


class Limits(Struct, frozen=True):
    """How much the service takes on."""

    max_upload_bytes: int
    max_queued: int


def utc_now() -> datetime:
    """The time, aware of its zone."""
    return datetime.now(UTC)


class AnalysisService:
    """What the web may ask for.

    workers: how many analyses run at a time, whoever runs them.
    on_queued: called, from any thread, when an analysis waits.  on_ended: with the id of one that may still run and
    that nobody wants any more.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        limits: Limits,
        workers: Callable[[], int],
        on_queued: Callable[[], None],
        on_ended: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._workers = workers
        self._on_queued = on_queued
        self._on_ended = on_ended
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

    def get(self, analysis_id: str) -> Analysis:
        """Raises UnknownAnalysis."""
        analysis = self._store.get(analysis_id)
        if analysis is None:
            raise UnknownAnalysis(f"there is no analysis {analysis_id}; it may have been deleted")
        return analysis

    def results_of(self, analysis_id: str) -> Analysis:
        """The analysis whose results are shown for it: another one of a duplicate. Raises UnknownAnalysis."""
        analysis = self.get(analysis_id)
        return analysis if analysis.duplicate_of is None else self.get(analysis.duplicate_of)

    def first_results(self, analysis_id: str) -> FirstResults | None:
        """What is known of an analysis that is not done; None where nothing is."""
        return self._store.first_results(analysis_id)

    def transitions(self, analysis_id: str) -> list[Transition]:
        """Every change of its state, oldest first."""
        return self._store.transitions(analysis_id)

    def ended_since(self, moment: datetime) -> list[Analysis]:
        """What was run, here or by a worker process, and succeeded or failed at `moment` or later."""
        return self._store.ended_since(moment)

    def cancel(self, analysis_id: str) -> Analysis:
        """End it before it is done; an upload that still comes, too. Raises UnknownAnalysis, NotPossible."""
        analysis = self.get(analysis_id)
        if not self._store.end(analysis_id, State.CANCELLED, "cancelled on request", utc_now()):
            raise NotPossible(f"the analysis of {analysis.filename} has ended already: it is {analysis.state}")
        self._on_ended(analysis_id)
        if analysis.state is State.RECEIVING:
            self._blobs.delete(analysis.upload)
        return self.get(analysis_id)

    def retry(self, analysis_id: str) -> Analysis:
        """Run one again that failed or was cancelled. Raises UnknownAnalysis, NotPossible, QueueFull."""
        analysis = self.get(analysis_id)
        if analysis.state in {State.FAILED, State.CANCELLED} and not self._is_stored(analysis):
            raise NotPossible(f"{analysis.filename} is no longer stored, or did not come whole; upload it again")
        if not self._store.retry(analysis_id, self.limits.max_queued, utc_now()):
            if analysis.state not in {State.FAILED, State.CANCELLED}:
                raise NotPossible(
                    f"the analysis of {analysis.filename} is {analysis.state}; only one that failed or "
                    "was cancelled can run again"
                )
            raise self._queue_full()
        self._on_queued()
        return self.get(analysis_id)

    def delete(self, analysis_id: str) -> None:
        """Forget an analysis with its capture and its reports, whatever it is at. Raises UnknownAnalysis."""
        analysis = self.get(analysis_id)
        # First the row: what is left by a kill in between belongs to nothing, and the next start removes it.
        self._store.remove(analysis_id, utc_now())
        self._on_ended(analysis_id)
        delete_files(self._blobs, analysis)

    def history(self, limit: int, offset: int, state: State | None = None) -> Page:
        """Analyses, newest first."""
        return self._store.page(limit, offset, state)

    def queue(self) -> Queue:
        """How busy the service is."""
        return Queue(
            queued=self._store.count(State.QUEUED),
            running=self._store.count(State.RUNNING),
            max_queued=self.limits.max_queued,
            workers=self._workers(),
        )

    def free_bytes(self) -> int:
        """Room on the disk."""
        return self._blobs.free_bytes()

    def report(self, analysis: Analysis, kind: str) -> Path:
        """A file with the report as "html" or "json". Raises NoReport, Expired."""
        if analysis.state is State.EXPIRED:
            raise Expired(f"the report of {analysis.filename} has expired; upload the capture again")
        if analysis.state is not State.SUCCEEDED:
            stands = f"is {analysis.state}; come back later"
            if analysis.reason:
                stands = f"{'has failed' if analysis.state is State.FAILED else 'was ended'}: {analysis.reason}"
            raise NoReport(f"the analysis of {analysis.filename} {stands}")
        try:
            return self._blobs.path(analysis.artifact(kind))
        except FileNotFoundError:
            raise NoReport(f"the report of {analysis.filename} is no longer stored; upload the capture again") from None

    def _is_stored(self, analysis: Analysis) -> bool:
        try:
            self._blobs.path(analysis.upload)
        except FileNotFoundError:
            return False
        return analysis.received_bytes == analysis.size_bytes

    def _queue_full(self) -> QueueFull:
        waiting = self.limits.max_queued
        return QueueFull(
            ngettext(
                "{0} analysis is waiting already; try again when it has ended",
                "{0} analyses are waiting already; try again when one has ended",
                waiting,
            ).format(waiting)
        )
