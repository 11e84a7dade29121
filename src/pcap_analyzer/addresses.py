"""Addresses as text: 16 bytes and an IP version in, RFC 5952 text out.

Inside the engine every address is 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). The version is kept
beside it, because an IPv6 packet may carry such an address too. (Python's ipaddress takes 1 ms to import.)
"""

from __future__ import annotations

from functools import lru_cache

MAPPED = bytes(10) + b"\xff\xff"  # the first 12 bytes of an IPv4 address stored in 16
CACHED = 1 << 16  # addresses of which the text is remembered from batch to batch


@lru_cache(CACHED)
def address_text(address: bytes, ip_version: int) -> str:
    """The text of one address of 16 bytes; for `ip_version` 4 the last four count."""
    if ip_version == 4:
        return _dotted(address)
    if address.startswith(MAPPED):
        # RFC 5952 section 5: mixed notation where the prefix says that an IPv4 address is inside.
        return f"::ffff:{_dotted(address)}"
    return _colons(address)


def _dotted(address: bytes) -> str:
    return f"{address[12]}.{address[13]}.{address[14]}.{address[15]}"


def _colons(address: bytes) -> str:
    """RFC 5952 section 4: the longest run of zero groups is left out, the first of equals, never a single one."""
    groups = [f"{high << 8 | low:x}" for high, low in zip(address[::2], address[1::2], strict=True)]
    begin = length = run = 0
    for place, group in enumerate(groups):
        run = run + 1 if group == "0" else 0
        if run > length:
            begin, length = place + 1 - run, run
    if length < 2:
        return ":".join(groups)
    return f"{':'.join(groups[:begin])}::{':'.join(groups[begin + length :])}"


def address_bytes(text: str) -> bytes:
    """The 16 bytes of an address that address_text has written."""
    if "." in text:
        return MAPPED + bytes(map(int, text.rpartition(":")[2].split(".")))
    front, _, back = ([int(group, 16) for group in part.split(":") if group] for part in text.partition("::"))
    groups = *front, *[0] * (8 - len(front) - len(back)), *back
    return b"".join(group.to_bytes(2, "big") for group in groups)


@lru_cache(CACHED)
def key_octets(key: bytes) -> bytes:
    """The text of one row of address_keys.address_keys, encoded."""
    return key_text(key).encode()


def key_text(key: bytes) -> str:
    """The text of one row of address_keys.address_keys."""
    if len(key) > 16:
        return address_text(key[:16], key[16])
    return address_text(key, 4 if key.startswith(MAPPED) else 6)
