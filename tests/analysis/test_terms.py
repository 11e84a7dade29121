"""Terms of any shape, over rows that have much in common and rows that have nothing: as plain Python works them out."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pcap_analyzer.analysis.watches import Groups, Program, Tally, Term, as_term, column, least, most, where
from tests.analysis.test_watches import answers, rows

COLUMNS = {"client_packets": 0, "server_packets": 0, "client_marks": 3, "vlan_id": 0, "client_ttl": 0}
Evaluated = tuple[Term, Callable[[dict[str, int]], int]]


def wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def divided(one: int, other: int) -> int:
    return one // other if other > 0 else 0


PAIRS = [
    (operator.add, operator.add),
    (operator.sub, operator.sub),
    (operator.mul, operator.mul),
    (operator.floordiv, divided),
    (operator.lt, lambda one, other: int(one < other)),
    (operator.ge, lambda one, other: int(one >= other)),
    (Term.equals, lambda one, other: int(one == other)),
    (operator.and_, lambda one, other: int(bool(one) and bool(other))),
    (operator.or_, lambda one, other: int(bool(one) or bool(other))),
    (least, min),
    (most, max),
]


def pair(kind: int, one: Evaluated, other: Evaluated) -> Evaluated:
    build, work_out = PAIRS[kind]
    return build(one[0], other[0]), lambda row: wrapped(work_out(one[1](row), other[1](row)))


def choice(condition: Evaluated, one: Evaluated, other: Evaluated) -> Evaluated:
    return where(condition[0], one[0], other[0]), lambda row: one[1](row) if condition[1](row) else other[1](row)


def opposite(one: Evaluated) -> Evaluated:
    return ~one[0], lambda row: int(not one[1](row))


def constant(value: int) -> Evaluated:
    return as_term(value), lambda row: value


def loaded(name: str) -> Evaluated:
    return column(name, COLUMNS[name]), lambda row: row[name]


terms = st.recursive(
    st.one_of(
        st.sampled_from(sorted(COLUMNS)).map(loaded),
        st.sampled_from([0, 1, 2, 25, -3, 1 << 62]).map(constant),
    ),
    lambda inner: st.one_of(
        st.builds(pair, st.integers(0, len(PAIRS) - 1), inner, inner),
        st.builds(choice, inner, inner, inner),
        inner.map(opposite),
    ),
    max_leaves=12,
)


def half_alike(count: int, seed: int) -> np.ndarray:
    """Rows of which each column stands still for a while, now and then."""
    random = np.random.default_rng(seed)
    table = rows(count, seed)
    table["vlan_id"] = random.integers(0, 2, count)
    table["client_ttl"] = random.integers(250, 256, count)
    for name in ("client_packets", "server_packets", "vlan_id", "client_ttl"):
        begin, end = sorted(random.integers(0, count + 1, 2))
        table[name][begin:end] = random.integers(0, 2)
    table["client_marks"][: random.integers(0, count + 1)] = 0
    return table


def test_the_least_number_of_64_bits_is_a_score_too():
    least_number = column("vlan_id") * 0 - (1 << 62) - (1 << 62)
    told = answers(Tally(where=as_term(1), score=least_number), half_alike(3, 0), 3).tally("it")
    assert [row["score"] for row in told.worst] == [-(1 << 63)] * 3


def test_rows_of_which_none_counts_change_no_first_and_no_last():
    table = rows(4, 0)
    table["client_packets"], table["server_packets"] = [1, 2, 3, 4], [1, 2, 1, 1]
    table["first_ns"], table["last_ns"] = [5, 5, 100, 110], [900, 900, 200, 210]
    difference = column("client_packets") - column("server_packets")
    told = answers(Tally(where=difference, score=column("vlan_id")), table, 2).tally("it")
    assert (told.flows, told.first_ns, told.last_ns) == (2, 100, 210)


@settings(max_examples=150, deadline=None)
@given(condition=terms, term=terms, count=st.integers(1, 400), batch=st.integers(1, 400), seed=st.integers(0, 9))
def test_a_term_is_the_same_however_much_its_rows_have_in_common(condition, term, count, batch, seed):
    table = half_alike(count, seed)
    question = Tally(where=condition[0], score=term[0], sums={"sum": term[0]})
    told = answers(question, table, batch).tally("it")
    values = [
        {name: int(row[name] if row[name].shape == () else row[name][at]) for name, at in COLUMNS.items()}
        for row in table
    ]
    scores = [(-term[1](row), number) for number, row in enumerate(values) if condition[1](row)]
    assert told.flows == len(scores)
    assert told.sums["sum"] == wrapped(-sum(score for score, _ in scores))
    assert [(-row["score"], row["flow_id"]) for row in told.worst] == sorted(scores)[:20]


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 400), batch=st.integers(1, 300), seed=st.integers(0, 9))
def test_questions_with_one_condition_and_key_are_answered_as_each_alone(count, batch, seed):
    a, b = column("client_packets"), column("server_packets")
    questions = {
        "sums": Groups(where=b > 5, key=("server_port",), sums={"a": a}, smallest={"b": b}),
        "items": Groups(where=b > 5, key=("server_port",), distinct=("client",), largest={"a": a}, sums={"b": a}),
        "others": Groups(where=b > 5, key=("server_port",), distinct=("client_ttl",), sums={"a": a}),
        "fewer": Groups(where=b > 20, key=("server_port",), sums={"a": a}),
    }
    table = half_alike(count, seed)
    program = Program(questions)
    watcher = program.watcher()
    for begin in range(0, count, batch):
        watcher.observe(table[begin : begin + batch].tobytes())
    together = program.answers(watcher)
    assert len({number for number, _ in program.groups.values()}) == 3
    for name, question in questions.items():
        assert together.groups(name, {"a": 9}, by="a") == answers(question, table, batch).groups("it", {"a": 9}, by="a")
