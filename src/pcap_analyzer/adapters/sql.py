"""The store in a SQL database, through SQLAlchemy Core. Every change is one statement, so it is atomic."""

import errno
import sqlite3
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    Float,
    Index,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from pcap_analyzer.errors import SettingsError
from pcap_analyzer.jobs.model import Analysis, Failed, Page, Phase, Progress, State, Succeeded


class UtcDateTime(TypeDecorator[datetime]):
    """Moments, stored in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()
analyses = Table(
    "analyses",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("filename", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("reason", String(2000)),
    Column("script_nonce", String(64)),
    Column("phase", String(16), nullable=False),
    Column("packets", BigInteger, nullable=False),
    Column("bytes_read", BigInteger, nullable=False),
    Column("bytes_total", BigInteger),
    Column("seconds", Float, nullable=False),
    # Claiming and counting by state, the history by time.
    Index("analyses_by_state", "state", "created_at"),
    Index("analyses_by_time", "created_at"),
)

_OLDEST_FIRST = (analyses.c.created_at, analyses.c.id)
_NEWEST_FIRST = (analyses.c.created_at.desc(), analyses.c.id.desc())


class SqlStore:
    """The analyses of one service; see the port Store for what each method promises.

    Raises SettingsError when there is no database at `url` and none can be made.
    """

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        _prepare_sqlite(self._engine)
        try:
            metadata.create_all(self._engine)
            self.get("")  # a table of that name may be there and be another
        except SQLAlchemyError as error:
            self.close()
            raise SettingsError(
                f"DATABASE_URL is {url!r}, which cannot be used ({getattr(error, 'orig', error)}); "
                "allowed is a database of this service, or a new file in a folder that exists and may be written"
            ) from error

    def add(self, analysis: Analysis, max_queued: int) -> bool:
        """See Store.add."""
        values = _columns(analysis)
        room = select(*(literal(value, analyses.c[name].type) for name, value in values.items())).where(
            _number_in(State.QUEUED) < max_queued
        )
        with self._engine.begin() as connection:
            return connection.execute(insert(analyses).from_select(list(values), room)).rowcount == 1

    def get(self, analysis_id: str) -> Analysis | None:
        """See Store.get."""
        with self._engine.connect() as connection:
            row = connection.execute(select(analyses).where(analyses.c.id == analysis_id)).one_or_none()
        return None if row is None else _analysis(row)

    def page(self, limit: int, offset: int, state: State | None = None) -> Page:
        """See Store.page."""
        chosen = select(analyses) if state is None else select(analyses).where(analyses.c.state == state)
        with self._engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
            rows = connection.execute(chosen.order_by(*_NEWEST_FIRST).limit(limit).offset(offset)).all()
        return Page([_analysis(row) for row in rows], total)

    def count(self, state: State) -> int:
        """See Store.count."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(_number_in(state))).scalar_one())

    def claim(self, now: datetime) -> Analysis | None:
        """See Store.claim."""
        oldest = select(analyses.c.id).where(analyses.c.state == State.QUEUED).order_by(*_OLDEST_FIRST).limit(1)
        taken = (
            update(analyses)
            .where(analyses.c.id == oldest.scalar_subquery(), analyses.c.state == State.QUEUED)
            .values(state=State.RUNNING, started_at=now)
            .returning(*analyses.c)
        )
        with self._engine.begin() as connection:
            row = connection.execute(taken).one_or_none()
        return None if row is None else _analysis(row)

    def record_progress(self, analysis_id: str, progress: Progress) -> None:
        """See Store.record_progress."""
        self._change_running(analysis_id, _progress_columns(progress))

    def finish(self, analysis_id: str, outcome: Succeeded | Failed, now: datetime) -> None:
        """See Store.finish."""
        if isinstance(outcome, Succeeded):
            end = {"state": State.SUCCEEDED, "script_nonce": outcome.script_nonce}
        else:
            end = {"state": State.FAILED, "reason": outcome.reason}
        self._change_running(analysis_id, {**end, "finished_at": now})

    def requeue_running(self) -> int:
        """See Store.requeue_running."""
        fresh = {"state": State.QUEUED, "started_at": None, **_progress_columns(Progress())}
        with self._engine.begin() as connection:
            return connection.execute(update(analyses).where(analyses.c.state == State.RUNNING).values(fresh)).rowcount

    def close(self) -> None:
        """See Store.close."""
        self._engine.dispose()

    def _change_running(self, analysis_id: str, values: dict[str, Any]) -> None:
        running = (analyses.c.id == analysis_id) & (analyses.c.state == State.RUNNING)
        with self._engine.begin() as connection:
            connection.execute(update(analyses).where(running).values(values))


def _number_in(state: State) -> Any:
    return select(func.count()).select_from(analyses).where(analyses.c.state == state).scalar_subquery()


def _columns(analysis: Analysis) -> dict[str, Any]:
    return {
        "id": analysis.id,
        "filename": analysis.filename,
        "size_bytes": analysis.size_bytes,
        "created_at": analysis.created_at,
        "state": analysis.state,
        **_progress_columns(analysis.progress),
    }


def _progress_columns(progress: Progress) -> dict[str, Any]:
    return {
        "phase": progress.phase,
        "packets": progress.packets,
        "bytes_read": progress.bytes_read,
        "bytes_total": progress.bytes_total,
        "seconds": progress.seconds,
    }


def _analysis(row: Row[Any]) -> Analysis:
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
        progress=Progress(Phase(row.phase), row.packets, row.bytes_read, row.bytes_total, row.seconds),
    )


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        # Readers do not wait for the writer. FULL: an upload that was answered with 202 survives a power cut.
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=10000")
        cursor.close()

    @event.listens_for(engine, "handle_error")
    def name_a_full_disk(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "the database cannot grow") from context.original_exception
