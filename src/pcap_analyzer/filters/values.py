"""Values as a filter writes them, in the type of the column that they are compared with."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from pcap_analyzer.schema import SPAN, TIME, WORD, Field

UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60 * 10**9, "h": 3600 * 10**9}
DURATION = re.compile(r"(-?[0-9]+)(?:\.([0-9]{1,9}))?(ns|us|ms|s|m|h)")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?")
ADDRESSES = {"src", "dst", "outer_src", "outer_dst", "client", "server", "resolver", "address", "first_address"}
INT64 = 1 << 63


def number(text: str) -> int:
    """A whole number, decimal or 0x…, with _ between digits. Raises ValueError."""
    return int(text, 16 if text.lower().startswith(("0x", "-0x")) else 10)


def duration(text: str) -> int:
    """A duration with its unit (250us, 1.5s) in nanoseconds. Raises ValueError."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    whole, fraction, unit = found.groups()
    digits = fraction or ""
    scaled = int(whole + digits) * UNITS[unit]
    places: int = 10 ** len(digits)
    if scaled % places:
        raise ValueError(text)
    return scaled // places


def instant(text: str) -> int:
    """ISO 8601 in nanoseconds since 1970, UTC without a zone; or these nanoseconds themselves. Raises ValueError."""
    if text.lstrip("-").isdecimal():
        return int(text)
    found = INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, time, fraction, zone = found.groups()
    moment = datetime.fromisoformat(f"{day}T{time or '00:00'}{'+00:00' if zone in (None, 'Z') else zone}")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**9 + int((fraction or "0").ljust(9, "0"))


def value_of(text: str, field: Field) -> int | str:
    """The value for a comparison with a column. Raises ValueError with what was expected."""
    try:
        if field.kind == TIME:
            return _in_range(instant(text))
        if field.kind == SPAN:
            return _in_range(duration(text))
        if field.kind.startswith(("uint", "int")):
            return _in_range(number(text))
    except ValueError:
        raise ValueError(EXPECTED.get(field.kind, "a whole number")) from None
    if field.name in ADDRESSES:
        return address(text)
    return text


EXPECTED = {TIME: 'a time as "2026-11-24T08:00:00.5Z"', SPAN: "a duration with a unit, as 20ms or 1.5s"}


def _in_range(value: int) -> int:
    if not -INT64 <= value < 2 * INT64:
        raise ValueError(value)
    return value


def address(text: str) -> str:
    """An address as the tables write it. Raises ValueError."""
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError("an address") from None
    mapped: IPv4Address | None = getattr(found, "ipv4_mapped", None)
    return str(found) if mapped is None else f"::ffff:{mapped}"  # RFC 5952 section 5


def network(text: str) -> IPv4Network | IPv6Network:
    """A network as 10.0.0.0/8; bits behind its length do not matter. Raises ValueError."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError("a network as 10.0.0.0/8 or 2001:db8::/32") from None


def is_text(field: Field) -> bool:
    return field.kind in ("string", WORD)
