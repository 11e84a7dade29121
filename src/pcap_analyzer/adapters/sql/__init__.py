"""The store in a SQL database, through SQLAlchemy Core. Every method is one transaction that begins with its write.

schema.py has the tables, migrations/ how they came to be, upgrade.py applies those; rows.py turns rows into analyses.
"""

import errno
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    ExceptionContext,
    Row,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from pcap_analyzer.adapters.sql.rows import (
    COLUMNS,
    analysis_of,
    columns_of,
    news_columns,
    progress_columns,
    transition_of,
)
from pcap_analyzer.adapters.sql.schema import analyses, transitions
from pcap_analyzer.adapters.sql.upgrade import Newer, upgrade
from pcap_analyzer.analysis.model import FirstResults
from pcap_analyzer.errors import SettingsError
from pcap_analyzer.jobs.model import (
    Analysis,
    Failed,
    Lease,
    Page,
    Progress,
    Received,
    State,
    Succeeded,
    Transition,
)

# An option of connections: nobody else writes between what its transactions read and what they write.
ALONE = "pcap_analyzer_alone"
_OLDEST_FIRST = (analyses.c.created_at, analyses.c.id)
_NEWEST_FIRST = (analyses.c.created_at.desc(), analyses.c.id.desc())
# By a worker.
_HOLDABLE = (State.RECEIVING, State.RUNNING)
_UNHELD = {"worker": None, "lease_until": None}
_UNTOLD = {**progress_columns(Progress()), "first_results": None}
# What is asked again and again is put together once: that takes longer than the answer.
_THE_ONE = analyses.c.id == bindparam("id")
_BY_ID = select(*COLUMNS).where(_THE_ONE)
_BLOCK_DIGESTS = select(analyses.c.block_digests).where(_THE_ONE)
_FIRST_RESULTS = select(analyses.c.first_results).where(_THE_ONE)
_COUNT = select(func.count()).select_from(analyses).where(analyses.c.state == bindparam("state"))
_CONNECTIONS = 30
_FRESH = {"started_at": None, "finished_at": None, "reason": None, **_UNHELD, **_UNTOLD}


