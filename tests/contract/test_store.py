"""The contract of jobs.ports.Store, for every store there is."""

import contextlib
import errno
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import event

from pcap_analyzer.adapters.sql import SqlStore
from pcap_analyzer.analysis.model import FirstResults, Talker
from pcap_analyzer.errors import SettingsError
from pcap_analyzer.jobs.model import Analysis, Failed, Lease, Phase, Progress, Received, State, Succeeded
from pcap_analyzer.jobs.ports import Store

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
MANY = 1000
MINE = Lease("me", NOON + timedelta(minutes=1))
YOURS = Lease("you", NOON + timedelta(minutes=1))


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = {"sqlite": lambda: SqlStore(f"sqlite:///{tmp_path}/store.db")}[request.param]()
    yield store
    store.close()


def analysis(name: str, minute: int = 0) -> Analysis:
    """A queued one; each has bytes of its own."""
    created_at = NOON + timedelta(minutes=minute)
    return Analysis(name, f"{name}.pcap", 24, created_at, received_bytes=24, content_hash=f"hash of {name}")


def queue(store: Store, one: Analysis) -> None:
    """Receive it and complete it at once."""
    store.receive(replace(one, state=State.RECEIVING, received_bytes=0, content_hash=None))
    assert store.complete(one.id, str(one.content_hash), one.size_bytes, one.created_at) is State.QUEUED


def test_what_is_queued_is_got_back_unchanged(store: Store) -> None:
    queue(store, analysis("a"))
    assert store.get("a") == analysis("a")
    assert store.get("b") is None


def test_the_oldest_is_claimed_first_and_once(store: Store) -> None:
    queue(store, analysis("young", 2))
    queue(store, analysis("old", 1))
    claimed = store.claim(NOON, MINE)
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.started_at) == ("old", State.RUNNING, NOON)
    young = store.claim(NOON, MINE)
    assert young is not None
    assert young.id == "young"
    assert store.claim(NOON, MINE) is None


def test_nobody_gets_an_analysis_twice(store: Store) -> None:
    for n in range(20):
        queue(store, analysis(str(n), n))
    claimed: list[str] = []

    def claim_all() -> None:
        while (taken := store.claim(NOON, MINE)) is not None:
            claimed.append(taken.id)

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed, key=int) == [str(n) for n in range(20)]


def test_progress_of_a_running_analysis_is_kept(store: Store) -> None:
    progress = Progress(Phase.REPORTING, packets=1 << 40, bytes_read=7, bytes_total=9, seconds=1.5)
    queue(store, analysis("a"))
    assert not store.record_progress("a", "me", progress)
    assert store.get("a") == analysis("a")
    store.claim(NOON, MINE)
    assert store.record_progress("a", "me", progress)
    running = store.get("a")
    assert running is not None
    assert running.progress == progress


@pytest.mark.parametrize("outcome", [Succeeded("n" * 32), Failed("the reason")])
def test_an_end_is_kept_and_is_final(store: Store, outcome: Succeeded | Failed) -> None:
    queue(store, analysis("a"))
    assert not store.finish("a", "me", outcome, NOON)
    assert store.get("a") == analysis("a")
    store.claim(NOON, MINE)
    assert store.finish("a", "me", outcome, NOON)
    assert not store.finish("a", "me", Failed("too late"), NOON + timedelta(hours=1))
    ended = store.get("a")
    assert ended is not None
    assert ended.state.final
    assert ended.finished_at == NOON
    assert (ended.script_nonce, ended.reason) in {("n" * 32, None), (None, "the reason")}


def test_what_ran_is_queued_again_in_its_old_place(store: Store) -> None:
    queue(store, analysis("a", 1))
    queue(store, analysis("b", 2))
    store.claim(NOON, MINE)
    store.record_progress("a", "me", Progress(packets=5))
    assert store.holders() == {"me"}
    assert store.requeue_of({"you"}, NOON, "the service ended") == []
    assert store.requeue_of({"me"}, NOON, "the service ended") == ["a"]
    assert store.holders() == set()
    assert store.get("a") == replace(analysis("a", 1), attempts=1)
    again = store.claim(NOON, MINE)
    assert again is not None
    assert again.id == "a"


