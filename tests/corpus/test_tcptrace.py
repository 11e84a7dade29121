"""tcptrace's opinion of every TCP connection of the corpus beside ours: unique bytes, repeated packets, round trips."""

from collections import Counter
from typing import NamedTuple

import pytest

from tests.corpus.tcptrace import REASONS, connections, differences, pairs, reason
from tests.reference.tcp_measures import measure
from tests.reference.tcp_measures_golden import streams

pytestmark = pytest.mark.corpus

REQUIRED = 99.0  # percent of connections without a difference that has no name
COMPARED = 2_000  # connections: fewer would mean that it was not read rather than that it agrees
NAMED = 3.0  # percent of connections that differ at most, for whatever reason


class Result(NamedTuple):
    capture: str
    stream: int
    reason: str | None
    differences: list[str]

    def __str__(self) -> str:
        return f"{self.capture} stream {self.stream} [{self.reason}]: {'; '.join(self.differences)}"


@pytest.fixture(scope="module")
def results(corpus, golden, component) -> list[Result]:
    """Every connection that both know."""
    program = component("tcptrace")
    found = []
    for file in corpus:
        ours = streams(golden, file.name) if file.table else {}
        numbers = {id(stream): number for number, stream in ours.items()}
        theirs = connections(program, file.path) if ours else []
        for stream, connection in pairs(list(ours.values()), theirs):
            conversation = measure(stream.segments)
            unequal = differences(stream, conversation, connection)
            why = reason(stream, conversation, connection) if unequal else None
            found.append(Result(file.name, numbers[id(stream)], why, unequal))
    return found


def test_tcptrace_agrees_or_the_difference_has_a_name(results):
    unequal = [one for one in results if one.differences]
    print(f"\n{len(results)} connections, {len(unequal)} unequal")
    for name, count in Counter(one.reason for one in unequal).most_common():
        print(f"{count:5} {name}: {REASONS[name] if name else 'unexplained'}")
    print(*unequal, sep="\n")
    unexplained = [one for one in unequal if one.reason is None]
    assert len(results) >= COMPARED
    assert 100 * (1 - len(unexplained) / len(results)) >= REQUIRED
    assert not unexplained


def test_few_connections_differ_at_all(results):
    assert 100 * sum(bool(one.differences) for one in results) / len(results) <= NAMED
