"""The features of CICFlowMeter: https://github.com/ahlashkari/CICFlowMeter.

What is computed otherwise than there stands in docs/views.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcap_analyzer.views.figures import CicFigures
from pcap_analyzer.views.sides import Sides
from pcap_analyzer.views.sums import Spread

FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "cwr", "ece")
FLOW_COLUMNS = (
    *("protocol", "client", "client_port", "server", "server_port", "first_seen"),
    *(f"{side}_{name}" for side in ("client", "server") for name in ("packets", *FLAGS)),
)
US_PER_S = 1e6


def columns(sides: Sides, figures: CicFigures, begin: int, end: int) -> Mapping[str, Any]:
    """The columns of flows [begin, end)."""
    first, last = figures.seen.first(begin, end), figures.seen.last(begin, end)
    took = last - first
    payload = figures.payload
    forward, backward = figures.payloads.forward, figures.payloads.backward
    packets = sides.numbers("packets")
    made = {
        **_ends(sides),
        "Flow Duration": took,
        "Total Fwd Packet": packets[0],
        "Total Bwd packets": packets[1],
        "Total Length of Fwd Packet": forward.total(begin, end),
        "Total Length of Bwd Packet": backward.total(begin, end),
        **_four("Fwd Packet Length", forward, begin, end),
        **_four("Bwd Packet Length", backward, begin, end),
        "Flow Bytes/s": _rate(payload.total(begin, end), took),
        "Flow Packets/s": _rate(packets[0] + packets[1], took),
        "Fwd Packets/s": _rate(packets[0], took),
        "Bwd Packets/s": _rate(packets[1], took),
        **_four("Flow IAT", figures.gap.spread, begin, end),
        **_four("Fwd IAT", figures.gaps.forward.spread, begin, end),
        **_four("Bwd IAT", figures.gaps.backward.spread, begin, end),
        "Fwd IAT Total": figures.gaps.forward.spread.total(begin, end),
        "Bwd IAT Total": figures.gaps.backward.spread.total(begin, end),
        "Fwd Header Length": figures.headers.forward.total(begin, end),
        "Bwd Header Length": figures.headers.backward.total(begin, end),
        **_four("Packet Length", payload, begin, end),
        "Packet Length Variance": payload.variance(begin, end),
        "Down/Up Ratio": packets[1] / np.maximum(packets[0], 1),
        "Average Packet Size": payload.mean(begin, end),
        "Fwd Segment Size Avg": forward.mean(begin, end),
        "Bwd Segment Size Avg": backward.mean(begin, end),
        "FWD Init Win Bytes": figures.windows.forward.of(begin, end),
        "Bwd Init Win Bytes": figures.windows.backward.of(begin, end),
        "Fwd Act Data Pkts": figures.with_payload.of(begin, end),
        "Fwd Seg Size Min": figures.headers.forward.least(begin, end),
        **_four("Active", figures.periods.active, begin, end),
        **_four("Idle", figures.periods.idle, begin, end),
    }
    return made | _flags(sides) | _bulks(figures, begin, end) | _subflows(figures, packets, begin, end)


def _ends(sides: Sides) -> dict[str, Any]:
    source, destination = sides.forward("client", "server"), sides.backward("client", "server")
    source_port, destination_port = (
        pc.fill_null(port, 0)
        for port in (sides.forward("client_port", "server_port"), sides.backward("client_port", "server_port"))
    )
    protocol = sides.flows.column("protocol")
    numbers = [number.cast(pa.string()) for number in (source_port, destination_port, protocol)]
    return {
        "Flow ID": pc.binary_join_element_wise(source, destination, *numbers, pa.scalar("-")),
        "Src IP": source,
        "Src Port": source_port,
        "Dst IP": destination,
        "Dst Port": destination_port,
        "Protocol": protocol,
        "Timestamp": sides.flows.column("first_seen"),
    }


def _four(name: str, spread: Spread, begin: int, end: int) -> dict[str, Any]:
    return {
        f"{name} Max": spread.most(begin, end),
        f"{name} Min": spread.least(begin, end),
        f"{name} Mean": spread.mean(begin, end),
        f"{name} Std": spread.deviation(begin, end),
    }


def _rate(number: Any, took_us: Any) -> pa.Array:
    """A second; null where no time passed."""
    return pa.array(number * US_PER_S / np.maximum(took_us, 1), mask=took_us <= 0)


def _flags(sides: Sides) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for flag in FLAGS:
        forward, backward = sides.numbers(flag)
        made[f"{flag.upper()} Flag Count"] = forward + backward
        if flag in ("psh", "urg"):
            made |= {f"Fwd {flag.upper()} Flags": forward, f"Bwd {flag.upper()} Flags": backward}
    return made


def _bulks(figures: CicFigures, begin: int, end: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for way, side in ((1, "Fwd"), (0, "Bwd")):
        count, packets, payload, took = (
            part[way].of(begin, end)
            for part in (figures.bulks.count, figures.bulks.packets, figures.bulks.payload, figures.bulks.time_us)
        )
        made[f"{side} Bytes/Bulk Avg"] = payload / np.maximum(count, 1)
        made[f"{side} Packet/Bulk Avg"] = packets / np.maximum(count, 1)
        made[f"{side} Bulk Rate Avg"] = np.where(took > 0, payload * US_PER_S / np.maximum(took, 1), 0)
    return made


def _subflows(figures: CicFigures, packets: tuple[Any, Any], begin: int, end: int) -> dict[str, Any]:
    count = figures.periods.subflows(begin, end)
    payload = figures.payloads.forward.total(begin, end), figures.payloads.backward.total(begin, end)
    return {
        f"Subflow {side} {name}": values[place] / count
        for name, values in (("Packets", packets), ("Bytes", payload))
        for place, side in enumerate(("Fwd", "Bwd"))
    }