def test_pages_are_newest_first_and_count_all(store: Store) -> None:
    for n in range(5):
        queue(store, analysis(str(n), n))
    store.claim(NOON, MINE)
    page = store.page(limit=2, offset=1)
    assert ([one.id for one in page.analyses], page.total) == (["3", "2"], 5)
    queued = store.page(limit=9, offset=0, state=State.QUEUED)
    assert ([one.id for one in queued.analyses], queued.total) == (["4", "3", "2", "1"], 4)
    assert [store.count(state) for state in (State.QUEUED, State.RUNNING, State.FAILED)] == [4, 1, 0]


def states(store: Store, name: str) -> list[str]:
    return [transition.after.value for transition in store.transitions(name)]


def upload(name: str, size_bytes: int = 24) -> Analysis:
    later = NOON + timedelta(hours=1)
    return Analysis(name, f"{name}.pcap", size_bytes, NOON, State.RECEIVING, expires_at=later)


def test_an_upload_is_continued_where_it_was_kept(store: Store) -> None:
    store.receive(upload("a"))
    assert store.get("a") == upload("a")
    assert store.receiving() == [upload("a")]
    assert store.claim(NOON, MINE) is None
    assert store.block_digests("a") == b""
    later = NOON + timedelta(hours=2)
    assert store.record_received("a", Received(7, b"digest", later))
    assert store.get("a") == replace(upload("a"), received_bytes=7, expires_at=later)
    assert store.block_digests("a") == b"digest"


def test_a_whole_upload_is_queued_once(store: Store) -> None:
    store.receive(upload("a"))
    assert store.complete("a", "hash", 24, NOON) is State.QUEUED
    assert store.complete("a", "other", 24, NOON) is None
    assert not store.record_received("a", Received(7, b"", NOON))
    queued = store.get("a")
    assert queued is not None
    assert (queued.state, queued.received_bytes, queued.content_hash) == (State.QUEUED, 24, "hash")
    assert (queued.expires_at, store.block_digests("a"), store.receiving()) == (None, b"", [])


def test_a_lease_is_renewed_by_its_holder_only(store: Store) -> None:
    for name in ("a", "b"):
        queue(store, analysis(name))
    store.claim(NOON, MINE)
    store.claim(NOON, YOURS)
    assert store.renew({"a", "b", "c"}, Lease("me", NOON + timedelta(hours=1))) == {"a"}
    assert store.requeue_lapsed(NOON + timedelta(minutes=2), "lost") == ["b"]
    assert [store.count(state) for state in (State.QUEUED, State.RUNNING)] == [1, 1]
    assert store.renew({"b"}, YOURS) == set()


def test_what_a_lost_worker_says_is_not_heard(store: Store) -> None:
    queue(store, analysis("a"))
    store.claim(NOON, MINE)
    assert store.requeue_lapsed(NOON + timedelta(minutes=2), "lost") == ["a"]
    again = store.claim(NOON, YOURS)
    assert again is not None
    assert again.attempts == 2
    assert not store.record_progress("a", "me", Progress(packets=9))
    assert not store.finish("a", "me", Failed("late"), NOON)
    assert not store.requeue("a", "me", "late", NOON)
    assert store.requeue("a", "you", "killed", NOON)
    assert states(store, "a") == ["receiving", "queued", "running", "queued", "running", "queued"]
    arrived = [None, "every byte has come"]
    assert [one.reason for one in store.transitions("a")] == [*arrived, None, "lost", None, "killed"]
    assert {one.at for one in store.transitions("a")[:3]} == {NOON}


def followed(store: Store, name: str, lease: Lease = MINE) -> None:
    store.receive(upload(name))
    store.record_received(name, Received(7, b"", NOON))
    taken = store.follow(NOON, lease, ())
    assert taken is not None
    assert (taken.id, taken.state, taken.started_at) == (name, State.RECEIVING, NOON)


def test_the_oldest_upload_that_has_begun_is_followed_by_one(store: Store) -> None:
    store.receive(replace(upload("empty"), created_at=NOON - timedelta(hours=1)))
    assert store.follow(NOON, MINE, ()) is None
    for name, minute in (("young", 2), ("old", 1)):
        store.receive(replace(upload(name), created_at=NOON + timedelta(minutes=minute)))
        store.record_received(name, Received(7, b"", NOON))
    assert store.follow(NOON, MINE, ("old", "young")) is None
    for name in ("old", "young"):
        taken = store.follow(NOON, MINE, ())
        assert taken is not None
        assert (taken.id, taken.received_bytes) == (name, 7)
    assert store.follow(NOON, YOURS, ()) is None
    assert store.count(State.RUNNING) == 0


