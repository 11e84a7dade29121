"""The protocol hierarchy beside tshark's `io,phs`: packets and bytes of every path of layers that we decode."""

import pytest

from pcap_analyzer.pipeline import analyze_capture

pytestmark = pytest.mark.corpus

# tshark's names of the layers that we decode; paths with others (applications, exotic links) are left out.
DECODED = frozenset(
    (
        "eth",
        "ip",
        "ipv6",
        "tcp",
        "udp",
        "vlan",
        "ieee8021ad",
        "arp",
        "icmp",
        "icmpv6",
        "sctp",
        "udplite",
        "mpls",
        "pppoes",
        "ppp",
        "llc",
        "sll",
        "null",
        "raw",
        "chdlc",
        "fr",
        "gre",
        "erspan",
        "vxlan",
        "geneve",
        "gtp",
        "teredo",
        "l2tp",
        "wlan",
        "wlan_radio",
        "radiotap",
        "prism",
    )
)
ROOTS = ("frame", "pkt_comment")  # stand above the first layer
# Captures whose hierarchy differs, each with its reason.
DIFFERENT = {
    "aircrack-ng/wpaclean_crash.pcap": "a Prism header that is none: no line",
}


def decoded_paths(rows) -> dict[tuple[str, ...], tuple[int, int]]:
    """Path → (packets, bytes), for paths that consist of decoded layers alone."""
    return {path: counts for path, counts in rows.items() if path and set(path) <= DECODED}


def recorded(phs) -> dict[tuple[str, ...], tuple[int, int]]:
    """tshark's indented lines as paths."""
    rows: dict[tuple[str, ...], tuple[int, int]] = {}
    path: list[str] = []
    for depth, name, frames, size in phs:
        path[depth:] = [name]
        layers = tuple(layer for layer in path if layer not in ROOTS)
        seen = rows.get(layers, (0, 0))
        rows[layers] = (seen[0] + frames, seen[1] + size)
    return rows


def test_packets_and_bytes_of_every_path_equal_tsharks(corpus):
    different = {}
    for file in corpus:
        if file.is_capture:
            rows = {row.path: (row.packets, row.bytes) for row in analyze_capture(file.path).protocols}
            ours, theirs = decoded_paths(rows), decoded_paths(recorded(file.summary["phs"]))
            if ours != theirs:
                different[file.name] = sorted(set(ours.items()) ^ set(theirs.items()))
    unnamed = {name: rows for name, rows in different.items() if name not in DIFFERENT}
    assert not unnamed
    assert different.keys() == DIFFERENT.keys(), "a capture that agrees now has its reason still listed"
