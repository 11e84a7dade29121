"""One packet as tshark describes it: its layers in order, and the values of each field in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

QUOTING = ("icmp", "icmpv6")  # what follows these is quoted by an error
NETWORK = ("ip", "ipv6")
EXTENSIONS = ("ipv6.hopopts", "ipv6.routing", "ipv6.fraghdr", "ipv6.dstopts", "shim6", "ah")  # behind IPv6


@dataclass(frozen=True, slots=True)
class IpLayer:
    """One IP layer. position: in the list of layers.  columns: our names → tshark's values, where known."""

    position: int
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TsharkPacket:
    """One frame. fields: tshark's field names → the values of all occurrences, outermost first."""

    frame_number: int
    timestamp: int | None
    layers: tuple[str, ...]
    ip_layers: Sequence[IpLayer]
    fields: Mapping[str, str]
    separator: str

    def values(self, field: str) -> list[str]:
        """All occurrences of a field."""
        text = self.fields[field]
        return text.split(self.separator) if text else []

    def value(self, field: str, occurrence: int = 0) -> str | None:
        """One occurrence of a field; None where tshark shows fewer."""
        values = self.values(field)
        return values[occurrence] if occurrence < len(values) else None

    @property
    def quote(self) -> int:
        """The position from which on layers are quoted by an ICMP error."""
        return quote_position(self.layers)

    @property
    def innermost_ip(self) -> IpLayer | None:
        """The innermost IP layer that is not quoted and was read."""
        quote = self.quote
        return next((one for one in reversed(self.ip_layers) if one.position < quote), None)


@lru_cache(4096)
def layer_names(protocols: str) -> tuple[str, ...]:
    """frame.protocols as a tuple; the same text gives the same tuple."""
    return tuple(protocols.split(":"))


@lru_cache(4096)
def quote_position(layers: tuple[str, ...]) -> int:
    """Where the first ICMP layer stands; the number of layers without one."""
    return min((at for at, name in enumerate(layers) if name in QUOTING), default=len(layers))


@lru_cache(4096)
def network_positions(layers: tuple[str, ...]) -> tuple[int, ...]:
    """Where IPv4 and IPv6 layers stand."""
    return tuple(at for at, name in enumerate(layers) if name in NETWORK)


def integer(text: str | None) -> int | None:
    """A number as tshark prints it, decimal or hexadecimal."""
    return int(text, 0) if text else None


def boolean(text: str) -> bool:
    """A flag as any version of tshark prints it."""
    return text in ("1", "True")


def nanoseconds(seconds: str) -> int | None:
    """Seconds in decimal notation as whole nanoseconds, without passing through a float."""
    if not seconds:
        return None
    whole, _, fraction = seconds.lstrip("-").partition(".")
    value = int(whole or 0) * 10**9 + int((fraction + "0" * 9)[:9])
    return -value if seconds.startswith("-") else value
