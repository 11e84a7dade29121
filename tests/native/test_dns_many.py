"""More DNS transactions than are held: what is over goes to a file, the oldest of too many open ones are given up."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.native import test_dns_twin
from tests.reference.dns_strategies import Sent, capture, query, response

engine = partial(test_dns_twin.engine, at_once=10_000)
EVICT_FRAMES, OPEN_LIMIT, LATE = 65_536, 65_536, 100


def name(number: int) -> bytes:
    label = b"%07d" % number + b"x" * 40
    return bytes([len(label)]) + label + b"\x07example\0"


def asked(number: int) -> Sent:
    return Sent(number % 200, False, query(number % 60_000, name(number)), ip_id=number % 60_000)


def answer(number: int) -> Sent:
    return Sent(number % 200, True, response(number % 60_000, name(number)), ip_id=number % 60_000)


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """75,000 queries, each answered LATE queries later."""
    path = tmp_path_factory.mktemp("dns") / "answered"
    packets = (
        one for number in range(75_000) for one in ([asked(number)] + [answer(number - LATE)] * (number >= LATE))
    )
    path.write_bytes(capture(packets))
    return path


@pytest.fixture(scope="module")
def unanswered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two and a half limits of open queries, and an answer to the last of all and to one that was given up."""
    path = tmp_path_factory.mktemp("dns") / "unanswered"
    count = 2 * EVICT_FRAMES + OPEN_LIMIT // 2
    path.write_bytes(capture([*map(asked, range(count)), answer(3), answer(count - 1)]))
    return path


def test_every_transaction_comes_back_in_order(answered: Path) -> None:
    rows, counts = engine(answered)
    assert [row["query_name"] for row in rows] == [f"{number:07}{'x' * 40}.example" for number in range(75_000)]
    assert {row["status"] for row in rows[:-LATE]} == {"answered"}
    assert {row["latency"] for row in rows[LATE : -2 * LATE]} == {(2 * LATE + 1) * 1_000_000}
    assert counts["given_up"] == 0


@pytest.mark.parametrize("how", [(2, 1000), (5, 65536)])
def test_the_same_for_any_threads(answered: Path, unanswered: Path, how: tuple[int, int]) -> None:
    for path in (answered, unanswered):
        assert engine(path, *how) == engine(path)


def test_the_oldest_are_given_up_and_known_as_unanswered(unanswered: Path) -> None:
    rows, counts = engine(unanswered)
    count = 2 * EVICT_FRAMES + OPEN_LIMIT // 2
    given_up = counts["given_up"]
    assert EVICT_FRAMES + OPEN_LIMIT // 8 <= given_up + 32 <= EVICT_FRAMES + OPEN_LIMIT // 4
    assert [row["frame_number"] for row in rows] == [*range(1, count + 2)]
    assert [row["status"] for row in rows[:given_up]] == ["unanswered"] * given_up
    assert [row["status"] for row in rows[-2:]] == ["answered", "no_query"]
