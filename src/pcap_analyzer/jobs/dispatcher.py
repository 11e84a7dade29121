"""Keeps as many workers busy as there may be: claims queued analyses, runs them, keeps what comes of them.

A claim is a lease: `renew`, called again and again, says that this dispatcher lives. Whoever does not say so any more
loses its analyses to others, and what it says of them later is not heard.

Where nothing is queued, a worker follows an upload that still arrives, so that little is left to do when its last byte
has come. It gives way when an analysis waits and every worker is taken, and when no bytes come; nothing is lost by that
but its work, for a whole upload is queued in any case.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from pathlib import Path

from pcap_analyzer.export import EXPORTERS
from pcap_analyzer.jobs.disk import is_full
from pcap_analyzer.jobs.events import Event, Listener
from pcap_analyzer.jobs.model import (
    DISK_FULL,
    Analysis,
    Arrived,
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

# Only a fallback where `wake` ends the wait as soon as an analysis is queued. Also until the store is asked again after
# it could not answer.
IDLE_S = 5.0
# Several renewals fit into it, so that one the disk was too busy for costs nothing.
LEASE = timedelta(seconds=60)
# A worker that is killed so often is killed for its capture's sake: it would take the memory of everybody else again.
MAX_ATTEMPTS = 3
# An upload of which nothing came for so long is not waited for, until something comes.
STALLED_S = 30.0
# One that gave way is not followed again at once: it would do the same work over and over beside short analyses.
GAVE_WAY_S = 30.0
# A worker that has just ended takes the next analysis by itself.
_HANDOVER_S = 0.2


class Dispatcher:
    """`workers` threads, each of which waits for one worker process at a time. name: by which it holds leases.

    idle_s: how long it waits, unless woken, before it looks again for what to do.
    warn_ratio: a capture that grows more than so many times when decompressed is noted in the log.  afterwards: called
    with an analysis that succeeded, in its place among the workers: what it does delays no report, only the next run.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        runner: Runner,
        workers: int,
        name: str,
        clock: Callable[[], datetime] = utc_now,
        *,
        idle_s: float = IDLE_S,
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
        self._name = name
        self._idle_s = idle_s
        self._held: set[str] = set()
        self._queued = threading.Condition()
        self._idle = 0
        self._giving_way = 0
        # Uploads that are not to be followed, until when (time.monotonic), or until more has come than so many bytes.
        self._resting: dict[str, float] = {}
        self._stalled: dict[str, int] = {}
        # Nor those whose follower failed: when they are whole, it will be seen whether that was their fault.
        self._given_up: set[str] = set()
        self._draining = False
        self._stopping = False
        self._threads = [threading.Thread(target=self._serve, name=f"analysis-{n}") for n in range(workers)]

    def start(self) -> None:
        """Begin to claim."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """An analysis waits, or more of an upload is kept."""
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

    def drain(self, seconds: float) -> None:
        """Begin nothing more, leave what is followed to others, and give what runs so long to end."""
        with self._queued:
            self._draining = True
            self._queued.notify_all()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def stop(self) -> None:
        """End the workers; what they were at is queued again, for others or for the next start."""
        with self._queued:
            self._stopping = True
            self._queued.notify_all()
        self._runner.stop()
        for thread in self._threads:
            thread.join()
        try:
            self._store.requeue_of({self._name}, self._clock(), "what ran it was stopped")
        except Exception as error:
            # It is seen by whoever lives or starts that this one has ended.
            _complain("the store cannot take back what ran here", error)

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
            elif analysis.state is State.RECEIVING:
                self._give_back(analysis)
            with self._queued:
                self._held.discard(analysis.id)
            if isinstance(outcome, Succeeded):
                self._do_afterwards(analysis)

    def _do_afterwards(self, analysis: Analysis) -> None:
        try:
            now = self._store.get(analysis.id)
        except Exception as error:
            _complain(f"the store cannot say how analysis {analysis.id} stands", error)
            return
        if now is not None and now.state is State.SUCCEEDED:
            self._afterwards(now)

    def _next(self) -> Analysis | None:
        with self._queued:
            while not (self._stopping or self._draining):
                try:
                    analysis = self._take()
                except Exception as error:
                    _complain("the store cannot give out an analysis", error)
                else:
                    if analysis is not None:
                        self._held.add(analysis.id)
                        return analysis
                self._idle += 1
                self._queued.wait(self._idle_s)
                self._idle -= 1
        return None

    def _take(self) -> Analysis | None:
        """The next to run, or else to follow."""
        analysis = self._store.claim(self._clock(), self._lease())
        if analysis is not None:
            self._resting.pop(analysis.id, None)
            self._stalled.pop(analysis.id, None)
            self._given_up.discard(analysis.id)
            return analysis
        now = time.monotonic()
        self._resting = {upload: until for upload, until in self._resting.items() if until > now}
        self._stalled = {upload: size for upload, size in self._stalled.items() if self._has_still(upload, size)}
        besides = {*self._resting, *self._stalled, *self._given_up}
        return self._store.follow(self._clock(), self._lease(), besides)

    def _has_still(self, upload_id: str, size_bytes: int) -> bool:
        now = self._store.get(upload_id)
        return now is not None and now.state is State.RECEIVING and now.received_bytes == size_bytes

    def _run(self, analysis: Analysis) -> Outcome:
        with ExitStack() as undo:
            artifacts = {kind: self._blobs.create(analysis.artifact(kind)) for kind in EXPORTERS}
            for artifact in artifacts.values():
                undo.callback(artifact.discard)
            files = {kind: artifact.path for kind, artifact in artifacts.items()}
            if analysis.state is State.RECEIVING:
                outcome = self._follow(analysis, files)
            else:
                task = Task(self._blobs.path(analysis.upload), analysis.filename, files, analysis.id)
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

    def _follow(self, analysis: Analysis, files: dict[str, Path]) -> Outcome:
        arriving, capture = self._blobs.places(analysis.upload)
        expected = analysis.size_bytes or None
        task = Task(capture, analysis.filename, files, analysis.id, arriving=arriving, size_bytes=expected)
        log.info("analysis %s follows its upload", analysis.id)
        watch = _Watch(analysis.received_bytes, time.monotonic())
        try:
            return self._runner.run(
                task, lambda progress: self._tell(analysis, progress), lambda: self._arrived(analysis.id, watch)
            )
        finally:
            with self._queued:
                self._giving_way -= watch.gave_way

    def _arrived(self, upload_id: str, watch: "_Watch") -> Arrived | None:
        """How far a followed upload has come; None where it is not to be followed any more."""
        try:
            now = self._store.get(upload_id)
            waiting = 0 if self._idle else self._store.count(State.QUEUED)
        except Exception as error:
            _complain(f"the store cannot say how far upload {upload_id} has come", error)
            return Arrived(watch.size_bytes, whole=False)
        if now is None or now.state not in {State.RECEIVING, State.RUNNING}:
            return None
        if now.state is State.RUNNING:
            return Arrived(now.size_bytes, whole=True)
        if self._draining:
            return None
        if now.received_bytes != watch.size_bytes:
            watch.size_bytes, watch.since = now.received_bytes, time.monotonic()
        if time.monotonic() - watch.since > STALLED_S:
            log.info("analysis %s does not follow its upload any more: nothing comes", upload_id)
            with self._queued:
                self._stalled[upload_id] = watch.size_bytes
            return None
        if self._gives_way(watch, waiting):
            log.info("analysis %s does not follow its upload any more: others wait", upload_id)
            with self._queued:
                self._resting[upload_id] = time.monotonic() + GAVE_WAY_S
            return None
        return Arrived(now.received_bytes, whole=False)

    def _gives_way(self, watch: "_Watch", waiting: int) -> bool:
        """Whether this follower's worker is needed. waiting: analyses that nobody is free for."""
        if not waiting:
            watch.needed_since = None
            return False
        now = time.monotonic()
        watch.needed_since = watch.needed_since or now
        with self._queued:
            if now - watch.needed_since > _HANDOVER_S and self._giving_way < waiting:
                self._giving_way += 1
                watch.gave_way = True
        return watch.gave_way

    def _give_back(self, analysis: Analysis) -> None:
        """A follower was ended: its upload arrives, or has come in the last moment and is analysed anew."""
        try:
            if not self._store.release(analysis.id, self._name) and not self._stopping:
                self._store.requeue(analysis.id, self._name, "its worker was needed", self._clock())
        except Exception as error:
            # Its lease ends, and with it what is not given back.
            _complain(f"the store cannot take back analysis {analysis.id}", error)

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
                self._queued.wait(self._idle_s)

    def _finish(self, analysis: Analysis, outcome: Succeeded | Failed | Killed) -> None:
        if not isinstance(outcome, Succeeded) and analysis.state is State.RECEIVING:
            self._given_up.add(analysis.id)
            if self._store.release(analysis.id, self._name):
                log.warning("analysis %s stopped following its upload: %s", analysis.id, ascii(outcome.reason))
                return
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


@dataclass
class _Watch:
    """A followed upload: how much of it was there, since when (time.monotonic).

    needed_since: when others were seen to wait.  gave_way: its worker is theirs.
    """

    size_bytes: int
    since: float
    needed_since: float | None = None
    gave_way: bool = False


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
