"""The protocol hierarchy out of the scanner's trie: every prefix of a path is a row, as `tshark -z io,phs` has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, overload

from pcap_analyzer.analysis.model import ProtocolRow, UnsupportedPart
from pcap_analyzer.iana import ethertype_name, link_type_name, protocol_name

if TYPE_CHECKING:
    from pcap_analyzer._native.scan import Scanner

Step = tuple[int, str, str | int | None]
MAX_PARTS = 100

# How a number of each kind is written, and where its name is found.
NUMBERED = {
    "link_type": ("link type {}", link_type_name),
    "ethertype": ("ethertype 0x{:04x}", ethertype_name),
    "ip_protocol": ("IP protocol {}", protocol_name),
    "ppp": ("PPP protocol 0x{:04x}", None),
    "llc_sap": ("LLC SAP 0x{:02x}", None),
    "llc_oui": ("SNAP organisation 0x{:06x}", None),
    "wlan": ("802.11 frame type 0x{:02x}", None),
    "nlpid": ("NLPID 0x{:02x}", None),
    "family": ("address family {}", None),
    "arcnet": ("ARCNET protocol {}", None),
}


def step_name(kind: str, value: str | int | None) -> str:
    """One step of a path as text: a layer's name, or the number of what we do not read."""
    if kind == "name":
        return str(value)
    if kind == "other" or kind not in NUMBERED:
        return "other"
    form, lookup = NUMBERED[kind]
    if not isinstance(value, int):
        return form.split(" {")[0].split(" 0x")[0] + " (others)"
    text = form.format(value)
    name = lookup(value) if lookup else None
    return f"{text} ({name})" if name and not name.startswith(text) and str(value) != name else text


def path_text(steps: Iterable[Step]) -> tuple[str, ...]:
    """The names along a path, outermost first."""
    return tuple(step_name(kind, value) for _parent, kind, value in steps)


class PathTexts(Sequence[tuple[str, ...]]):
    """path_text of every path of a scanner, made when somebody asks: of thousands few are told of."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner

    def __len__(self) -> int:
        return self._scanner.path_count

    @overload
    def __getitem__(self, node: int) -> tuple[str, ...]: ...
    @overload
    def __getitem__(self, node: slice) -> list[tuple[str, ...]]: ...
    def __getitem__(self, node: int | slice) -> tuple[str, ...] | list[tuple[str, ...]]:
        if isinstance(node, slice):
            return [path_text(self._scanner.path_steps(one)) for one in range(*node.indices(len(self)))]
        return path_text(self._scanner.path_steps(node))


def protocol_rows(paths: Iterable[tuple[Sequence[Step], int, int]]) -> list[ProtocolRow]:
    """Packets and bytes of every prefix of the paths (steps, packets, bytes) on which packets end.

    The kernel tells at most 4,096 steps apart; what numbers come beyond them is one step, "others".
    """
    sums: dict[tuple[str, ...], list[int]] = {}
    for steps, packets, size in paths:
        names = path_text(steps)
        for depth in range(1, len(names) + 1):
            row = sums.setdefault(names[:depth], [0, 0])
            row[0] += packets
            row[1] += size
    return [ProtocolRow(path, *sums[path]) for path in sorted(sums)]


def unsupported_parts(paths: Iterable[tuple[Sequence[Step], int, int]]) -> list[UnsupportedPart]:
    """What we do not read, by name, most packets first: paths that end on a number instead of a layer."""
    sums: dict[str, int] = {}
    for steps, packets, _size in paths:
        if steps and steps[-1][1] != "name":
            name = step_name(steps[-1][1], steps[-1][2])
            sums[name] = sums.get(name, 0) + packets
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return [UnsupportedPart(name, packets) for name, packets in ranked[:MAX_PARTS]]
