"""The statistical features of NFStream: https://www.nfstream.org/docs/api"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from pcap_analyzer.views.figures import NfstreamFigures
from pcap_analyzer.views.sides import Sides
from pcap_analyzer.views.sums import Spread
from pcap_analyzer.views.tables import FLAG_NAMES

FLOW_COLUMNS = (
    *("flow_id", "ip_version", "protocol", "client", "client_port", "server", "server_port", "vlan_id"),
    *(f"{side}_{name}" for side in ("client", "server") for name in ("packets", "bytes", *FLAG_NAMES)),
)


def columns(sides: Sides, figures: NfstreamFigures, begin: int, end: int) -> Mapping[str, Any]:
    """The columns of flows [begin, end)."""
    flows = sides.flows
    made: dict[str, Any] = {
        "id": flows.column("flow_id"),
        "src_ip": sides.forward("client", "server"),
        "src_port": pc.fill_null(sides.forward("client_port", "server_port"), 0),
        "dst_ip": sides.backward("client", "server"),
        "dst_port": pc.fill_null(sides.backward("client_port", "server_port"), 0),
        "protocol": flows.column("protocol"),
        "ip_version": flows.column("ip_version"),
        "vlan_id": pc.fill_null(flows.column("vlan_id"), 0),
    }
    for name in ("packets", "bytes"):
        made |= _of_ways(name, *sides.numbers(name))
    for flag in FLAG_NAMES:
        made |= _of_ways(f"{flag}_packets", *sides.numbers(flag))
    for way, size, gap, seen in (
        ("bidirectional", figures.size, figures.gap, figures.seen),
        ("src2dst", figures.sizes.forward, figures.gaps.forward, figures.seens.forward),
        ("dst2src", figures.sizes.backward, figures.gaps.backward, figures.seens.backward),
    ):
        first, last = seen.first(begin, end), seen.last(begin, end)
        made |= {f"{way}_first_seen_ms": first, f"{way}_last_seen_ms": last, f"{way}_duration_ms": last - first}
        made |= {f"{way}_{name}_ps": values for name, values in _four(size, begin, end).items()}
        made |= {f"{way}_{name}_piat_ms": values for name, values in _four(gap.spread, begin, end).items()}
    return made


def _of_ways(name: str, forward: Any, backward: Any) -> dict[str, Any]:
    ways = (("bidirectional", forward + backward), ("src2dst", forward), ("dst2src", backward))
    return {f"{way}_{name}": values for way, values in ways}


def _four(spread: Spread, begin: int, end: int) -> dict[str, Any]:
    return {
        "min": spread.least(begin, end),
        "mean": spread.mean(begin, end),
        "stddev": spread.deviation(begin, end),
        "max": spread.most(begin, end),
    }