def test_what_is_followed_runs_on_when_it_is_whole(store: Store) -> None:
    followed(store, "a")
    assert store.record_progress("a", "me", Progress(packets=3))
    assert store.renew({"a"}, Lease("me", NOON + timedelta(hours=1))) == {"a"}
    assert store.complete("a", "hash", 24, NOON) is State.RUNNING
    running = store.get("a")
    assert running is not None
    assert (running.progress.packets, running.attempts, running.started_at) == (3, 1, NOON)
    assert states(store, "a") == ["receiving", "queued", "running"]
    assert store.requeue_lapsed(NOON + timedelta(minutes=30), "lost") == []
    assert store.finish("a", "me", Succeeded("n" * 32), NOON)


def test_what_is_followed_is_given_back_by_its_follower_only(store: Store) -> None:
    followed(store, "a")
    store.record_progress("a", "me", Progress(packets=3, first_results=FirstResults(packets=3)))
    assert not store.release("a", "you")
    assert store.release("a", "me")
    assert not store.release("a", "me")
    assert not store.record_progress("a", "me", Progress(packets=4))
    assert store.get("a") == replace(upload("a"), received_bytes=7, expires_at=NOON)
    assert store.first_results("a") is None
    assert store.complete("a", "hash", 24, NOON) is State.QUEUED


@pytest.mark.parametrize("lapsed", [True, False])
def test_a_follower_that_is_lost_holds_nothing(store: Store, lapsed: bool) -> None:
    followed(store, "a")
    assert store.holders() == {"me"}
    later = NOON + timedelta(hours=1)
    assert (store.requeue_lapsed(later, "lost") if lapsed else store.requeue_of({"me"}, later, "lost")) == []
    assert store.holders() == set()
    assert store.follow(NOON, YOURS, ()) is not None
    assert not store.record_progress("a", "me", Progress(packets=4))


def test_first_results_are_kept_until_it_begins_again(store: Store) -> None:
    queue(store, analysis("a"))
    store.claim(NOON, MINE)
    assert store.first_results("a") is None
    first = FirstResults(packets=9, first_seen=NOON, talkers=[Talker("192.0.2.1", 9, 900)])
    store.record_progress("a", "me", Progress(packets=9, first_results=first))
    store.record_progress("a", "me", Progress(packets=10))
    assert store.first_results("a") == first
    store.requeue("a", "me", "killed", NOON)
    assert store.first_results("a") is None


def test_what_ended_since_a_moment_was_run(store: Store) -> None:
    same_bytes(store, "early", "known")
    for name, outcome in (("good", Succeeded("n" * 32)), ("bad", Failed("broken"))):
        queue(store, analysis(name))
        store.claim(NOON, MINE)
        store.finish(name, "me", outcome, NOON + timedelta(hours=1))
    queue(store, analysis("waiting"))
    assert {one.id for one in store.ended_since(NOON + timedelta(hours=1))} == {"good", "bad"}
    assert {one.id for one in store.ended_since(NOON)} == {"early", "good", "bad"}
    assert store.ended_since(NOON + timedelta(hours=2)) == []


def same_bytes(store: Store, first: str, *others: str) -> None:
    """One that has succeeded, and uploads of the same bytes."""
    queue(store, replace(analysis(first), content_hash="same"))
    store.claim(NOON, MINE)
    store.record_progress(first, "me", Progress(packets=5))
    store.finish(first, "me", Succeeded("n" * 32), NOON)
    for name in others:
        store.receive(upload(name))
        assert store.complete(name, "same", 24, NOON + timedelta(hours=1)) is State.SUCCEEDED


