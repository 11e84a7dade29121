"""Addresses as text: 16 bytes and an IP version in, RFC 5952 text out.

Inside the engine every address is 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). The version is kept
beside it, because an IPv6 packet may carry such an address too.
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
    from ipaddress import IPv6Address  # noqa: PLC0415 - takes as long as the text of a thousand addresses

    return str(IPv6Address(address))


def _dotted(address: bytes) -> str:
    return f"{address[12]}.{address[13]}.{address[14]}.{address[15]}"


@lru_cache(CACHED)
def key_octets(key: bytes) -> bytes:
    """The text of one row of address_keys.address_keys, encoded."""
    return key_text(key).encode()


def key_text(key: bytes) -> str:
    """The text of one row of address_keys.address_keys."""
    if len(key) > 16:
        return address_text(key[:16], key[16])
    return address_text(key, 4 if key.startswith(MAPPED) else 6)
