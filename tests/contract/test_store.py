"""The contract of jobs.ports.Store, for every store there is."""

import contextlib
import errno
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from pcap_analyzer.adapters.sql import SqlStore
from pcap_analyzer.errors import SettingsError
from pcap_analyzer.jobs.model import Analysis, Failed, Phase, Progress, State, Succeeded
from pcap_analyzer.jobs.ports import Store

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
MANY = 1000


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = {"sqlite": lambda: SqlStore(f"sqlite:///{tmp_path}/store.db")}[request.param]()
    yield store
    store.close()


def analysis(name: str, minute: int = 0) -> Analysis:
    return Analysis(id=name, filename=f"{name}.pcap", size_bytes=24, created_at=NOON + timedelta(minutes=minute))


def test_what_is_added_is_got_back_unchanged(store: Store) -> None:
    assert store.add(analysis("a"), MANY)
    assert store.get("a") == analysis("a")
    assert store.get("b") is None


def test_no_more_are_queued_than_allowed(store: Store) -> None:
    assert store.add(analysis("a"), 2)
    assert store.add(analysis("b"), 2)
    assert not store.add(analysis("c"), 2)
    assert store.get("c") is None
    store.claim(NOON)
    assert store.add(analysis("c"), 2)


def test_the_bound_holds_for_many_at_once(store: Store) -> None:
    kept: list[bool] = []
    threads = [
        threading.Thread(target=lambda n=n: kept.append(store.add(analysis(str(n)), 3)))  # type: ignore[misc]
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == [False] * 9 + [True] * 3


def test_the_oldest_is_claimed_first_and_once(store: Store) -> None:
    store.add(analysis("young", 2), MANY)
    store.add(analysis("old", 1), MANY)
    claimed = store.claim(NOON)
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.started_at) == ("old", State.RUNNING, NOON)
    young = store.claim(NOON)
    assert young is not None
    assert young.id == "young"
    assert store.claim(NOON) is None


def test_nobody_gets_an_analysis_twice(store: Store) -> None:
    for n in range(20):
        store.add(analysis(str(n), n), MANY)
    claimed: list[str] = []

    def claim_all() -> None:
        while (taken := store.claim(NOON)) is not None:
            claimed.append(taken.id)

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed, key=int) == [str(n) for n in range(20)]


def test_progress_of_a_running_analysis_is_kept(store: Store) -> None:
    progress = Progress(Phase.REPORTING, packets=1 << 40, bytes_read=7, bytes_total=9, seconds=1.5)
    store.add(analysis("a"), MANY)
    store.record_progress("a", progress)
    assert store.get("a") == analysis("a")
    store.claim(NOON)
    store.record_progress("a", progress)
    running = store.get("a")
    assert running is not None
    assert running.progress == progress


@pytest.mark.parametrize("outcome", [Succeeded("n" * 32), Failed("the reason")])
def test_an_end_is_kept_and_is_final(store: Store, outcome: Succeeded | Failed) -> None:
    store.add(analysis("a"), MANY)
    store.finish("a", outcome, NOON)
    assert store.get("a") == analysis("a")
    store.claim(NOON)
    store.finish("a", outcome, NOON)
    store.finish("a", Failed("too late"), NOON + timedelta(hours=1))
    ended = store.get("a")
    assert ended is not None
    assert ended.state.final
    assert ended.finished_at == NOON
    assert (ended.script_nonce, ended.reason) in {("n" * 32, None), (None, "the reason")}


def test_what_ran_is_queued_again_in_its_old_place(store: Store) -> None:
    store.add(analysis("a", 1), MANY)
    store.add(analysis("b", 2), MANY)
    store.claim(NOON)
    store.record_progress("a", Progress(packets=5))
    assert store.requeue_running() == 1
    assert store.get("a") == analysis("a", 1)
    again = store.claim(NOON)
    assert again is not None
    assert again.id == "a"


def test_pages_are_newest_first_and_count_all(store: Store) -> None:
    for n in range(5):
        store.add(analysis(str(n), n), MANY)
    store.claim(NOON)
    page = store.page(limit=2, offset=1)
    assert ([one.id for one in page.analyses], page.total) == (["3", "2"], 5)
    queued = store.page(limit=9, offset=0, state=State.QUEUED)
    assert ([one.id for one in queued.analyses], queued.total) == (["4", "3", "2", "1"], 4)
    assert [store.count(state) for state in State] == [4, 1, 0, 0]


@pytest.mark.parametrize("found", ["no folder", "a folder", "other bytes", "another table"])
def test_a_database_that_cannot_be_used_is_named_in_one_line(tmp_path: Path, found: str) -> None:
    path = tmp_path / "x.db"
    match found:
        case "no folder":
            path = tmp_path / "none" / "x.db"
        case "a folder":
            path.mkdir()
        case "other bytes":
            path.write_bytes(bytes(range(100)))
        case "another table":
            with contextlib.closing(sqlite3.connect(path)) as other:
                other.execute("CREATE TABLE analyses (id TEXT, created_at TEXT, state TEXT)")
    with pytest.raises(SettingsError) as wrong:
        SqlStore(f"sqlite:///{path}")
    message = str(wrong.value)
    assert message.startswith(f"DATABASE_URL is 'sqlite:///{path}', which cannot be used (")
    assert "\n" not in message


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/store.db")

    @event.listens_for(store._engine, "checkout")
    def bound(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count=1")

    def fill() -> None:
        for number in range(MANY):
            store.add(analysis(f"{number:0255}"), MANY)

    with pytest.raises(OSError, match="the database cannot grow") as full:
        fill()
    assert full.value.errno == errno.ENOSPC
    store.close()
