"""A batch of decoded packets as a record batch of the public `packets` table.

The engine keeps one record per packet (`packet_t`); here each of its fields becomes an Arrow column, taken out of the
records once, with a bitmap for the rows in which it is absent. Imports pyarrow: only who asks for tables comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer.arrow_columns import Mask, address_words, no_words, octets, table_words, values_column, words
from pcap_analyzer.schema import PACKETS, arrow_schema
from pcap_analyzer.tunnels import tunnel_name

NONE = 0xFFFFFFFF  # in flow_id, stream, interface_id, extra: there is none
NO_VLAN = 0xFFFF
STATUS = ("complete", "truncated", "malformed", "unsupported")  # by decode_status_t
MALFORMED = STATUS.index("malformed")
LAYER = ("none", "link", "network", "transport")  # by decode_layer_t

# present_t of native/packet.pxd
HAS_TIME, HAS_IP, HAS_FRAGMENT, MORE_FRAGMENTS, HAS_PORTS, HAS_TCP, HAS_UDP = 1, 2, 4, 8, 16, 32, 64
HAS_SCTP, HAS_ICMP, HAS_TUNNEL, HAS_IP_ID = 128, 256, 1024, 2048
HAS_TRANSPORT = HAS_TCP | HAS_UDP | HAS_SCTP | HAS_ICMP

type_of = {one.name: one.kind for one in PACKETS.fields}


Fields = Mapping[str, NDArray[Any]] | NDArray[np.void]
"""An array a field, or records that hold them."""


@dataclass(frozen=True)
class DecodedBatch:
    """One batch as the engine hands it over; arrays are parallel, one row per packet.

    frame_number: (n,) uint64.  packets: the fields of packet_t, (n,) each.  segments: those of tcp_row_t.
    extras: (m,) extra_t, what packets.extra points into.
    paths: the layer names of each protocol path, by packets.path.  flow_id, stream: (n,) uint32, NONE without one.
    from_client: (n,) 0 or 1, anything where flow_id is NONE.
    """

    frame_number: NDArray[np.uint64]
    packets: Fields
    segments: Fields
    extras: NDArray[np.void]
    paths: Sequence[Sequence[str]]
    flow_id: NDArray[np.uint32]
    stream: NDArray[np.uint32]
    from_client: NDArray[np.uint8]


def packet_batch(batch: DecodedBatch, columns: tuple[str, ...] | None = None) -> pa.RecordBatch:
    """The `packets` columns of a batch, or those asked for. Raises KeyError for a column the table does not have."""
    schema = arrow_schema(PACKETS, columns)
    return pa.RecordBatch.from_arrays([_column(batch, name) for name in schema.names], schema=schema)


def _column(batch: DecodedBatch, name: str) -> pa.Array:
    """One column: its values with its own nulls."""
    if name in WORDS:
        return WORDS[name](batch)
    values = VALUES[name](batch) if name in VALUES else batch.packets[name]
    present = PRESENT[name](batch) if name in PRESENT else None
    return values_column(values, type_of[name], present)


def _of_segment(name: str, batch: DecodedBatch) -> NDArray[Any]:
    """What was found of the packet's TCP segment."""
    values: NDArray[Any] = batch.segments[name]
    return values


def _window(batch: DecodedBatch) -> NDArray[np.uint32]:
    """The scaled window; of what is not judged, e.g. a first fragment, as on the wire."""
    raw = batch.packets["tcp_window"].astype(np.uint32)
    return np.where(batch.segments["judged"] != 0, batch.segments["tcp_window"], raw)


# Where a column is not simply the field of the same name.
VALUES: dict[str, Callable[[DecodedBatch], NDArray[Any]]] = {
    "frame_number": lambda batch: batch.frame_number,
    "dscp": lambda batch: batch.packets["traffic_class"] >> 2,
    "ecn": lambda batch: batch.packets["traffic_class"] & 3,
    "more_fragments": lambda batch: batch.packets["present"] & MORE_FRAGMENTS != 0,
    "flow_id": lambda batch: batch.flow_id,
    "stream": lambda batch: batch.stream,
    "from_client": lambda batch: batch.from_client,
    **{name: partial(_of_segment, name) for name in ("tcp_marks", "ack_rtt", "bytes_in_flight")},
    "tcp_window": _window,
    "tcp_window_raw": lambda batch: batch.packets["tcp_window"],
}


