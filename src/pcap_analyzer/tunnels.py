"""The name of a tunnel, read off a protocol path: which encapsulations stand around the innermost IP layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

# Layer names of a path (those of Wireshark) that carry another packet, and what the column says.
ENCAPSULATIONS = {
    "gre": "gre",
    "erspan": "erspan",
    "vxlan": "vxlan",
    "geneve": "geneve",
    "gtp": "gtpu",
    "gtpprime": "gtpu",
    "teredo": "teredo",
    "l2tp": "l2tp",
    "etherip": "etherip",
    "capwap.data": "capwap",
    "lisp-data": "lisp",
    "tzsp": "tzsp",
    "ayiya": "ayiya",
    "nvgre": "nvgre",
}
# An IP layer directly inside another.
IN_IP = {("ip", "ip"): "ipip", ("ip", "ipv6"): "6in4", ("ipv6", "ip"): "4in6", ("ipv6", "ipv6"): "6in6"}
# What is no tunnel below an IP layer, but one inside of it: in UDP (RFC 7510), or in IP itself (RFC 4023).
LABELS = "mpls"
QUOTING = ("icmp", "icmpv6")


def tunnel_name(path: Sequence[str]) -> str:
    """Encapsulations joined by a slash, outermost first, e.g. `gre/vxlan`; empty when the packet is in no tunnel."""
    return _tunnel_name(tuple(path))


@lru_cache(4096)
def _tunnel_name(path: tuple[str, ...]) -> str:
    names: list[str] = []
    outer: str | None = None  # the IP layer that a following one would be inside of
    for layer in path:
        if layer in QUOTING:
            break  # what an ICMP error quotes is not in a tunnel
        if layer in ENCAPSULATIONS:
            names.append(ENCAPSULATIONS[layer])
            outer = None
        elif layer == LABELS and outer is not None:
            names.append(LABELS)
            outer = None
        elif layer in ("ip", "ipv6"):
            if outer is not None:
                names.append(IN_IP[outer, layer])
            outer = layer
    return "/".join(names)
