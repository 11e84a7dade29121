"""Questions about flows, asked natively, against the same arithmetic in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcap_analyzer._native.watch import Watcher
from pcap_analyzer.analysis import watches
from pcap_analyzer.analysis.watches import Groups, Program, Tally, column, least, most, where

LAYOUT = watches.layout()
BYTES = ["client", "server"]
NUMBERS = [name for name, field in LAYOUT.items() if name not in ("itemsize", *BYTES) and field[2] >= 0]
FORMATS = {0: "u1", 1: "<u2", 2: "<u4", 3: "<i8", 4: "<i4"}
ROW = np.dtype(
    {
        "names": [*NUMBERS, *BYTES],
        "formats": [
            (FORMATS[LAYOUT[name][2]], (LAYOUT[name][3],)) if LAYOUT[name][3] > 1 else FORMATS[LAYOUT[name][2]]
            for name in NUMBERS
        ]
        + ["S16", "S16"],
        "offsets": [LAYOUT[name][0] for name in [*NUMBERS, *BYTES]],
        "itemsize": LAYOUT["itemsize"],
    }
)


def rows(count: int, seed: int = 1) -> np.ndarray:
    """Flows of random numbers, small ones so that conditions meet."""
    random = np.random.default_rng(seed)
    table = np.zeros(count, ROW)
    for name in ("client_packets", "server_packets", "client_bytes", "server_bytes"):
        table[name] = random.integers(0, 50, count)
    table["first_ns"] = np.arange(count) * 1000
    table["last_ns"] = table["first_ns"] + random.integers(0, 1000, count)
    table["server_port"] = random.integers(1, 9, count)
    table["client"] = [bytes([1, value]) for value in random.integers(1, 4, count)]
    table["flow_id"] = np.arange(count)
    table["client_marks"] = random.integers(0, 5, (count, table["client_marks"].shape[1]))
    return table


def answers(question: Tally | Groups, table: np.ndarray, batch: int = 1000) -> watches.Answers:
    program = Program({"it": question})
    watcher = program.watcher()
    for begin in range(0, len(table), batch):
        watcher.observe(table[begin : begin + batch].tobytes())
    return program.answers(watcher)


A, B, MARKED = column("client_packets"), column("server_packets"), column("client_marks", 2)


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (A + B, lambda a, b, _: a + b),
        (A - B, lambda a, b, _: a - b),
        (A * B + 7, lambda a, b, _: a * b + 7),
        ((A - 25) // B, lambda a, b, _: np.where(b > 0, (a - 25) // np.maximum(b, 1), 0)),
        (least(A, B), lambda a, b, _: np.minimum(a, b)),
        (most(A, 20), lambda a, b, _: np.maximum(a, 20)),
        (where(A > B, A, 3), lambda a, b, _: np.where(a > b, a, 3)),
        ((A >= B) & (B < 10), lambda a, b, _: (a >= b) & (b < 10)),
        ((A <= 5) | ~(B > 10), lambda a, b, _: (a <= 5) | ~(b > 10)),
        (A.equals(B), lambda a, b, _: a == b),
        (A.one_of([1, 2, 3]), lambda a, b, _: np.isin(a, [1, 2, 3])),
        (MARKED * A, lambda a, _, marked: marked * a),
    ],
)
def test_a_term_is_what_numpy_makes_of_the_columns(term, expected):
    table = rows(777)
    told = answers(Tally(where=A >= 0, score=term, sums={"sum": term}), table).tally("it")
    wanted = expected(
        table["client_packets"].astype(np.int64), table["server_packets"].astype(np.int64), table["client_marks"][:, 2]
    )
    assert told.flows == 777
    assert told.sums["sum"] == int(np.sum(wanted))
    assert told.worst[0]["score"] == int(np.max(wanted))


@settings(max_examples=50)
@given(count=st.integers(0, 400), keep=st.integers(0, 30), batch=st.integers(1, 300), seed=st.integers(0, 9))
def test_the_worst_flows_are_kept_whatever_the_batches(count, keep, batch, seed):
    table = rows(count, seed)
    told = answers(Tally(where=B > 10, score=A, sums={"a": A}, keep=keep), table, batch).tally("it")
    chosen = [row for row in table if row["server_packets"] > 10]
    chosen.sort(key=lambda row: (-int(row["client_packets"]), int(row["flow_id"])))
    assert told.flows == len(chosen)
    assert [row["flow_id"] for row in told.worst] == [int(row["flow_id"]) for row in chosen[:keep]]
    if chosen:
        assert told.first_ns == min(int(row["first_ns"]) for row in chosen)
        assert told.last_ns == max(int(row["last_ns"]) for row in chosen)


@settings(max_examples=50)
@given(count=st.integers(1, 400), batch=st.integers(1, 300), seed=st.integers(0, 9))
def test_groups_count_sum_and_tell_items_apart(count, batch, seed):
    table = rows(count, seed)
    question = Groups(
        where=B > 5,
        key=("client",),
        distinct=("server_port",),
        sums={"a": A},
        largest={"most": A},
        smallest={"least": A},
        sequence=column("first_ns"),
    )
    told = answers(question, table, batch)
    found, groups = told.groups("it", {"flows": 1}, limit=100)
    assert told.values("it", {"flows": 1}, by="flows", limit=100) == [group.values for group in groups]
    chosen = table[table["server_packets"] > 5]
    assert found == len(groups) == len(set(chosen["client"]))
    for group in groups:
        own = chosen[chosen["client"] == group.key["client"].rstrip(b"\0")]
        starts = np.diff(own["first_ns"])
        assert group.flows == len(own)
        assert group.distinct == len(set(own["server_port"]))
        assert group.values == {
            "a": own["client_packets"].sum(),
            "most": own["client_packets"].max(),
            "least": own["client_packets"].min(),
        }
        assert group.steps == len(starts)
        assert group.mean_step == pytest.approx(starts.mean() if len(starts) else 0)
        assert group.step_deviation == pytest.approx(starts.std() if len(starts) else 0, abs=1e-3)


def test_flows_of_keys_beyond_the_limit_are_counted():
    table = rows(300)
    told = answers(Groups(where=A >= 0, key=("server_port",), limit=3), table)
    found, groups = told.groups("it", {"flows": 1})
    assert found == 3
    assert told.beyond("it") == 300 - sum(group.flows for group in groups)


@pytest.mark.parametrize("items", [1, 40, 200])
@pytest.mark.parametrize("limit", [1, 60, 500])
def test_a_full_table_keeps_what_it_has_and_counts_the_rest(limit, items):
    table = rows(20_000)
    random = np.random.default_rng(limit)
    table["server_port"] = random.integers(0, 700, len(table))
    table["client_port"] = random.integers(0, 9, len(table))
    question = Groups(
        where=A > 3, key=("server_port",), distinct=("client_port",), sums={"a": A}, limit=limit, distinct_limit=items
    )
    told = answers(question, table)
    rest, groups, pairs = 0, {}, set()
    for row in table[table["client_packets"] > 3]:
        port = int(row["server_port"])
        if port not in groups and len(groups) == limit:
            rest += 1
            continue
        group = groups.setdefault(port, [0, 0, 0])
        group[0] += 1
        group[1] += int(row["client_packets"])
        if (port, row["client_port"]) not in pairs and len(pairs) < items:
            pairs.add((port, row["client_port"]))
            group[2] += 1
    found, seen = told.groups("it", {"flows": 1}, limit=1000)
    assert found == len(groups)
    assert {int(one.key["server_port"]): [one.flows, one.values["a"], one.distinct] for one in seen} == groups
    assert told.beyond("it") == rest


def test_no_time_is_not_the_earliest():
    table = rows(3)
    table["first_ns"] = [watches.NO_TIME, 5, 9]
    table["last_ns"] = [watches.NO_TIME, 6, 10]
    told = answers(Tally(where=A >= 0, score=A), table).tally("it")
    assert (told.first_ns, told.last_ns) == (5, 10)


@pytest.mark.parametrize(
    ("steps", "tallies"),
    [
        ([(99, 0, 0, 0, 0)], []),
        ([(2, 0, 0, 0, 0)], []),  # adds itself
        ([(1, 3, 0, 0, 60)], []),  # a column of eight bytes that begins four before the end
        ([(0, 0, 0, 0, 1)], [(1, 0, 5, [])]),
        ([(0, 0, 0, 0, 1)], [(0, 0, 101, [])]),
        ([(0, 0, 0, 0, 1)], [(0, 0, 5, [(0, 9)])]),
    ],
)
def test_a_program_that_does_not_hold_together_is_refused(steps, tallies):
    with pytest.raises(ValueError):
        Watcher(64, steps, tallies, [], bytes(16))


@pytest.mark.parametrize("conditions", [[(0, 0)] * 17, iter([(0, 0)] * 300), [(5, 0)]])
def test_conditions_that_are_too_many_or_of_no_field_are_refused(conditions):
    watcher = Program({"it": Groups(where=A >= 0, key=("client",))}).watcher()
    with pytest.raises(ValueError, match=r"conditions|no such field"):
        watcher.group(0, conditions, 0, 1)


def test_half_a_row_is_refused():
    watcher = Program({"it": Tally(where=A >= 0, score=A)}).watcher()
    with pytest.raises(ValueError, match="no whole number of rows"):
        watcher.observe(bytes(10))


def test_a_column_that_does_not_exist_is_refused():
    with pytest.raises(KeyError):
        Program({"it": Tally(where=column("nothing") > 0, score=A)})
    with pytest.raises(KeyError):
        Program({"it": Tally(where=column("client_marks", 99) > 0, score=A)})


@pytest.mark.parametrize("batch", [1, 100, 300])
def test_batches_that_are_alike_are_answered_as_any_others(batch: int) -> None:
    table = rows(3000)
    likeness = np.arange(len(table)) // 600 % 5  # 0: each for itself; 1 and 2 in their TCP, 3 and 4 as single SYNs
    for kind in range(1, 5):
        table["client_marks"][likeness == kind] = kind
        table["client_packets"][likeness == kind + 2] = 9 + kind
    question = Tally(where=A > 10, score=A * MARKED, sums={"sum": A + MARKED, "still": MARKED * MARKED})
    program = Program({"it": question})
    watcher = program.watcher()
    for begin in range(0, len(table), batch):
        watcher.observe(table[begin : begin + batch].tobytes(), (0, 5, 9, 6, 10)[likeness[begin]])
    assert program.answers(watcher).tally("it") == answers(question, table).tally("it")


def test_a_likeness_of_no_degree_is_refused() -> None:
    watcher = Program({"it": Tally(where=A >= 0, score=A)}).watcher()
    with pytest.raises(ValueError, match="no degree"):
        watcher.observe(b"", 3)
    with pytest.raises(ValueError, match="degrees"):
        Watcher(64, [], [], [], bytes(16), [[], [], []])
