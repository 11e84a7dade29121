"""What a filter means: a tree of conditions, checked against its table, values already in the type of their column."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network
Value = int | str | Network


@dataclass(frozen=True)
class Comparison:
    """column operator value. operator: ==, !=, <, <=, >, >=."""

    column: str
    operator: str
    value: int | str


@dataclass(frozen=True)
class Membership:
    """Whether the column is one of the values; networks: an address inside one of them."""

    column: str
    values: tuple[int | str, ...]
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True)
class IsNull:
    """Whether the value is absent; never absent itself."""

    column: str


@dataclass(frozen=True)
class Flag:
    """A column of truth values, by itself."""

    column: str


@dataclass(frozen=True)
class Bits:
    """Whether any of these bits is set."""

    column: str
    mask: int


@dataclass(frozen=True)
class Not:
    inner: Condition


@dataclass(frozen=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Condition, ...]


Condition = Comparison | Membership | IsNull | Flag | Bits | Not | And | Or


def columns_of(condition: Condition) -> frozenset[str]:
    """The columns that a condition reads."""
    if isinstance(condition, Not):
        return columns_of(condition.inner)
    if isinstance(condition, And | Or):
        return frozenset().union(*map(columns_of, condition.parts))
    return frozenset({condition.column})
