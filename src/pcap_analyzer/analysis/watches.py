"""Questions about flows: conditions, sums and the worst of them, and the same per key; asked of all in one pass.

A term is a number that every flow has, made of the columns of its row (`flow_row_layout`) by arithmetic on whole
numbers; a condition is a term that is 0 or 1. Terms are compiled into one program for native/watch.pyx, where equal
ones are computed once. So a question lies with who asks it, and costs a nanosecond a flow and term.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, reduce
from typing import Any

import msgspec

from pcap_analyzer._native.rows import flow_row_layout, flow_row_still_parts, flow_told
from pcap_analyzer._native.watch import Watcher

# op_t, type_t and fold_t of native/watch.pyx
CONSTANT, LOAD, ADD, SUBTRACT, MULTIPLY, DIVIDE, LEAST, MOST, LESS, EQUAL, AND, OR, NOT, CHOOSE = range(14)
TYPES = {"u1": (0, 1), "<u2": (1, 2), "<u4": (2, 4), "<i8": (3, 8), "<u8": (3, 8), "<i4": (4, 4)}
SUM, SMALLEST, LARGEST = range(3)
MAX_SUMS = 16
SEED_BYTES = 16
KEPT = 20
NO_TIME = -(1 << 63)


class Term:
    """A whole number of every flow. Operators make new ones; comparisons and &, |, ~ make 0 or 1."""

    __slots__ = ("key",)

    def __init__(self, *key: Any) -> None:
        self.key = key  # (operation, operand terms…) or (CONSTANT, value) or (LOAD, column, place)

    def __add__(self, other: Term | int) -> Term:
        return Term(ADD, self, as_term(other))

    def __sub__(self, other: Term | int) -> Term:
        return Term(SUBTRACT, self, as_term(other))

    def __mul__(self, other: Term | int) -> Term:
        return Term(MULTIPLY, self, as_term(other))

    def __floordiv__(self, other: Term | int) -> Term:
        """0 where the divisor is not positive."""
        return Term(DIVIDE, self, as_term(other))

    def __lt__(self, other: Term | int) -> Term:
        return Term(LESS, self, as_term(other))

    def __gt__(self, other: Term | int) -> Term:
        return Term(LESS, as_term(other), self)

    def __le__(self, other: Term | int) -> Term:
        return Term(NOT, self > other)

    def __ge__(self, other: Term | int) -> Term:
        return Term(NOT, self < other)

    def __and__(self, other: Term) -> Term:
        return Term(AND, self, other)

    def __or__(self, other: Term) -> Term:
        return Term(OR, self, other)

    def __invert__(self) -> Term:
        return Term(NOT, self)

    def equals(self, other: Term | int) -> Term:
        return Term(EQUAL, self, as_term(other))

    def one_of(self, values: Iterable[int]) -> Term:
        return reduce(Term.__or__, (self.equals(value) for value in values))


def as_term(value: Term | int) -> Term:
    return value if isinstance(value, Term) else Term(CONSTANT, value)


def column(name: str, place: int = 0) -> Term:
    """A column of the flow's row. place: in an array column, or the byte of an address."""
    return Term(LOAD, name, place)


def least(one: Term | int, other: Term | int) -> Term:
    return Term(LEAST, as_term(one), as_term(other))


def most(one: Term | int, other: Term | int) -> Term:
    return Term(MOST, as_term(one), as_term(other))


def where(condition: Term, one: Term | int, other: Term | int = 0) -> Term:
    """`one` where the condition holds, else `other`."""
    return Term(CHOOSE, condition, as_term(one), as_term(other))


FIRST = where(column("first_ns").equals(NO_TIME), (1 << 63) - 1, column("first_ns"))
LAST = column("last_ns")


class Tally(msgspec.Struct, frozen=True):
    """Asked of all flows together."""

    where: Term
    """Which flows count."""
    score: Term
    """The flows of which this is highest are kept, of equals the earliest."""
    sums: Mapping[str, Term] = {}
    keep: int = KEPT


class Groups(msgspec.Struct, frozen=True):
    """Asked per key."""

    where: Term
    key: Sequence[str]
    """Columns; an address column is 16 bytes."""
    distinct: Sequence[str] = ()
    """Columns of which the different values are counted in each group; empty: none."""
    sums: Mapping[str, Term] = {}
    largest: Mapping[str, Term] = {}
    smallest: Mapping[str, Term] = {}
    sequence: Term | None = None
    """Of which the steps from flow to flow are measured."""
    limit: int = 30_000
    """Keys; flows of keys beyond it are counted, not looked at. (A question then takes 12 MB at most.)"""
    distinct_limit: int = 120_000


class Told(msgspec.Struct, frozen=True):
    """The answer to a Tally."""

    flows: int = 0
    sums: dict[str, int] = {}
    first_ns: int | None = None
    """None: no flow of them has a time."""
    last_ns: int | None = None
    worst: list[dict[str, Any]] = []
    """Rows of flows by name of column, highest score first, with their score as `score`."""