def _having(bits: int, batch: DecodedBatch) -> Mask:
    """Rows with any of these bits in `present`."""
    mask: Mask = batch.packets["present"] & bits != 0
    return mask


def _other_than(missing: int, name: str, batch: DecodedBatch) -> Mask:
    """Rows in which the field does not hold the number that stands for "none"."""
    mask: Mask = batch.packets[name] != missing
    return mask


def _payload_known(batch: DecodedBatch) -> Mask:
    """Rows whose transport header ends inside the packet: the decoder gives one that does not the length 0."""
    endless = (batch.packets["decode_status"] == MALFORMED) & (batch.packets["transport_length"] == 0)
    known: Mask = _having(HAS_TRANSPORT, batch) & ~(endless & _having(HAS_TCP, batch))
    return known


PRESENT: dict[str, Callable[[DecodedBatch], Mask]] = {
    "timestamp": partial(_having, HAS_TIME),
    "interface_id": partial(_other_than, NONE, "interface_id"),
    "vlan_id": partial(_other_than, NO_VLAN, "vlan_id"),
    "inner_vlan_id": partial(_other_than, NO_VLAN, "inner_vlan_id"),
    **dict.fromkeys(("ip_version", "protocol", "ttl", "dscp", "ecn"), partial(_having, HAS_IP)),
    "ip_id": partial(_having, HAS_IP_ID),
    **dict.fromkeys(("fragment_offset", "more_fragments"), partial(_having, HAS_FRAGMENT)),
    **dict.fromkeys(("src_port", "dst_port"), partial(_having, HAS_PORTS)),
    **dict.fromkeys(("icmp_type", "icmp_code"), partial(_having, HAS_ICMP)),
    "payload_length": _payload_known,
    "flow_id": lambda batch: batch.flow_id != NONE,
    "stream": lambda batch: batch.stream != NONE,
    "from_client": lambda batch: batch.flow_id != NONE,
    "tcp_marks": lambda batch: batch.segments["judged"] != 0,
    "ack_rtt": lambda batch: batch.segments["ack_rtt"] != 0,
    "bytes_in_flight": lambda batch: batch.segments["bytes_in_flight"] != 0,
    **dict.fromkeys(("tcp_flags", "tcp_seq", "tcp_ack", "tcp_window", "tcp_window_raw"), partial(_having, HAS_TCP)),
}


def _addresses(name: str, batch: DecodedBatch) -> pa.DictionaryArray:
    """`src` or `dst` of the innermost IP layer."""
    return address_words(octets(batch.packets[name]), batch.packets["ip_version"], _having(HAS_IP, batch))


def _outer_addresses(name: str, batch: DecodedBatch) -> pa.DictionaryArray:
    """`outer_src` or `outer_dst`: from the side record that packets in tunnels have."""
    tunnelled = _having(HAS_TUNNEL, batch) & (batch.packets["extra"] != NONE)
    if not tunnelled.any():
        return no_words(len(batch.frame_number))
    extras = batch.extras[batch.packets["extra"][tunnelled]]
    addresses = np.zeros((len(batch.frame_number), 16), np.uint8)
    addresses[tunnelled] = octets(extras[name])
    version = np.zeros(len(batch.frame_number), np.uint8)
    version[tunnelled] = extras["outer_version"]
    return address_words(addresses, version, tunnelled)


def _tunnel(batch: DecodedBatch) -> pa.DictionaryArray:
    """The encapsulations that stand in the packet's protocol path."""
    return table_words([tunnel_name(path) for path in batch.paths], batch.packets["path"])


def _protocols(batch: DecodedBatch) -> pa.DictionaryArray:
    """The packet's protocol path, joined as Wireshark joins frame.protocols."""
    return table_words([":".join(path) for path in batch.paths], batch.packets["path"])


WORDS: dict[str, Callable[[DecodedBatch], pa.DictionaryArray]] = {
    "decode_status": lambda batch: words(STATUS, batch.packets["decode_status"]),
    "decode_layer": lambda batch: words(LAYER, batch.packets["decode_layer"]),
    "src": partial(_addresses, "src"),
    "dst": partial(_addresses, "dst"),
    "outer_src": partial(_outer_addresses, "outer_src"),
    "outer_dst": partial(_outer_addresses, "outer_dst"),
    "tunnel": _tunnel,
    "protocols": _protocols,
}
