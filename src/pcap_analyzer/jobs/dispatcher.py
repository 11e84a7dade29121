"""Keeps as many workers busy as there may be: claims queued analyses, runs them, keeps what comes of them.

A claim is a lease: `renew`, called again and again, says that this dispatcher lives. Whoever does not say so any more
loses its analyses to others, and what it says of them later is not heard.
"""

import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from math import inf

from pcap_analyzer.export import EXPORTERS
from pcap_analyzer.jobs.disk import is_full
from pcap_analyzer.jobs.events import Event, Listener
from pcap_analyzer.jobs.model import (
    DISK_FULL,
    Analysis,
    Cause,
    Failed,
    Killed,
    Lease,
    Outcome,
    Progress,
    State,
    Stopped,
    Succeeded,
    Task,
)
from pcap_analyzer.jobs.ports import Blobs, Runner, Store
from pcap_analyzer.jobs.service import utc_now

log = logging.getLogger(__name__)

# Only a fallback: `wake` ends the wait as soon as an analysis is queued. Also until the store is asked again after it
# could not answer.
_IDLE_S = 5.0
# Several renewals fit into it, so that one the disk was too busy for costs nothing.
LEASE = timedelta(seconds=60)
# A worker that is killed so often is killed for its capture's sake: it would take the memory of everybody else again.
MAX_ATTEMPTS = 3


class Dispatcher:
    """`workers` threads, each of which waits for one worker process at a time.

    warn_ratio: a capture that grows more than so many times when decompressed is noted in the log.  afterwards: called
    with an analysis that succeeded, in its place among the workers: what it does delays no report, only the next run.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        runner: Runner,
        workers: int,
        clock: Callable[[], datetime] = utc_now,
        *,
        warn_ratio: float = inf,
        tell: Listener = lambda _: None,
        afterwards: Callable[[Analysis], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._runner = runner
        self._clock = clock
        self._warn_ratio = warn_ratio
        self._tell_others = tell
        self._afterwards = afterwards
        self._name = secrets.token_hex(8)
        self._held: set[str] = set()
        self._queued = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._serve, name=f"analysis-{n}") for n in range(workers)]

    def start(self) -> None:
        """Begin to claim."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """An analysis waits."""
        with self._queued:
            self._queued.notify()

    def drop(self, analysis_id: str) -> None:
        """End the run of an analysis that nobody wants any more."""
        self._runner.end(analysis_id)

    def renew(self) -> None:
        """Hold what runs here for another while; end what is no longer ours, because it was cancelled or is lost."""
        with self._queued:
            held = set(self._held)
        for lost in held - self._store.renew(held, self._lease()):
            self._runner.end(lost)

    def stop(self) -> None:
        """End the workers; what they were at stays claimed, and the next start queues it again."""
        with self._queued:
            self._stopping = True
            self._queued.notify_all()
        self._runner.stop()
        for thread in self._threads:
            thread.join()

    def _lease(self) -> Lease:
        return Lease(self._name, self._clock() + LEASE)

    def _serve(self) -> None:
        while (analysis := self._next()) is not None:
            # One analysis must not take its thread along: with it would go every later one.
            try:
                outcome = self._run(analysis)
            except Exception as error:
                outcome = _failure(analysis, error)
            if not isinstance(outcome, Stopped):
                self._keep(analysis, outcome)
            with self._queued:
                self._held.discard(analysis.id)
            if isinstance(outcome, Succeeded):
                self._do_afterwards(analysis)

    def _do_afterwards(self, analysis: Analysis) -> None:
        now = self._store.get(analysis.id)
        if now is not None and now.state is State.SUCCEEDED:
            self._afterwards(now)

    def _next(self) -> Analysis | None:
        with self._queued:
            while not self._stopping:
                try:
                    analysis = self._store.claim(self._clock(), self._lease())
                except Exception as error:
                    _complain("the store cannot give out an analysis", error)
                else:
                    if analysis is not None:
                        self._held.add(analysis.id)
                        return analysis
                self._queued.wait(_IDLE_S)
        return None

    def _run(self, analysis: Analysis) -> Outcome:
        with ExitStack() as undo:
            artifacts = {kind: self._blobs.create(analysis.artifact(kind)) for kind in EXPORTERS}
            for artifact in artifacts.values():
                undo.callback(artifact.discard)
            task = Task(
                capture=self._blobs.path(analysis.upload),
                filename=analysis.filename,
                artifacts={kind: artifact.path for kind, artifact in artifacts.items()},
                name=analysis.id,
            )
            outcome = self._runner.run(task, lambda progress: self._tell(analysis, progress))
            if isinstance(outcome, Succeeded):
                # Whoever took it over writes the same artifacts, with a nonce of its own.
                if not self._store.renew({analysis.id}, self._lease()):
                    return Stopped()
                for artifact in artifacts.values():
                    artifact.commit()
                if outcome.ratio > self._warn_ratio:
                    log.warning(
                        "analysis %s: its capture grew %.0f times when decompressed", analysis.id, outcome.ratio
                    )
                    self._tell_others(Event("analysis.ratio_warned", analysis.id))
        return outcome

    def _tell(self, analysis: Analysis, progress: Progress) -> None:
        try:
            if not self._store.record_progress(analysis.id, self._name, progress):
                self._runner.end(analysis.id)
        except OSError as error:
            # Only news: the analysis itself may still fit.
            if not is_full(error):
                raise

    def _keep(self, analysis: Analysis, outcome: Succeeded | Failed | Killed) -> None:
        """Store the outcome, trying until the store can; after a stop, the next start runs the analysis again."""
        while True:
            try:
                self._finish(analysis, outcome)
            except Exception as error:
                _complain(f"the store cannot keep how analysis {analysis.id} ended", error)
            else:
                return
            with self._queued:
                if self._stopping:
                    return
                self._queued.wait(_IDLE_S)

    def _finish(self, analysis: Analysis, outcome: Succeeded | Failed | Killed) -> None:
        if isinstance(outcome, Killed):
            if analysis.attempts < MAX_ATTEMPTS:
                log.warning("analysis %s runs again: %s", analysis.id, outcome.reason)
                self._store.requeue(analysis.id, self._name, outcome.reason, self._clock())
                return
            outcome = Failed(outcome.reason, Cause.KILLED)
        if not self._store.finish(analysis.id, self._name, outcome, self._clock()):
            self._undo(analysis)
        elif isinstance(outcome, Failed):
            log.warning("analysis %s failed: %s", analysis.id, ascii(outcome.reason))
        else:
            log.info("analysis %s succeeded", analysis.id)

    def _undo(self, analysis: Analysis) -> None:
        """It was cancelled or removed in the last moment: without artifacts."""
        now = self._store.get(analysis.id)
        if now is None or now.state is State.CANCELLED:
            for kind in EXPORTERS:
                self._blobs.delete(analysis.artifact(kind))
            log.info("analysis %s was ended before it was done", analysis.id)


def _failure(analysis: Analysis, error: Exception) -> Failed:
    if isinstance(error, OSError) and is_full(error):
        return DISK_FULL
    log.error("analysis %s", analysis.id, exc_info=error)
    return Failed("the service could not run the analysis; its log says why")


def _complain(what: str, error: Exception) -> None:
    if isinstance(error, OSError) and is_full(error):
        log.error("%s: the disk is full", what)
    else:
        log.error("%s", what, exc_info=error)
