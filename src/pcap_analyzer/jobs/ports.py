"""What the jobs need from outside. The docstrings are the contract; `tests/contract/` holds every adapter to it."""

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pcap_analyzer.analysis.model import FirstResults
from pcap_analyzer.jobs.model import (
    Analysis,
    Arrived,
    Failed,
    Lease,
    Outcome,
    Page,
    Progress,
    Received,
    State,
    Succeeded,
    Task,
    Transition,
)


class Store(Protocol):
    """The analyses. Every method is atomic, safe to call from several threads, and durable once it has returned.

    Each raises OSError with ENOSPC when the disk is full, and then nothing has changed.
    """

    def receive(self, analysis: Analysis) -> None:
        """Keep an analysis whose upload is receiving; it takes no place in the queue."""

    def record_received(self, analysis_id: str, received: Received) -> bool:
        """Keep how much of a receiving upload has come; False, and of no effect, on any other."""

    def block_digests(self, analysis_id: str) -> bytes:
        """What was last recorded as received.block_digests; empty when nothing was."""

    def complete(self, analysis_id: str, content_hash: str, size_bytes: int, now: datetime) -> State | None:
        """An upload that was receiving is whole; the state it is in now. None, and of no effect, on any other.

        RUNNING where a worker follows it, else QUEUED. SUCCEEDED where an analysis of so many bytes with this hash has
        succeeded: it is a duplicate of that one.
        """

    def get(self, analysis_id: str) -> Analysis | None:
        """The analysis as it is now; None when there is none."""

    def page(self, limit: int, offset: int, state: State | None = None) -> Page:
        """Analyses, newest first, of one state or of all; `total` counts those beyond the page too."""

    def count(self, state: State) -> int:
        """How many analyses are in `state`."""

    def claim(self, now: datetime, lease: Lease) -> Analysis | None:
        """Take the oldest queued analysis: it is running from `now`. None when none is queued. Nobody gets it twice."""

    def follow(self, now: datetime, lease: Lease, besides: Collection[str]) -> Analysis | None:
        """Take the oldest receiving upload of which something is kept, but none of `besides`; it stays receiving.

        None when there is none that nobody follows.
        """

    def release(self, analysis_id: str, worker: str) -> bool:
        """Give back a receiving upload, without progress; False, and of no effect, unless `worker` follows it."""

    def renew(self, analysis_ids: Collection[str], lease: Lease) -> set[str]:
        """Hold what is running or followed until lease.until; those of it that are still lease.worker's."""

    def record_progress(self, analysis_id: str, worker: str, progress: Progress) -> bool:
        """Keep how far a running or following analysis has come; False, and of no effect, when it is not `worker`'s."""

    def first_results(self, analysis_id: str) -> FirstResults | None:
        """What progress.first_results said last; None when nothing was said, or it begins again."""

    def finish(self, analysis_id: str, worker: str, outcome: Succeeded | Failed, now: datetime) -> bool:
        """End a running analysis; False, and of no effect, when it is not `worker`'s."""

    def requeue(self, analysis_id: str, worker: str, reason: str, now: datetime) -> bool:
        """Queue a running analysis of `worker` again, without progress, in its old place; False as for finish."""

    def holders(self) -> set[str]:
        """Whoever holds what is running or followed, by the name in the lease."""

    def requeue_of(self, workers: Collection[str], now: datetime, reason: str) -> list[str]:
        """Requeue all that one of `workers` runs, release what it follows; which was requeued."""

    def requeue_lapsed(self, now: datetime, reason: str) -> list[str]:
        """The same for whatever is held by nobody, or by a lease that ended before `now`."""

    def retry(self, analysis_id: str, max_queued: int, now: datetime) -> bool:
        """Queue a failed or cancelled analysis of a whole upload as if it were new; False when it cannot be."""

    def end(self, analysis_id: str, state: State, reason: str, now: datetime) -> bool:
        """Make it cancelled or expired, from any state that `state` may follow; False, and of no effect, otherwise.

        Its duplicates expire with it.
        """

    def remove(self, analysis_id: str, now: datetime) -> bool:
        """Forget it; False when there is none. Its duplicates expire."""

    def receiving(self) -> list[Analysis]:
        """Every analysis whose upload is receiving."""

    def lapsed(self, now: datetime, ended_before: datetime) -> list[Analysis]:
        """What shall expire: uploads with expires_at before `now`, and what ended before `ended_before`.

        Not yet, where a duplicate of it ended later.
        """

    def ended_since(self, moment: datetime) -> list[Analysis]:
        """What succeeded or failed at `moment` or later and was run for that, not found to be known."""

    def transitions(self, analysis_id: str) -> list[Transition]:
        """Every change of its state, oldest first."""

    def close(self) -> None:
        """Give back connections; nothing is called afterwards."""


class NewBlob(Protocol):
    """A blob being written. Until `commit` nothing is seen under its name; an old blob of that name stays."""

    path: Path
    """An empty file that anyone may fill."""

    def commit(self) -> None:
        """Make it the blob of its name, durably and at once. Raises OSError, and then nothing has changed."""

    def discard(self) -> None:
        """Forget it; of no effect after `commit`."""


class Peers(Protocol):
    """The processes that run analyses of one store, this one among them."""

    name: str
    """This one's, by which it holds leases."""

    def alive(self, name: str) -> bool:
        """Whether the process of that name may still run; False only where it has ended for certain."""

    def workers(self) -> int:
        """How many analyses all of them together run at a time."""


class Blobs(Protocol):
    """Uploaded captures and artifacts by name, such as "reports/ID.html"."""

    def create(self, name: str) -> NewBlob:
        """Begin a blob. Raises OSError when the disk refuses."""

    def resume(self, name: str) -> NewBlob:
        """Begin a blob, or go on with the one that was resumed last and neither committed nor discarded.

        Its bytes outlive this process: `sweep` spares them. One writer at a time.
        """

    def places(self, name: str) -> tuple[Path, Path]:
        """Where the bytes are of a blob that `resume` began, and where once it is committed: one of both exists."""

    def names(self, folder: str) -> list[str]:
        """The blobs whose name begins with "folder/", and those begun by `resume` there."""

    def path(self, name: str) -> Path:
        """A local file with the blob's bytes. Raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Remove a blob, and one begun by `resume`; of no effect when there is none."""

    def free_bytes(self) -> int:
        """How many bytes can still be stored."""

    def sweep(self) -> None:
        """Remove what processes that have ended began by `create` and never committed."""


class Runner(Protocol):
    """Runs analyses apart from this process."""

    def run(
        self,
        task: Task,
        on_progress: Callable[[Progress], None],
        arrived: Callable[[], Arrived | None] | None = None,
    ) -> Outcome:
        """Analyse a capture; block until it has ended.

        arrived: of a task with `arriving`, how far the capture has come; asked many times a second, from another
        thread, until it is whole. None: nobody wants it any more, which ends the run with Stopped.
        Whatever the capture does to the worker (crash, endless loop, all memory) comes back as Failed. Only errors of
        the caller are raised. Safe to call from several threads.
        """

    def end(self, name: str) -> None:
        """End the run of the task of that name with Stopped; of no effect when there is none. From any thread."""

    def stop(self) -> None:
        """End every run, now and later, with Stopped. Safe to call from any thread."""