class Group(msgspec.Struct, frozen=True):
    """One key of a Groups."""

    key: dict[str, Any]
    """By name of column: a number, or an address as bytes."""
    flows: int
    distinct: int
    values: dict[str, int]
    first_ns: int | None
    last_ns: int | None
    steps: int
    mean_step: float
    """0 without steps."""
    step_deviation: float


class Answers:
    """What one pass has found; asked by the name of the question."""

    def __init__(self, program: Program, watcher: Watcher) -> None:
        self._program = program
        self._watcher = watcher

    def tally(self, name: str) -> Told:
        """Raises KeyError for a name that was not asked."""
        number = self._program.tallies[name]
        question = self._program.questions[name]
        assert isinstance(question, Tally)
        flows, values, kept = self._watcher.tally(number)
        return Told(
            flows=flows,
            sums=dict(zip(question.sums, values, strict=False)),
            first_ns=_time(values[-2], flows),
            last_ns=_time(values[-1], flows),
            worst=[flow_told(row) | {"score": score} for score, row in kept],
        )

    def groups(
        self, name: str, at_least: Mapping[str, int], *, by: str = "flows", limit: int = KEPT
    ) -> tuple[int, list[Group]]:
        """How many groups reach the least values, and those with the most. Names: flows, distinct, or of a value."""
        question, names, places = self._grouped(name)
        found, rows = self._reaching(name, at_least, by, limit)
        return found, [self._group(question, names, places, *row) for row in rows]

    def values(self, name: str, at_least: Mapping[str, int], *, by: str, limit: int) -> list[dict[str, int]]:
        """Of the groups that `groups` gives the values alone: of a thousand they are made in half the time."""
        _question, names, places = self._grouped(name)
        own = list(zip(names, places, strict=False))
        return [{field: row[3][place] for field, place in own} for row in self._reaching(name, at_least, by, limit)[1]]

    def _grouped(self, name: str) -> tuple[Groups, list[str], list[int]]:
        """A question, its values, and their places."""
        question = self._program.questions[name]
        assert isinstance(question, Groups)
        return question, [*question.sums, *question.largest, *question.smallest], self._program.groups[name][1]

    def _reaching(self, name: str, at_least: Mapping[str, int], by: str, limit: int) -> tuple[int, list[Any]]:
        """How many groups reach the least values, and the first of them as native/watch.pyx tells them."""
        _question, names, places = self._grouped(name)
        fields = {"flows": 0, "distinct": 1} | {field: 2 + place for field, place in zip(names, places, strict=False)}
        wanted = [(fields[field], value) for field, value in at_least.items()]
        found, _keys, _beyond, rows = self._watcher.group(self._program.groups[name][0], wanted, fields[by], limit)
        return found, rows

    def beyond(self, name: str) -> int:
        """Flows of keys that found no place."""
        return self._watcher.beyond(self._program.groups[name][0])

    def _group(
        self,
        question: Groups,
        names: list[str],
        places: list[int],
        key: bytes,
        flows: int,
        distinct: int,
        values: list[int],
        steps: int,
        total: float,
        squares: float,
    ) -> Group:
        mean = total / steps if steps else 0.0
        return Group(
            key=_key_parts(question.key, key),
            flows=flows,
            distinct=distinct if question.distinct else 0,
            values={field: values[place] for field, place in zip(names, places, strict=False)},
            first_ns=_time(values[places[-2]], flows),
            last_ns=_time(values[places[-1]], flows),
            steps=steps,
            mean_step=mean,
            step_deviation=max(0.0, squares / steps - mean * mean) ** 0.5 if steps else 0.0,
        )


class Grouping:
    """What is looked up at once for all questions that have the same condition and key."""

    def __init__(self, question: Groups, where: int, sequence: int) -> None:
        self.shape = (where, tuple(question.key), sequence, question.limit)
        self.distinct: tuple[str, ...] = ()
        self.distinct_limit = 0
        self.folds: list[tuple[int, int]] = []

    def takes(self, question: Groups, shape: Any, folds: Iterable[tuple[int, int]]) -> bool:
        items = tuple(question.distinct), question.distinct_limit
        return (
            self.shape == shape
            and (not self.distinct or not items[0] or items == (self.distinct, self.distinct_limit))
            and len({*self.folds, *folds}) <= MAX_SUMS
        )

    def join(self, question: Groups, folds: list[tuple[int, int]]) -> list[int]:
        """Where the values of a question are found."""
        if question.distinct:
            self.distinct, self.distinct_limit = tuple(question.distinct), question.distinct_limit
        self.folds += [fold for fold in dict.fromkeys(folds) if fold not in self.folds]
        return [self.folds.index(fold) for fold in folds]

    def told(self) -> Any:
        """For native/watch.pyx."""
        where, key, sequence, limit = self.shape
        parts, items = ([_place(name)[:2] for name in names] for names in (key, self.distinct))
        return where, parts, items, sequence, limit, self.distinct_limit, self.folds


