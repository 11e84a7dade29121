"""What an analysis is, and what a worker process is told and answers."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from pcap_analyzer.analysis.model import FirstResults

# The answers of a worker are believed only within bounds: it has read hostile bytes.
Count = Annotated[int, Meta(ge=0, le=1 << 62)]
Sentence = Annotated[str, Meta(max_length=2000)]


class State(StrEnum):
    """receiving → queued → running → succeeded | failed | cancelled → expired.

    A running analysis whose worker or server ended is queued again; one that failed or was cancelled can be. A worker
    may follow the bytes of one that is receiving: with the last of them it is running. Where those bytes were analysed
    before, receiving ends in succeeded.
    """

    RECEIVING = "receiving"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen by itself, but for expiry."""
        return self not in {State.RECEIVING, State.QUEUED, State.RUNNING}

    @property
    def may_follow(self) -> tuple["State", ...]:
        """For the ends that somebody else decides: the states that they can end."""
        if self is State.CANCELLED:
            return (State.RECEIVING, State.QUEUED, State.RUNNING)
        if self is State.EXPIRED:
            return (State.RECEIVING, State.SUCCEEDED, State.FAILED, State.CANCELLED)
        return ()


class Phase(StrEnum):
    """What a worker is doing."""

    READING = "reading"
    REPORTING = "reporting"


class Progress(Struct, frozen=True, tag="progress"):
    """How far an analysis has come.

    bytes_total: what bytes_read will be at the end; None where the reader cannot know.  seconds: since reading began.
    first_results: where there are new ones.
    """

    phase: Phase = Phase.READING
    packets: Count = 0
    bytes_read: Count = 0
    bytes_total: Count | None = None
    seconds: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    first_results: FirstResults | None = None


class Succeeded(Struct, frozen=True, tag="succeeded"):
    """The artifacts are written.

    script_nonce: the nonce that the HTML's own scripts carry; drawn after the capture was read, so no byte of
    the capture can know it.  ratio: how many times its own size the capture had when decompressed; 1 for a plain one.
    """

    script_nonce: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{16,64}$")]
    ratio: Annotated[float, Meta(ge=0, le=1e9)] = 1.0


class Cause(StrEnum):
    """Why an analysis failed, for those who count and record; stable."""

    UNREADABLE = "unreadable"
    RATIO = "ratio"
    MEMORY = "memory"
    TIME = "time"
    CRASHED = "crashed"
    KILLED = "killed"
    NO_RESULT = "no_result"
    NONSENSE = "nonsense"
    DISK_FULL = "disk_full"
    INTERNAL = "internal"


class Failed(Struct, frozen=True, tag="failed"):
    """There are no artifacts; `reason` is a sentence for the user."""

    reason: Sentence
    cause: Cause = Cause.INTERNAL


DISK_FULL = Failed(
    "the disk of this service became full during the analysis; ask whoever runs it to make room, "
    "then upload the capture again",
    Cause.DISK_FULL,
)


class Stopped(Struct, frozen=True):
    """The analysis was ended on purpose: the service stops, or nobody wants it any more."""


class Killed(Struct, frozen=True):
    """The worker was killed from outside, through no proven fault of the capture; `reason` is a sentence."""

    reason: Sentence


Outcome = Succeeded | Failed | Stopped | Killed


class Task(Struct, frozen=True):
    """One run of a worker process.

    name: by which Runner.end knows it.  filename: as the user called the capture; for the report, never a path of ours.
    artifacts: by format, as in export.EXPORTERS, the files that the worker fills.  arriving: where the capture is while
    its bytes still come, until it is at `capture`; None: it is there already.  size_bytes: what will have come.
    """

    capture: Path
    filename: str
    artifacts: dict[str, Path]
    name: str = ""
    arriving: Path | None = None
    size_bytes: int | None = None


class Arrived(Struct, frozen=True):
    """How far a capture has come that a worker follows. size_bytes: valid so far.  whole: nothing more will come."""

    size_bytes: int
    whole: bool


class Order(Struct, frozen=True):
    """A task and what the worker may use for it.

    max_ratio: how many times its own size a compressed capture may hold; reading ends there.  max_output: how many
    bytes; None for any number.  flow_limit: flows held in memory; others are put on disk meanwhile.
    """

    task: Task
    memory_bytes: int
    cpu_seconds: int
    threads: int
    max_ratio: int
    max_output: int | None = None
    flow_limit: int = 1_000_000


class Analysis(Struct, frozen=True):
    """The job and what is known of its results.

    id: also names the upload and the artifacts.  filename: the user's, for display only.
    size_bytes: of the upload, in the end; of a form that still comes, what was announced, 0 for nothing.
    received_bytes: kept so far.  reason: why it failed, was cancelled or expired.  content_hash: of the whole upload.
    expires_at: when an upload that nobody goes on with is removed; None for a form, which nobody can go on with.
    attempts: how often it was begun.  duplicate_of: the analysis of the same bytes whose results are this one's, too.
    """

    id: str
    filename: str
    size_bytes: int
    created_at: datetime
    state: State = State.QUEUED
    started_at: datetime | None = None
    finished_at: datetime | None = None
    reason: str | None = None
    script_nonce: str | None = None
    received_bytes: int = 0
    content_hash: str | None = None
    expires_at: datetime | None = None
    attempts: int = 0
    duplicate_of: str | None = None
    progress: Progress = Progress()

    @property
    def is_form(self) -> bool:
        """Whether it comes as a plain form, at once or not at all."""
        return self.state is State.RECEIVING and self.expires_at is None

    @property
    def upload(self) -> str:
        """Blob name of the capture."""
        return f"uploads/{self.id}.pcap"

    def artifact(self, kind: str) -> str:
        """Blob name of the result in the format `kind`."""
        return f"reports/{self.id}.{kind}"

    def table(self, file: str) -> str:
        """Blob name of a file beside the tables."""
        return f"{self.tables}/{file}"

    @property
    def tables(self) -> str:
        """What the names of all blobs with tables begin with, before a slash."""
        return f"tables/{self.id}"


class Received(Struct, frozen=True):
    """What is kept of an upload: so many bytes, and what their hash is continued from (see ContentHash)."""

    size_bytes: int
    block_digests: bytes
    expires_at: datetime | None = None


class Lease(Struct, frozen=True):
    """A running analysis is `worker`'s until this moment; later, anybody may queue it again."""

    worker: str
    until: datetime


class Transition(Struct, frozen=True):
    """A change of state. `before` is None where the analysis began."""

    before: State | None
    after: State
    at: datetime
    reason: str | None


class Page(Struct, frozen=True):
    """A part of the history, newest first, and how many there are in all."""

    analyses: list[Analysis]
    total: int


class Queue(Struct, frozen=True):
    """How many analyses wait and run, and how many may."""

    queued: int
    running: int
    max_queued: int
    workers: int
