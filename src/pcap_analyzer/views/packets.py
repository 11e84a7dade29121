"""The packets of a batch that belong to flows, sorted by flow: what every view sums up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pcap_analyzer.packet_columns import HAS_ICMP, HAS_TCP, HAS_TIME, HAS_TRANSPORT, NONE, DecodedBatch
from pcap_analyzer.views.sums import Column, Int64, Mask, Runs

FIELDS = (
    *("present", "timestamp", "original_length", "payload_length", "tcp_flags", "tcp_window", "protocol", "path"),
    *("transport_offset", "transport_length", "icmp_type", "icmp_code"),
)
# Octets of the headers in front of the first IP header. Of 802.1ad one step of a path is one tag, two, or a backbone's.
LINK_BYTES = {"eth": 14, "vlan": 4, "mpls": 4, "pppoes": 6, "raw": 0, "sll": 16, "null": 4}
IP_LAYERS = frozenset({"ip", "ipv6"})
UNKNOWN = -1


class Packets(NamedTuple):
    """Columns of n packets, sorted by flow, those of a flow in order of capture.

    forward: sent by who sent the flow's first packet.  header: of TCP, UDP and the like, with options.  ip: the
    length that IP announces; UNKNOWN in tunnels.  timed: the packet has a time.
    """

    flow: Int64
    forward: Mask
    timed: Mask
    time_ns: Int64
    length: Int64
    payload: Int64
    header: Int64
    ip: Int64
    flags: Int64
    window: Int64
    is_tcp: Mask

    def where(self, rows: Mask) -> Packets:
        """Some of them."""
        chosen: Any = [column[rows] for column in self]
        return Packets(*chosen)


class Firsts:
    """What the first packet of each flow says."""

    def __init__(self) -> None:
        self.from_client = Column(UNKNOWN)
        self.icmp = Column(UNKNOWN)
        """ICMP type << 8 | code."""

    def packets(self, batch: DecodedBatch) -> Packets | None:
        """The packets of a batch; None where none belongs to a flow."""
        rows = np.flatnonzero(batch.flow_id != NONE)
        if not len(rows):
            return None
        rows = rows[np.argsort(batch.flow_id[rows], kind="stable")]
        fields = {name: np.asarray(batch.packets[name])[rows] for name in FIELDS}
        flow = batch.flow_id[rows].astype(np.int64)
        runs, present = Runs(flow), fields["present"]
        side = batch.from_client[rows].astype(np.int64)
        first = self.from_client.reach(runs.last_flow)
        fresh = first[runs.flows] == UNKNOWN
        at = runs.starts[fresh]
        first[runs.flows[fresh]] = side[at]
        icmp = fields["icmp_type"][at].astype(np.int64) << 8 | fields["icmp_code"][at]
        self.icmp.reach(runs.last_flow)[runs.flows[fresh]] = np.where(present[at] & HAS_ICMP, icmp, UNKNOWN)
        has_transport = present & HAS_TRANSPORT != 0
        is_tcp = present & HAS_TCP != 0
        header = np.where(has_transport, fields["transport_length"], 0).astype(np.int64)
        payload = fields["payload_length"].astype(np.int64)
        return Packets(
            flow=flow,
            forward=side == first[flow],
            timed=present & HAS_TIME != 0,
            time_ns=fields["timestamp"].astype(np.int64),
            length=fields["original_length"].astype(np.int64),
            payload=payload,
            header=header,
            ip=_ip_lengths(batch.paths, fields, has_transport, header + payload),
            flags=np.where(is_tcp, fields["tcp_flags"], 0).astype(np.int64),
            window=fields["tcp_window"].astype(np.int64),
            is_tcp=is_tcp,
        )


def _ip_lengths(
    paths: Sequence[Sequence[str]], fields: Mapping[str, NDArray[Any]], has_transport: Mask, behind: Int64
) -> Int64:
    """What IP says that its packet is long: its own header, that of the transport, the payload.

    Of later fragments, which have no transport header, what is behind the link layer, with its padding.
    """
    link = np.array([_link_bytes(layers) for layers in paths], np.int64)[fields["path"]]
    whole = fields["original_length"].astype(np.int64) - link
    length = np.where(has_transport, fields["transport_offset"].astype(np.int64) - link + behind, whole)
    return np.where(link == UNKNOWN, UNKNOWN, length)


def _link_bytes(layers: Sequence[str]) -> int:
    """Octets in front of the only IP header of a path; UNKNOWN where there is another, or they are not known."""
    found = [place for place, name in enumerate(layers) if name in IP_LAYERS]
    if len(found) != 1 or any(name not in LINK_BYTES for name in layers[: found[0]]):
        return UNKNOWN
    return sum(LINK_BYTES[name] for name in layers[: found[0]])
