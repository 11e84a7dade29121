"""Flows as records seen from their client, in batches; and one of them as plain values.

`conn_state` and `history` are those of Zeek (its reference on conn.log); ours differ where it would look into payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pcap_analyzer._native.scan import FlowReader, flow_row_layout
from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.model import TCP_FLAGS, Ended, Flow

Records = npt.NDArray[Any]

# kind_t and sentinels of native/flow.pxd
KIND_ADDRESSES, KIND_TCP, KIND_UDP, KIND_SCTP, KIND_ICMP, KIND_OTHER = range(6)
NO_NUMBER, NO_VLAN, NO_TIME = 0xFFFFFFFF, 0xFFFF, np.iinfo(np.int64).min

ENDED = ("", "open", "fin", "reset")  # by the field `ended`
STATES = ("", "OTH", "S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR")

layout: Any = flow_row_layout()
FLOW = np.dtype(layout)
"""One flow. stream: 0xFFFFFFFF without one.  vlan_id: 0xFFFF untagged.  Times: NO_TIME where there is none.
path: node of the protocol hierarchy.  ended, conn_state: index into ENDED, STATES.  kind: kind_t."""


def flow_batches(reader: FlowReader) -> Callable[[int], Iterator[Records]]:
    """All flows as FLOW records, in order of flow_id, in batches of a given size."""

    def batches(batch_size: int) -> Iterator[Records]:
        for begin in range(0, len(reader), batch_size):
            yield np.frombuffer(reader.read(begin, min(begin + batch_size, len(reader))), FLOW)

    return batches


def flow_of(record: Any, tunnel: str | None) -> Flow:
    """One FLOW record as a Flow of plain values."""
    version, kind = int(record["ip_version"]), int(record["kind"])
    ports = kind in (KIND_TCP, KIND_UDP, KIND_SCTP)
    tcp = kind == KIND_TCP
    return Flow(
        flow_id=int(record["flow_id"]),
        stream=None if record["stream"] == NO_NUMBER else int(record["stream"]),
        ip_version=version,
        protocol=int(record["protocol"]),
        client=address_text(record["client"].tobytes(), version),
        client_port=int(record["client_port"]) if ports else None,
        server=address_text(record["server"].tobytes(), version),
        server_port=int(record["server_port"]) if ports else None,
        first_ns=_time(record["first_ns"]),
        last_ns=_time(record["last_ns"]),
        client_packets=int(record["client_packets"]),
        client_bytes=int(record["client_bytes"]),
        client_payload_bytes=int(record["client_payload_bytes"]),
        server_packets=int(record["server_packets"]),
        server_bytes=int(record["server_bytes"]),
        server_payload_bytes=int(record["server_payload_bytes"]),
        vlan_id=None if record["vlan_id"] == NO_VLAN else int(record["vlan_id"]),
        tunnel=tunnel,
        syn_retries=int(record["syn_retries"]),
        handshake_network_ns=_time(record["handshake_network_ns"]),
        handshake_client_ns=_time(record["handshake_client_ns"]),
        initial_rtt_ns=_time(record["initial_rtt_ns"]),
        conn_state=STATES[record["conn_state"]] or None,
        history=record["history"].decode(),
        ended=_ended_word(int(record["ended"])),
        client_flags=dict(zip(TCP_FLAGS, record["client_flags"].tolist(), strict=True)) if tcp else {},
        server_flags=dict(zip(TCP_FLAGS, record["server_flags"].tolist(), strict=True)) if tcp else {},
    )


def _ended_word(ended: int) -> Ended | None:
    words: tuple[Ended | None, ...] = (None, "open", "fin", "reset")
    return words[ended]


def _time(value: Any) -> int | None:
    return None if value == NO_TIME else int(value)
