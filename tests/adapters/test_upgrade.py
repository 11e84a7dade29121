"""Databases of every earlier version are brought to today's tables; nothing is lost, and nothing is half done."""

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from pcap_analyzer.adapters.sql import SqlStore
from pcap_analyzer.adapters.sql.schema import metadata
from pcap_analyzer.adapters.sql.upgrade import HEAD
from pcap_analyzer.errors import SettingsError
from pcap_analyzer.jobs.model import State

# What the first slice made, without Alembic.
FIRST_SLICE = """
CREATE TABLE analyses (id VARCHAR(36) NOT NULL PRIMARY KEY, filename VARCHAR(255) NOT NULL, size_bytes BIGINT NOT NULL,
  created_at DATETIME NOT NULL, state VARCHAR(16) NOT NULL, started_at DATETIME, finished_at DATETIME,
  reason VARCHAR(2000), script_nonce VARCHAR(64), phase VARCHAR(16) NOT NULL, packets BIGINT NOT NULL,
  bytes_read BIGINT NOT NULL, bytes_total BIGINT, seconds FLOAT NOT NULL);
CREATE INDEX analyses_by_state ON analyses (state, created_at);
CREATE INDEX analyses_by_time ON analyses (created_at);
INSERT INTO analyses VALUES ('old', 'old.pcap', 24, '2026-01-01 00:00:00.000000', 'queued', NULL, NULL, NULL, NULL,
  'reading', 0, 0, NULL, 0.0);
"""


def differences(path: Path) -> list[object]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = list(compare_metadata(MigrationContext.configure(connection), metadata))
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
    engine.dispose()
    return found


def test_the_migrations_make_the_tables_of_the_schema(tmp_path: Path) -> None:
    for _ in range(2):
        SqlStore(f"sqlite:///{tmp_path}/x.db").close()
    assert differences(tmp_path / "x.db") == []


def test_a_database_of_the_first_slice_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(FIRST_SLICE)
    store = SqlStore(f"sqlite:///{path}")
    kept = store.get("old")
    store.close()
    assert kept is not None
    assert (kept.state, kept.created_at) == (State.QUEUED, datetime(2026, 1, 1, tzinfo=UTC))
    assert kept.received_bytes == kept.size_bytes == 24
    assert differences(path) == []


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        # The last thing the upgrade makes is in the way.
        old.executescript(FIRST_SLICE + "CREATE TABLE transitions (x INTEGER);")
        before = old.execute("SELECT sql FROM sqlite_master").fetchall()
        with pytest.raises(SettingsError, match="already exists"):
            SqlStore(f"sqlite:///{path}")
        assert old.execute("SELECT sql FROM sqlite_master").fetchall() == before


def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    SqlStore(f"sqlite:///{path}").close()
    with contextlib.closing(sqlite3.connect(path)) as later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
        later.commit()
    with pytest.raises(SettingsError, match="made by a newer version"):
        SqlStore(f"sqlite:///{path}")
