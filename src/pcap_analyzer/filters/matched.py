"""A condition on packets as steps for the native matcher: no columns are made, nothing heavy is imported.

Words (decode_status, tunnel, protocols) and outer addresses it does not know; compiled.py knows all.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from pcap_analyzer._native.match import COLUMN_NAMES, Matcher
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
    columns_of,
)

LEAST, MOST = -(1 << 63), 1 << 64
MAPPED = bytes(10) + b"\xff\xff"
MAX_STEPS = 1000


def matcher(condition: Condition) -> Matcher | None:
    """The native form of a condition on the table `packets`; None where it has none."""
    if not columns_of(condition) <= set(COLUMN_NAMES) or _size(condition) > MAX_STEPS:
        return None
    made = Matcher()
    _add(made, condition)
    return made


def _size(condition: Condition) -> int:
    """Steps at most."""
    if isinstance(condition, And | Or):
        return sum(map(_size, condition.parts)) + len(condition.parts)
    if isinstance(condition, Not):
        return _size(condition.inner) + 1
    if isinstance(condition, Bits) and condition.mask >= MOST >> 1:
        return MAX_STEPS + 1  # a number that the kernel cannot hold
    if isinstance(condition, Membership):
        return 2 * (len(condition.values) + len(condition.networks))
    return 2


def _add(made: Matcher, condition: Condition) -> None:
    if isinstance(condition, And | Or):
        for number, part in enumerate(condition.parts):
            _add(made, part)
            if number:
                (made.add_and if isinstance(condition, And) else made.add_or)()
    elif isinstance(condition, Not):
        _add(made, condition.inner)
        made.add_not()
    elif isinstance(condition, IsNull):
        made.add_null(condition.column)
    elif isinstance(condition, Flag):
        made.add_range(condition.column, 1, 1)
    elif isinstance(condition, Bits):
        made.add_bits(condition.column, condition.mask)
    elif isinstance(condition, Membership):
        _add_members(made, condition)
    else:
        _add_comparison(made, condition)


def _add_members(made: Matcher, condition: Membership) -> None:
    parts: list[int | str | Network] = [*condition.values, *condition.networks]
    for number, part in enumerate(parts):
        if isinstance(part, int):
            made.add_range(condition.column, part, part)
        else:
            _add_network(made, condition.column, ip_network(part) if isinstance(part, str) else part)
        if number:
            made.add_or()


def _add_network(made: Matcher, column: str, network: Network) -> None:
    packed = network.network_address.packed
    prefix = network.prefixlen + 128 - network.max_prefixlen
    made.add_network(column, network.version, packed if len(packed) == len(MAPPED) + 4 else MAPPED + packed, prefix)


def _add_comparison(made: Matcher, condition: Comparison) -> None:
    column, operator, value = condition.column, condition.operator, condition.value
    if isinstance(value, str):
        _add_network(made, column, ip_network(ip_address(value)))
    else:
        least = {">": value + 1, ">=": value, "==": value, "!=": value}.get(operator, LEAST)
        most = {"<": value - 1, "<=": value, "==": value, "!=": value}.get(operator, MOST)
        made.add_range(column, least, most)
    if operator == "!=":
        made.add_not()
