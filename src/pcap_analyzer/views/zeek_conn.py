"""Zeek's conn.log: https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcap_analyzer.views.figures import ZeekFigures
from pcap_analyzer.views.packets import UNKNOWN
from pcap_analyzer.views.sides import Sides

TCP, UDP, ICMP = 6, 17, {1, 58}
NAMES = {TCP: "tcp", UDP: "udp"} | dict.fromkeys(ICMP, "icmp")
FLOW_COLUMNS = (
    *("flow_id", "protocol", "client", "client_port", "server", "server_port", "vlan_id", "community_id"),
    *("first_seen", "duration", "conn_state", "history"),
    *(
        f"{side}_{name}"
        for side in ("client", "server")
        for name in ("packets", "payload_bytes", "unique_bytes", "missed_bytes")
    ),
)


def columns(sides: Sides, figures: ZeekFigures, begin: int, end: int) -> Mapping[str, Any]:
    """The columns of flows [begin, end). The originator is the client, whoever sent the first packet."""
    flows = sides.flows
    protocol = flows.column("protocol").to_numpy()
    first = figures.firsts.icmp.of(begin, end)
    took = pc.fill_null(pc.greater(flows.column("duration").cast(pa.int64()), 0), False)
    unset = pa.scalar(None, pa.uint64())
    client, server = _by_client(sides, *sides.numbers("packets"))
    missed = sum(sides.numbers("missed_bytes"))
    sizes = [pc.if_else(took, pa.array(size), unset) for size in _sizes(sides, protocol)]
    ip_bytes = [
        pa.array(values.astype(np.uint64), mask=unknown > 0)
        for values, unknown in zip(
            _by_client(sides, figures.ip_bytes.forward.of(begin, end), figures.ip_bytes.backward.of(begin, end)),
            _by_client(sides, figures.unknown.forward.of(begin, end), figures.unknown.backward.of(begin, end)),
            strict=True,
        )
    ]
    return {
        "ts": flows.column("first_seen"),
        "uid": pc.binary_join_element_wise(pa.scalar("F"), flows.column("flow_id").cast(pa.string()), pa.scalar("")),
        "id.orig_h": flows.column("client"),
        "id.orig_p": _port(flows.column("client_port"), first >> 8, first != UNKNOWN),
        "id.resp_h": flows.column("server"),
        "id.resp_p": _port(flows.column("server_port"), first & 0xFF, first != UNKNOWN),
        "proto": pa.array([NAMES.get(int(number), "unknown_transport") for number in protocol]),
        "duration": pc.if_else(took, flows.column("duration"), pa.scalar(None, flows.column("duration").type)),
        "orig_bytes": sizes[0],
        "resp_bytes": sizes[1],
        "conn_state": pc.fill_null(flows.column("conn_state").dictionary_decode(), "OTH"),
        "missed_bytes": missed,
        "history": flows.column("history"),
        "orig_pkts": client,
        "orig_ip_bytes": ip_bytes[0],
        "resp_pkts": server,
        "resp_ip_bytes": ip_bytes[1],
        "ip_proto": flows.column("protocol"),
        "vlan": flows.column("vlan_id"),
        "community_id": flows.column("community_id"),
    }


def _by_client(sides: Sides, forward: Any, backward: Any) -> tuple[Any, Any]:
    """Client and server instead of forward and backward."""
    return np.where(sides.client_first, forward, backward), np.where(sides.client_first, backward, forward)


def _sizes(sides: Sides, protocol: Any) -> tuple[Any, Any]:
    """Payload of originator and responder; of TCP what sequence numbers tell: each byte once, and those missed."""
    payload, unique, missed = (
        _by_client(sides, *sides.numbers(name)) for name in ("payload_bytes", "unique_bytes", "missed_bytes")
    )
    sizes = [np.where(protocol == TCP, unique[place] + missed[place], payload[place]) for place in range(2)]
    return sizes[0], sizes[1]


def _port(port: pa.Array, of_icmp: Any, is_icmp: Any) -> pa.Array:
    return pc.if_else(pa.array(is_icmp), pa.array(np.where(is_icmp, of_icmp, 0).astype(np.uint16)), port)
