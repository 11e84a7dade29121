"""A condition as a function from a record batch to a mask, made of Arrow's compute functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pcap_analyzer.filters.syntax import (
    And,
    Bits,
    Comparison,
    Condition,
    Flag,
    IsNull,
    Membership,
    Network,
    Not,
    Or,
)

Mask = Callable[[pa.RecordBatch], pa.Array]
OPERATIONS: dict[str, Callable[[Any, Any], pa.Array]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
REMEMBERED = 1 << 16  # addresses


def compiled(condition: Condition) -> Mask:
    """The function that says of each row whether the condition holds: true, false, or null where that is not known."""
    if isinstance(condition, And | Or):
        both = pc.and_kleene if isinstance(condition, And) else pc.or_kleene
        return partial(_joined, both, [compiled(part) for part in condition.parts])
    if isinstance(condition, Not):
        return partial(_inverted, compiled(condition.inner))
    if isinstance(condition, IsNull):
        return lambda batch: pc.is_null(batch.column(condition.column))
    if isinstance(condition, Flag):
        return lambda batch: batch.column(condition.column)
    if isinstance(condition, Bits):
        return partial(_of_column, condition.column, partial(_bits, condition.mask))
    if isinstance(condition, Membership):
        return partial(_of_column, condition.column, partial(_member, condition.values, condition.networks))
    return partial(_of_column, condition.column, partial(_compared, condition))


def _joined(both: Callable[[Any, Any], pa.Array], parts: Iterable[Mask], batch: pa.RecordBatch) -> pa.Array:
    first, *rest = parts
    mask = first(batch)
    for part in rest:
        mask = both(mask, part(batch))
    return mask


def _inverted(inner: Mask, batch: pa.RecordBatch) -> pa.Array:
    return pc.invert(inner(batch))


def _of_column(name: str, test: Callable[[pa.Array], pa.Array], batch: pa.RecordBatch) -> pa.Array:
    """The test of every value; of words only of the different ones."""
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        return test(column.dictionary).take(column.indices)
    return test(_counted(column))


def _counted(column: pa.Array) -> pa.Array:
    """Times and durations as the nanoseconds that they are."""
    return column.view(pa.int64()) if pa.types.is_temporal(column.type) else column


def _bits(mask: int, column: pa.Array) -> pa.Array:
    return pc.not_equal(pc.bit_wise_and(column, pa.scalar(mask, column.type)), pa.scalar(0, column.type))


def _compared(condition: Comparison, column: pa.Array) -> pa.Array:
    """A number that the column's type cannot hold is below or above all that it can."""
    value, operator = condition.value, condition.operator
    try:
        return OPERATIONS[operator](column, pa.scalar(value, column.type))
    except (OverflowError, pa.ArrowInvalid):
        assert isinstance(value, int)
        holds = operator == "!=" or operator in (("<", "<=") if value > 0 else (">", ">="))
        return pc.if_else(column.is_valid(), holds, pa.scalar(None, pa.bool_()))


def _member(values: tuple[int | str, ...], networks: tuple[Network, ...], column: pa.Array) -> pa.Array:
    masks = [_compared(Comparison("", "==", value), column) for value in values[:1]] if len(values) == 1 else []
    if len(values) > 1:
        fitting = [value for value in values if _fits(value, column.type)]
        inside = pc.is_in(column, pa.array(fitting, column.type))
        masks.append(pc.if_else(column.is_valid(), inside, pa.scalar(None, pa.bool_())))
    if networks:
        found = [None if text is None else _inside(text, networks) for text in column.to_pylist()]
        masks.append(pa.array(found, pa.bool_()))
    mask = masks[0]
    for other in masks[1:]:
        mask = pc.or_kleene(mask, other)
    return mask


def _fits(value: int | str, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value, kind)
    except (OverflowError, pa.ArrowInvalid):
        return False
    return True


@lru_cache(REMEMBERED)
def _inside(text: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is inside one of the networks; those of the other version hold none of its."""
    address = ip_address(text)
    return any(address in network for network in networks)
