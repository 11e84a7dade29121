"""What the jobs need from outside. The docstrings are the contract; `tests/contract/` holds every adapter to it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pcap_analyzer.jobs.model import Analysis, Failed, Outcome, Page, Progress, State, Succeeded, Task


class Store(Protocol):
    """The analyses. Every method is atomic, safe to call from several threads, and durable once it has returned.

    Each raises OSError with ENOSPC when the disk is full, and then nothing has changed.
    """

    def add(self, analysis: Analysis, max_queued: int) -> bool:
        """Keep a queued analysis; False, and nothing kept, when `max_queued` are already queued."""

    def get(self, analysis_id: str) -> Analysis | None:
        """The analysis as it is now; None when there is none."""

    def page(self, limit: int, offset: int, state: State | None = None) -> Page:
        """Analyses, newest first, of one state or of all; `total` counts those beyond the page too."""

    def count(self, state: State) -> int:
        """How many analyses are in `state`."""

    def claim(self, now: datetime) -> Analysis | None:
        """Take the oldest queued analysis: it is running from `now`. None when none is queued. Nobody gets it twice."""

    def record_progress(self, analysis_id: str, progress: Progress) -> None:
        """Keep how far a running analysis has come; of no effect on any other."""

    def finish(self, analysis_id: str, outcome: Succeeded | Failed, now: datetime) -> None:
        """End a running analysis; of no effect on any other."""

    def requeue_running(self) -> int:
        """Queue every running analysis again, without progress, in its old place; how many they were."""

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


class Blobs(Protocol):
    """Uploaded captures and artifacts by name, such as "reports/ID.html"."""

    def create(self, name: str) -> NewBlob:
        """Begin a blob. Raises OSError when the disk refuses."""

    def path(self, name: str) -> Path:
        """A local file with the blob's bytes. Raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Remove a blob; of no effect when there is none."""

    def free_bytes(self) -> int:
        """How many bytes can still be stored."""

    def sweep(self) -> None:
        """Remove what was begun and never committed. Only for a start, before anything is created."""


class Runner(Protocol):
    """Runs analyses apart from this process."""

    def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        """Analyse a capture; block until it has ended.

        Whatever the capture does to the worker (crash, endless loop, all memory) comes back as Failed. Only errors of
        the caller are raised. Safe to call from several threads.
        """

    def stop(self) -> None:
        """End every run, now and later, with Stopped. Safe to call from any thread."""