class Program:
    """Questions by name, compiled."""

    def __init__(self, questions: Mapping[str, Tally | Groups]) -> None:
        self.questions = questions
        self.tallies: dict[str, int] = {}
        self.groups: dict[str, tuple[int, list[int]]] = {}
        """Number of the grouping, and the places of the question's values in it."""
        self._steps: list[tuple[int, int, int, int, int]] = []
        self._numbers: dict[Any, int] = {}
        self._known: dict[Term, int] = {}
        self._tallies: list[Any] = []
        self._groupings: list[Grouping] = []
        for name, question in questions.items():
            if isinstance(question, Tally):
                self.tallies[name] = len(self._tallies)
                self._tallies.append(self._tally(question))
            else:
                self.groups[name] = self._group(question)

    def watcher(self) -> Watcher:
        """One that has seen nothing yet."""
        groups = [grouping.told() for grouping in self._groupings]
        still = flow_row_still_parts()
        return Watcher(layout()["itemsize"], self._steps, self._tallies, groups, os.urandom(SEED_BYTES), still)

    def answers(self, watcher: Watcher) -> Answers:
        return Answers(self, watcher)

    def _tally(self, question: Tally) -> Any:
        folds = [(self._number(term), SUM) for term in question.sums.values()]
        return self._number(question.where), self._number(question.score), question.keep, folds + self._span()

    def _group(self, question: Groups) -> tuple[int, list[int]]:
        folds = [(self._number(term), SUM) for term in question.sums.values()]
        folds += [(self._number(term), LARGEST) for term in question.largest.values()]
        folds += [(self._number(term), SMALLEST) for term in question.smallest.values()]
        folds += self._span()
        sequence = -1 if question.sequence is None else self._number(question.sequence)
        new = Grouping(question, self._number(question.where), sequence)
        for number, grouping in enumerate(self._groupings):
            if grouping.takes(question, new.shape, folds):
                return number, grouping.join(question, folds)
        self._groupings.append(new)
        return len(self._groupings) - 1, new.join(question, folds)

    def _span(self) -> list[tuple[int, int]]:
        """Earliest and latest time; a flow without one is not the earliest."""
        return [(self._number(FIRST), SMALLEST), (self._number(LAST), LARGEST)]

    def _number(self, term: Term) -> int:
        """The step that makes a term; equal ones are made once."""
        known = self._known.get(term)
        if known is None:
            known = self._known[term] = self._made(term)
        return known

    def _made(self, term: Term) -> int:
        operation, *rest = term.key
        if operation == CONSTANT:
            step = (CONSTANT, 0, 0, 0, int(rest[0]))
        elif operation == LOAD:
            step = _load(*rest)
        else:
            operands = [self._number(operand) for operand in rest]
            step = (operation, *[*operands, 0, 0][:3], 0)
        if step not in self._numbers:
            self._numbers[step] = len(self._steps)
            self._steps.append(step)
        return self._numbers[step]


@cache
def layout() -> dict[str, Any]:
    """The row of a flow: name → (offset, bytes, type, how many)."""
    told = flow_row_layout()
    fields = zip(told["names"], told["formats"], told["offsets"], strict=True)
    return {"itemsize": told["itemsize"]} | {name: _field(kind, offset) for name, kind, offset in fields}


def _field(kind: str, offset: int) -> tuple[int, int, int, int]:
    shape, _, scalar = kind.rpartition(")")
    many = int(shape.strip("(,")) if shape else 1
    if scalar not in TYPES:  # bytes, or a fraction
        return offset, int(scalar.lstrip("<")[1:]), -1, 1
    number, size = TYPES[scalar]
    return offset, size * many, number, many


def _place(name: str) -> tuple[int, int, int, int]:
    place: tuple[int, int, int, int] = layout()[name]
    return place


def _load(name: str, place: int) -> tuple[int, int, int, int, int]:
    offset, size, kind, many = _place(name)
    if kind < 0:
        kind, many = 0, size
    if not 0 <= place < many:
        raise KeyError(f"{name}[{place}] is no number of a flow")
    return LOAD, kind, 0, 0, offset + size // many * place


def _key_parts(names: Sequence[str], key: bytes) -> dict[str, Any]:
    """Numbers as they lie in memory, addresses as bytes."""
    parts: dict[str, Any] = {}
    at = 0
    for name in names:
        _, size, _, many = _place(name)
        piece = key[at : at + size]
        parts[name] = piece if many > 1 or size > 8 else int.from_bytes(piece, "little")
        at += size
    return parts


def _time(value: int, flows: int) -> int | None:
    return value if flows and abs(value) < (1 << 63) - 1 else None
