"""A store that tells what it did: whatever becomes of an analysis passes it, so nothing can happen untold."""

from collections.abc import Collection
from datetime import datetime

from pcap_analyzer.analysis.model import FirstResults
from pcap_analyzer.jobs.events import Event, Listener
from pcap_analyzer.jobs.model import Analysis, Failed, Lease, Page, Progress, Received, State, Succeeded, Transition
from pcap_analyzer.jobs.ports import Store


class ObservedStore:
    """`store`, and `tell` called after what has changed."""

    def __init__(self, store: Store, tell: Listener) -> None:
        self._store = store
        self._tell = tell

    def receive(self, analysis: Analysis) -> None:
        """See Store."""
        self._store.receive(analysis)
        self._tell(Event("upload.begun", analysis.id, analysis))

    def record_received(self, analysis_id: str, received: Received) -> bool:
        """See Store."""
        return self._store.record_received(analysis_id, received)

    def block_digests(self, analysis_id: str) -> bytes:
        """See Store."""
        return self._store.block_digests(analysis_id)

    def complete(self, analysis_id: str, content_hash: str, size_bytes: int, now: datetime) -> State | None:
        """See Store."""
        became = self._store.complete(analysis_id, content_hash, size_bytes, now)
        if became is not None:
            analysis = self._store.get(analysis_id)
            self._tell(Event("upload.finished", analysis_id, analysis, size_bytes=size_bytes))
            if became is State.RUNNING:
                self._tell(Event("analysis.started", analysis_id, analysis))
            elif became is State.SUCCEEDED:
                self._tell(Event("analysis.duplicate", analysis_id, analysis))
        return became

    def get(self, analysis_id: str) -> Analysis | None:
        """See Store."""
        return self._store.get(analysis_id)

    def page(self, limit: int, offset: int, state: State | None = None) -> Page:
        """See Store."""
        return self._store.page(limit, offset, state)

    def count(self, state: State) -> int:
        """See Store."""
        return self._store.count(state)

    def claim(self, now: datetime, lease: Lease) -> Analysis | None:
        """See Store."""
        analysis = self._store.claim(now, lease)
        if analysis is not None:
            self._tell(Event("analysis.started", analysis.id, analysis))
        return analysis

    def follow(self, now: datetime, lease: Lease, besides: Collection[str]) -> Analysis | None:
        """See Store."""
        analysis = self._store.follow(now, lease, besides)
        if analysis is not None:
            self._tell(Event("analysis.followed", analysis.id, analysis))
        return analysis

    def release(self, analysis_id: str, worker: str) -> bool:
        """See Store."""
        return self._store.release(analysis_id, worker)

    def first_results(self, analysis_id: str) -> FirstResults | None:
        """See Store."""
        return self._store.first_results(analysis_id)

    def renew(self, analysis_ids: Collection[str], lease: Lease) -> set[str]:
        """See Store."""
        return self._store.renew(analysis_ids, lease)

    def record_progress(self, analysis_id: str, worker: str, progress: Progress) -> bool:
        """See Store."""
        return self._store.record_progress(analysis_id, worker, progress)

    def finish(self, analysis_id: str, worker: str, outcome: Succeeded | Failed, now: datetime) -> bool:
        """See Store."""
        ended = self._store.finish(analysis_id, worker, outcome, now)
        if ended:
            failed = isinstance(outcome, Failed)
            reason = outcome.reason if isinstance(outcome, Failed) else None
            kind = "analysis.failed" if failed else "analysis.succeeded"
            cause = outcome.cause if isinstance(outcome, Failed) else None
            self._tell(Event(kind, analysis_id, self._store.get(analysis_id), reason, cause))
        return ended

    def requeue(self, analysis_id: str, worker: str, reason: str, now: datetime) -> bool:
        """See Store."""
        queued = self._store.requeue(analysis_id, worker, reason, now)
        if queued:
            self._tell(Event("analysis.requeued", analysis_id, reason=reason, cause="killed"))
        return queued

    def holders(self) -> set[str]:
        """See Store."""
        return self._store.holders()

    def requeue_of(self, workers: Collection[str], now: datetime, reason: str) -> list[str]:
        """See Store."""
        return self._told(self._store.requeue_of(workers, now, reason), reason, "restarted")

    def requeue_lapsed(self, now: datetime, reason: str) -> list[str]:
        """See Store."""
        return self._told(self._store.requeue_lapsed(now, reason), reason, "lease_lost")

    def retry(self, analysis_id: str, max_queued: int, now: datetime) -> bool:
        """See Store."""
        queued = self._store.retry(analysis_id, max_queued, now)
        if queued:
            self._tell(Event("analysis.retried", analysis_id))
        return queued

    def end(self, analysis_id: str, state: State, reason: str, now: datetime) -> bool:
        """See Store."""
        ended = self._store.end(analysis_id, state, reason, now)
        if ended:
            # What it was before: of an upload that never became whole, no analysis can be ended.
            before = self._store.transitions(analysis_id)[-1:]
            subject = "upload" if [change.before for change in before] == [State.RECEIVING] else "analysis"
            self._tell(Event(f"{subject}.{state}", analysis_id, reason=reason))
        return ended

    def remove(self, analysis_id: str, now: datetime) -> bool:
        """See Store."""
        before = self._store.get(analysis_id)
        removed = self._store.remove(analysis_id, now)
        if removed:
            subject = "upload" if before is not None and before.state is State.RECEIVING else "analysis"
            self._tell(Event(f"{subject}.removed", analysis_id))
        return removed

    def receiving(self) -> list[Analysis]:
        """See Store."""
        return self._store.receiving()

    def lapsed(self, now: datetime, ended_before: datetime) -> list[Analysis]:
        """See Store."""
        return self._store.lapsed(now, ended_before)

    def ended_since(self, moment: datetime) -> list[Analysis]:
        """See Store."""
        return self._store.ended_since(moment)

    def transitions(self, analysis_id: str) -> list[Transition]:
        """See Store."""
        return self._store.transitions(analysis_id)

    def close(self) -> None:
        """See Store."""
        self._store.close()

    def _told(self, again: list[str], reason: str, cause: str) -> list[str]:
        for analysis_id in again:
            self._tell(Event("analysis.requeued", analysis_id, reason=reason, cause=cause))
        return again
