"""How an analysis looks from outside; the one shape that status, history and progress share."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from pcap_analyzer.analysis.model import FirstResults
from pcap_analyzer.jobs.model import Analysis, Phase, Progress, State


class ProgressView(Struct, frozen=True):
    """percent: of the bytes to read; None if unknown, as in a pipe.  bytes_per_second: mean since reading began."""

    phase: Phase
    percent: float | None
    packets: int
    bytes_read: int
    bytes_per_second: int


class Links(Struct, frozen=True):
    """Where the report is: the page, and the two artifacts."""

    page: str
    html: str
    json: str


class Status(Struct, frozen=True):
    """An analysis. `reason` when it failed, was cancelled or expired; `report` when it succeeded.

    received_bytes: of the upload's file_size_bytes, those that are kept; of a form that still comes, file_size_bytes is
    about what was announced.  started_at: while receiving, since when a worker follows; null: none does.
    duplicate_of: the task whose capture had the same bytes; `report` is then that one's.
    """

    task_id: str
    filename: str
    file_size_bytes: int
    received_bytes: int
    status: State
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None
    progress: ProgressView
    report: Links | None
    duplicate_of: str | None = None


class LiveStatus(Status, frozen=True):
    """What /api/progress tells: an analysis, and what is known of its capture before it is done, null for nothing."""

    first_results: FirstResults | None = None


def status_of(analysis: Analysis) -> Status:
    """The outside of `analysis`."""
    return Status(**_fields(analysis))


def live_status_of(analysis: Analysis, first_results: FirstResults | None) -> LiveStatus:
    """The same, while it goes on."""
    return LiveStatus(**_fields(analysis), first_results=first_results)


def _fields(analysis: Analysis) -> dict[str, Any]:
    return {
        "task_id": analysis.id,
        "filename": analysis.filename,
        "file_size_bytes": analysis.size_bytes,
        "received_bytes": analysis.received_bytes,
        "status": analysis.state,
        "created_at": analysis.created_at,
        "started_at": analysis.started_at,
        "finished_at": analysis.finished_at,
        "reason": analysis.reason,
        "progress": _view(analysis.progress),
        "report": _links(analysis.duplicate_of or analysis.id) if analysis.state is State.SUCCEEDED else None,
        "duplicate_of": analysis.duplicate_of,
    }


def _view(progress: Progress) -> ProgressView:
    read, total = progress.bytes_read, progress.bytes_total
    return ProgressView(
        phase=progress.phase,
        percent=round(min(100.0, 100 * read / total), 1) if total else None,
        packets=progress.packets,
        bytes_read=read,
        bytes_per_second=round(read / progress.seconds) if progress.seconds else 0,
    )


def _links(analysis_id: str) -> Links:
    return Links(
        page=f"/analyses/{analysis_id}/report",
        html=f"/api/reports/{analysis_id}/html",
        json=f"/api/reports/{analysis_id}/json",
    )
