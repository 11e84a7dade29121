"""Rows of the tables as analyses, and back."""

from typing import Any

import msgspec
from sqlalchemy import Row

from pcap_analyzer.adapters.sql.schema import analyses
from pcap_analyzer.jobs.model import Analysis, Phase, Progress, State, Transition

# Not the digests, which only the resumed upload needs: 20 KiB for each 10 GB; nor what only its own page shows.
COLUMNS = [column for column in analyses.c if column.name not in {"block_digests", "first_results"}]


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
    """The columns that say how far an analysis has come."""
    return {
        "phase": progress.phase,
        "packets": progress.packets,
        "bytes_read": progress.bytes_read,
        "bytes_total": progress.bytes_total,
        "seconds": progress.seconds,
    }


def news_columns(progress: Progress) -> dict[str, Any]:
    """The same, and first results where there are new ones."""
    if progress.first_results is None:
        return progress_columns(progress)
    return {**progress_columns(progress), "first_results": msgspec.json.encode(progress.first_results)}


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
        duplicate_of=row.duplicate_of,
        progress=Progress(Phase(row.phase), row.packets, row.bytes_read, row.bytes_total, row.seconds),
    )


def transition_of(row: Row[Any]) -> Transition:
    """A row of transitions."""
    before = None if row.from_state is None else State(row.from_state)
    return Transition(before, State(row.to_state), row.at, row.reason)