def test_bytes_that_were_analysed_before_are_known_again(store: Store) -> None:
    same_bytes(store, "a", "b")
    known = store.get("b")
    assert known is not None
    assert (known.duplicate_of, known.script_nonce, known.progress.packets) == ("a", "n" * 32, 5)
    assert known.finished_at == NOON + timedelta(hours=1)
    assert states(store, "b") == ["receiving", "succeeded"]
    assert store.claim(NOON, MINE) is None
    store.receive(upload("c"))
    assert store.complete("c", "same", 25, NOON) is State.QUEUED


def test_a_follower_of_known_bytes_is_not_heard_any_more(store: Store) -> None:
    same_bytes(store, "a")
    followed(store, "b")
    assert store.complete("b", "same", 24, NOON) is State.SUCCEEDED
    assert not store.record_progress("b", "me", Progress(packets=4))
    assert store.renew({"b"}, MINE) == set()


@pytest.mark.parametrize("gone", ["removed", "expired"])
def test_duplicates_end_with_the_result_that_they_show(store: Store, gone: str) -> None:
    same_bytes(store, "a", "b", "c")
    assert store.remove("a", NOON) if gone == "removed" else store.end("a", State.EXPIRED, "old", NOON)
    for name in ("b", "c"):
        ended = store.get(name)
        assert ended is not None
        assert (ended.state, ended.duplicate_of) == (State.EXPIRED, None)
    store.receive(upload("d"))
    assert store.complete("d", "same", 24, NOON) is State.QUEUED


def test_a_result_is_kept_as_long_as_its_duplicates(store: Store) -> None:
    same_bytes(store, "a", "b")
    assert store.lapsed(NOON, NOON + timedelta(minutes=30)) == []
    assert {one.id for one in store.lapsed(NOON, NOON + timedelta(hours=2))} == {"a", "b"}


@pytest.mark.parametrize("before", ["receiving", "queued", "running"])
def test_what_is_not_done_can_be_cancelled_once(store: Store, before: str) -> None:
    if before == "receiving":
        store.receive(upload("a"))
    else:
        queue(store, analysis("a"))
    if before == "running":
        store.claim(NOON, MINE)
    assert store.end("a", State.CANCELLED, "asked", NOON)
    assert not store.end("a", State.CANCELLED, "asked", NOON)
    assert not store.finish("a", "me", Succeeded("n" * 32), NOON)
    ended = store.get("a")
    assert ended is not None
    assert (ended.state, ended.reason, ended.finished_at) == (State.CANCELLED, "asked", NOON)
    # An upload that did not come whole cannot be analysed.
    assert store.retry("a", MANY, NOON) == (before != "receiving")


def test_a_retry_is_a_new_analysis_and_needs_a_place(store: Store) -> None:
    whole = analysis("a")
    queue(store, whole)
    assert not store.retry("a", MANY, NOON)
    store.claim(NOON, MINE)
    store.finish("a", "me", Failed("the reason"), NOON)
    queue(store, analysis("b"))
    assert not store.retry("a", 1, NOON)
    assert store.retry("a", 2, NOON)
    assert store.get("a") == whole


def test_what_is_old_is_found_and_expires_once(store: Store) -> None:
    for name in ("done", "young", "queued"):
        queue(store, analysis(name))
    for name, hours in (("done", 0), ("young", 5)):
        store.claim(NOON, MINE)
        store.finish(name, "me", Succeeded("n" * 32), NOON + timedelta(hours=hours))
    store.receive(upload("stale"))
    store.receive(replace(upload("fresh"), expires_at=NOON + timedelta(hours=9)))
    now, ended_before = NOON + timedelta(hours=6), NOON + timedelta(hours=3)
    assert {one.id for one in store.lapsed(now, ended_before)} == {"done", "stale"}
    for name in ("done", "stale"):
        assert store.end(name, State.EXPIRED, "old", now)
        assert not store.end(name, State.EXPIRED, "old", now)
    assert not store.end("queued", State.EXPIRED, "old", now)
    assert store.lapsed(now, ended_before) == []


def test_what_is_removed_is_forgotten(store: Store) -> None:
    queue(store, analysis("a"))
    assert store.remove("a", NOON)
    assert not store.remove("a", NOON)
    assert store.get("a") is None
    assert store.transitions("a") == []


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
            queue(store, analysis(f"{number:0255}"))

    with pytest.raises(OSError, match="the database cannot grow") as full:
        fill()
    assert full.value.errno == errno.ENOSPC
    store.close()