class SqlStore:
    """The analyses of one service; see the port Store for what each method promises.

    Raises SettingsError when there is no database at `url` and none can be made.
    """

    def __init__(self, url: str) -> None:
        # A connection that is opened anew costs as much as twenty questions.
        self._engine = create_engine(url, pool_size=_CONNECTIONS)
        _prepare_sqlite(self._engine)
        try:
            upgrade(self._engine.execution_options(**{ALONE: True}))
            self.get("")  # a table of that name may be there and be another
        except (SQLAlchemyError, Newer) as error:
            self.close()
            raise SettingsError(
                f"DATABASE_URL is {url!r}, which cannot be used ({getattr(error, 'orig', error)}); "
                "allowed is a database of this service, or a new file in a folder that exists and may be written"
            ) from error

    def receive(self, analysis: Analysis) -> None:
        """See Store.receive."""
        with self._engine.begin() as connection:
            connection.execute(insert(analyses).values(columns_of(analysis)))
            _note(connection, [analysis.id], None, analysis.state, analysis.created_at, None)

    def record_received(self, analysis_id: str, received: Received) -> bool:
        """See Store.record_received."""
        values = {
            "received_bytes": received.size_bytes,
            "block_digests": received.block_digests,
            "expires_at": received.expires_at,
        }
        return self._change((analyses.c.id == analysis_id) & (analyses.c.state == State.RECEIVING), values)

    def block_digests(self, analysis_id: str) -> bytes:
        """See Store.block_digests."""
        with self._engine.connect() as connection:
            kept = connection.execute(_BLOCK_DIGESTS, {"id": analysis_id}).scalar()
        return bytes(kept or b"")

    def complete(self, analysis_id: str, content_hash: str, size_bytes: int, now: datetime) -> State | None:
        """See Store.complete."""
        values = {
            "created_at": now,
            "size_bytes": size_bytes,
            "received_bytes": size_bytes,
            "content_hash": content_hash,
            "block_digests": None,
            "expires_at": None,
        }
        arrived = (analyses.c.id == analysis_id) & (analyses.c.state == State.RECEIVING)
        with self._engine.begin() as connection:
            changed = update(analyses).where(arrived).values(values).returning(analyses.c.worker)
            row = connection.execute(changed).one_or_none()
            if row is None:
                return None
            return _go_on(connection, analysis_id, now, _original(connection, content_hash, size_bytes), row.worker)

    def get(self, analysis_id: str) -> Analysis | None:
        """See Store.get."""
        with self._engine.connect() as connection:
            row = connection.execute(_BY_ID, {"id": analysis_id}).one_or_none()
        return None if row is None else analysis_of(row)

    def page(self, limit: int, offset: int, state: State | None = None) -> Page:
        """See Store.page."""
        chosen = select(*COLUMNS) if state is None else select(*COLUMNS).where(analyses.c.state == state)
        with self._engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
            rows = connection.execute(chosen.order_by(*_NEWEST_FIRST).limit(limit).offset(offset)).all()
        return Page([analysis_of(row) for row in rows], total)

    def count(self, state: State) -> int:
        """See Store.count."""
        with self._engine.connect() as connection:
            return int(connection.execute(_COUNT, {"state": state}).scalar_one())

    def claim(self, now: datetime, lease: Lease) -> Analysis | None:
        """See Store.claim."""
        oldest = select(analyses.c.id).where(analyses.c.state == State.QUEUED).order_by(*_OLDEST_FIRST).limit(1)
        taken = (
            update(analyses)
            .where(analyses.c.id == oldest.scalar_subquery(), analyses.c.state == State.QUEUED)
            .values(
                state=State.RUNNING,
                started_at=now,
                worker=lease.worker,
                lease_until=lease.until,
                attempts=analyses.c.attempts + 1,
            )
            .returning(*COLUMNS)
        )
        with self._engine.begin() as connection:
            row = connection.execute(taken).one_or_none()
            if row is not None:
                _note(connection, [row.id], State.QUEUED, State.RUNNING, now, None)
        return None if row is None else analysis_of(row)

    def follow(self, now: datetime, lease: Lease, besides: Collection[str]) -> Analysis | None:
        """See Store.follow."""
        alone = (analyses.c.state == State.RECEIVING) & analyses.c.worker.is_(None)
        wanted = alone & (analyses.c.received_bytes > 0) & analyses.c.id.not_in(besides)
        oldest = select(analyses.c.id).where(wanted).order_by(*_OLDEST_FIRST).limit(1)
        taken = (
            update(analyses)
            .where(analyses.c.id == oldest.scalar_subquery(), alone)
            .values(started_at=now, worker=lease.worker, lease_until=lease.until)
            .returning(*COLUMNS)
        )
        with self._engine.begin() as connection:
            row = connection.execute(taken).one_or_none()
        return None if row is None else analysis_of(row)

    def release(self, analysis_id: str, worker: str) -> bool:
        """See Store.release."""
        followed = (analyses.c.state == State.RECEIVING) & (analyses.c.worker == worker)
        return self._change((analyses.c.id == analysis_id) & followed, _FRESH)

    def renew(self, analysis_ids: Collection[str], lease: Lease) -> set[str]:
        """See Store.renew."""
        held = analyses.c.id.in_(analysis_ids) & analyses.c.state.in_(_HOLDABLE) & (analyses.c.worker == lease.worker)
        with self._engine.begin() as connection:
            changed = update(analyses).where(held).values(lease_until=lease.until).returning(analyses.c.id)
            return set(connection.execute(changed).scalars())

    def record_progress(self, analysis_id: str, worker: str, progress: Progress) -> bool:
        """See Store.record_progress."""
        held = analyses.c.state.in_(_HOLDABLE) & (analyses.c.worker == worker)
        return self._change((analyses.c.id == analysis_id) & held, news_columns(progress))

    def first_results(self, analysis_id: str) -> FirstResults | None:
        """See Store.first_results."""
        with self._engine.connect() as connection:
            kept = connection.execute(_FIRST_RESULTS, {"id": analysis_id}).scalar()
        return None if kept is None else msgspec.json.decode(kept, type=FirstResults)

    def finish(self, analysis_id: str, worker: str, outcome: Succeeded | Failed, now: datetime) -> bool:
        """See Store.finish."""
        if isinstance(outcome, Succeeded):
            state, reason, end = State.SUCCEEDED, None, {"script_nonce": outcome.script_nonce}
        else:
            state, reason, end = State.FAILED, outcome.reason, {"reason": outcome.reason}
        values = {**end, **_UNHELD, "finished_at": now}
        held = analyses.c.worker == worker
        return bool(self._move({analysis_id}, [State.RUNNING], state, now, reason, values, held))

    def requeue(self, analysis_id: str, worker: str, reason: str, now: datetime) -> bool:
        """See Store.requeue."""
        held = analyses.c.worker == worker
        return bool(self._move({analysis_id}, [State.RUNNING], State.QUEUED, now, reason, _FRESH, held))

    def holders(self) -> set[str]:
        """See Store.holders."""
        held = analyses.c.state.in_(_HOLDABLE) & analyses.c.worker.is_not(None)
        with self._engine.connect() as connection:
            return set(connection.execute(select(analyses.c.worker).where(held).distinct()).scalars())

    def requeue_of(self, workers: Collection[str], now: datetime, reason: str) -> list[str]:
        """See Store.requeue_of."""
        return self._requeue(analyses.c.worker.in_(workers), now, reason)

    def requeue_lapsed(self, now: datetime, reason: str) -> list[str]:
        """See Store.requeue_lapsed."""
        return self._requeue(analyses.c.lease_until.is_(None) | (analyses.c.lease_until < now), now, reason)

    def retry(self, analysis_id: str, max_queued: int, now: datetime) -> bool:
        """See Store.retry."""
        ended = [State.FAILED, State.CANCELLED]
        values = {**_FRESH, "attempts": 0, "created_at": now}
        # Only where every byte came: of an upload that was cancelled, the rest is missing.
        room = (_number_in(State.QUEUED) < max_queued) & (analyses.c.received_bytes == analyses.c.size_bytes)
        return bool(self._move({analysis_id}, ended, State.QUEUED, now, "asked to run again", values, room))

    def end(self, analysis_id: str, state: State, reason: str, now: datetime) -> bool:
        """See Store.end."""
        values = {"finished_at": now, "reason": reason, "block_digests": None, "expires_at": None, **_UNHELD}
        with self._engine.begin() as connection:
            ended = _move(connection, {analysis_id}, list(state.may_follow), state, now, reason, values)
            if ended:
                _expire_duplicates(connection, analysis_id, now)
        return bool(ended)

    def remove(self, analysis_id: str, now: datetime) -> bool:
        """See Store.remove."""
        with self._engine.begin() as connection:
            connection.execute(delete(transitions).where(transitions.c.analysis_id == analysis_id))
            removed = connection.execute(delete(analyses).where(analyses.c.id == analysis_id)).rowcount == 1
            _expire_duplicates(connection, analysis_id, now)
        return removed

    def receiving(self) -> list[Analysis]:
        """See Store.receiving."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(*COLUMNS).where(analyses.c.state == State.RECEIVING)).all()
        return [analysis_of(row) for row in rows]

    def lapsed(self, now: datetime, ended_before: datetime) -> list[Analysis]:
        """See Store.lapsed."""
        duplicates = analyses.alias()
        still_used = (
            select(duplicates.c.id)
            .where(duplicates.c.duplicate_of == analyses.c.id, duplicates.c.finished_at >= ended_before)
            .exists()
        )
        ended = analyses.c.state.in_([state for state in State if state.final and state is not State.EXPIRED])
        old = (ended & (analyses.c.finished_at < ended_before) & ~still_used) | (
            (analyses.c.state == State.RECEIVING) & (analyses.c.expires_at < now)
        )
        with self._engine.connect() as connection:
            return [analysis_of(row) for row in connection.execute(select(*COLUMNS).where(old)).all()]

    def ended_since(self, moment: datetime) -> list[Analysis]:
        """See Store.ended_since."""
        ended = analyses.c.state.in_((State.SUCCEEDED, State.FAILED)) & (analyses.c.finished_at >= moment)
        ran = select(*COLUMNS).where(ended, analyses.c.duplicate_of.is_(None))
        with self._engine.connect() as connection:
            return [analysis_of(row) for row in connection.execute(ran).all()]

    def transitions(self, analysis_id: str) -> list[Transition]:
        """See Store.transitions."""
        chosen = select(transitions).where(transitions.c.analysis_id == analysis_id).order_by(transitions.c.number)
        with self._engine.connect() as connection:
            return [transition_of(row) for row in connection.execute(chosen).all()]

    def close(self) -> None:
        """See Store.close."""
        self._engine.dispose()

    def _requeue(self, lost: ColumnElement[bool], now: datetime, reason: str) -> list[str]:
        followed = (analyses.c.state == State.RECEIVING) & analyses.c.worker.is_not(None)
        with self._engine.begin() as connection:
            connection.execute(update(analyses).where(followed & lost).values(_FRESH))
            return _move(connection, None, [State.RUNNING], State.QUEUED, now, reason, _FRESH, lost)

    def _change(self, where: ColumnElement[bool], values: dict[str, Any]) -> bool:
        with self._engine.begin() as connection:
            return connection.execute(update(analyses).where(where).values(values)).rowcount == 1

    def _move(
        self,
        ids: Collection[str] | None,
        from_states: list[State],
        to: State,
        now: datetime,
        reason: str | None,
        values: dict[str, Any],
        only: ColumnElement[bool] | None = None,
    ) -> list[str]:
        with self._engine.begin() as connection:
            return _move(connection, ids, from_states, to, now, reason, values, only)


def _move(
    connection: Connection,
    ids: Collection[str] | None,
    from_states: list[State],
    to: State,
    now: datetime,
    reason: str | None,
    values: dict[str, Any],
    only: ColumnElement[bool] | None = None,
) -> list[str]:
    """Change the state, and note it, of those (None: of all) that are in one of `from_states`; which they were."""
    moved: list[str] = []
    for state in from_states:
        change = update(analyses).where(analyses.c.state == state)
        if ids is not None:
            change = change.where(analyses.c.id.in_(ids))
        if only is not None:
            change = change.where(only)
        changed = change.values({**values, "state": to}).returning(analyses.c.id)
        found = list(connection.execute(changed).scalars())
        _note(connection, found, state, to, now, reason)
        moved += found
    return moved


def _original(connection: Connection, content_hash: str, size_bytes: int) -> Row[Any] | None:
    """The newest result of these bytes."""
    same = (analyses.c.content_hash == content_hash) & (analyses.c.size_bytes == size_bytes)
    whole = same & (analyses.c.state == State.SUCCEEDED) & analyses.c.duplicate_of.is_(None)
    return connection.execute(select(analyses).where(whole).order_by(*_NEWEST_FIRST).limit(1)).one_or_none()


def _go_on(
    connection: Connection, analysis_id: str, now: datetime, original: Row[Any] | None, worker: str | None
) -> State:
    """What becomes of an upload that has come whole."""
    if original is not None:
        same = {name: getattr(original, name) for name in ("script_nonce", *_UNTOLD)}
        values = {**same, **_UNHELD, "duplicate_of": original.id, "finished_at": now}
        reason = f"the same bytes were analysed before, as {original.id}"
        _move(connection, {analysis_id}, [State.RECEIVING], State.SUCCEEDED, now, reason, values)
        return State.SUCCEEDED
    _move(connection, {analysis_id}, [State.RECEIVING], State.QUEUED, now, "every byte has come", {})
    if worker is None:
        return State.QUEUED
    values = {"attempts": analyses.c.attempts + 1}
    _move(connection, {analysis_id}, [State.QUEUED], State.RUNNING, now, "it was followed while it came", values)
    return State.RUNNING


def _expire_duplicates(connection: Connection, analysis_id: str, now: datetime) -> None:
    """Of a result that is no longer there."""
    reason = "the result of the same bytes, which was shown for it, is no longer stored"
    values = {"reason": reason, "duplicate_of": None}
    its = analyses.c.duplicate_of == analysis_id
    _move(connection, None, [State.SUCCEEDED], State.EXPIRED, now, reason, values, its)


def _note(
    connection: Connection,
    ids: list[str],
    from_state: State | None,
    to: State,
    now: datetime,
    reason: str | None,
) -> None:
    if ids:
        same = {"from_state": from_state, "to_state": to, "at": now, "reason": reason}
        connection.execute(insert(transitions), [{"analysis_id": one, **same} for one in ids])


def _number_in(state: State) -> Any:
    counted = analyses.alias()
    return select(func.count()).select_from(counted).where(counted.c.state == state).scalar_subquery()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # We begin transactions ourselves: the driver would leave changes of tables outside of them.
        connection.isolation_level = None
        cursor = connection.cursor()
        # First, as others may be at the rest, too.
        cursor.execute("PRAGMA busy_timeout=10000")
        # Readers do not wait for the writer. FULL: an upload that was answered with 202 survives a power cut.
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(ALONE) else "BEGIN")

    @event.listens_for(engine, "handle_error")
    def name_a_full_disk(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "the database cannot grow") from context.original_exception
