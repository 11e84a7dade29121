"""Rows of the tables as analyses, and back."""

from typing import Any

from sqlalchemy import Row

from pcap_analyzer.adapters.sql.schema import analyses
from pcap_analyzer.jobs.model import Analysis, Phase, Progress, State, Transition

# Not the digests, which only the resumed upload needs: 20 KiB for each 10 GB.
COLUMNS = [column for column in analyses.c if column.name != "block_digests"]


def columns_of(analysis: Analysis) -> dict[str, Any]:
    """What a new row is made of."""
    return {
        "id": analysis.id,
        "filename": analysis.filename,
        "size_bytes": analysis.size_bytes,
        "created_at": analysis.created_at,
        "state": analysis.state,
        "received_bytes": analysis.received_bytes,
        "content_hash": analysis.content_hash,
        "expires_at": analysis.expires_at,
        **progress_columns(analysis.progress),
    }


def progress_columns(progress: Progress) -> dict[str, Any]:
    """The columns that a worker's news change."""
    return {
        "phase": progress.phase,
        "packets": progress.packets,
        "bytes_read": progress.bytes_read,
        "bytes_total": progress.bytes_total,
        "seconds": progress.seconds,
    }


def analysis_of(row: Row[Any]) -> Analysis:
    """A row of COLUMNS."""
    return Analysis(
        id=row.id,
        filename=row.filename,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        state=State(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        reason=row.reason,
        script_nonce=row.script_nonce,
        received_bytes=row.received_bytes,
        content_hash=row.content_hash,
        expires_at=row.expires_at,
        attempts=row.attempts,
        progress=Progress(Phase(row.phase), row.packets, row.bytes_read, row.bytes_total, row.seconds),
    )


def transition_of(row: Row[Any]) -> Transition:
    """A row of transitions."""
    before = None if row.from_state is None else State(row.from_state)
    return Transition(before, State(row.to_state), row.at, row.reason)
