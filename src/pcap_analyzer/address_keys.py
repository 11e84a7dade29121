"""Addresses of a batch of packets as keys that numpy and Arrow can compare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def address_keys(addresses: NDArray[np.uint8], ip_version: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rows of bytes that are equal exactly where address and version are; addresses.key_text reads one.

    addresses: (n, 16) bytes.  ip_version: (n,) 4 or 6, anything else where there is no address.
    Returns (n, 16), or (n, 17) with the version at the end where an IPv6 packet carries an IPv4-mapped address.
    """
    contiguous = np.ascontiguousarray(addresses)
    six = ip_version == 6
    if six.any() and _mapped(contiguous[six]).any():
        return np.column_stack((contiguous, ip_version))
    return contiguous


def _mapped(addresses: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each row is stored as ::ffff:a.b.c.d."""
    words = addresses.view("<u4")
    mapped: NDArray[np.bool_] = (words[:, 0] == 0) & (words[:, 1] == 0) & (words[:, 2] == 0xFFFF0000)
    return mapped
