"""Flows as columns seen from their client: the scanner's two-sided records, turned.

The scanner keeps a flow by the canonical order of its addresses; people ask for client and server. `conn_state` and `history`
are those of Zeek (its reference on conn.log); ours differ where it would look into payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pcap_analyzer._native.scan import FlowReader, flow_layout
from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.model import TCP_FLAGS, Ended, Flow

Records = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

RAW = np.dtype(flow_layout())

# flow_state_t, letter_t, kind_t and sentinels of native/flow.pxd
CLIENT_B, TIMED = 2, 64
SYN, SYN_ACK, ACK, DATA, FIN, RST = 1, 2, 4, 8, 16, 32
KIND_ADDRESSES, KIND_TCP, KIND_UDP, KIND_SCTP, KIND_ICMP, KIND_OTHER = range(6)
NO_NUMBER, NO_VLAN, NO_TIME = 0xFFFFFFFF, 0xFFFF, np.iinfo(np.int64).min

ENDED = ("", "open", "fin", "reset")  # by the field `ended`
STATES = ("", "OTH", "S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR")
SIDES = ("client", "server")

FLOW = np.dtype(
    [
        ("flow_id", "<u4"), ("stream", "<u4"), ("kind", "u1"), ("ip_version", "u1"), ("protocol", "u1"), ("ended", "u1"),
        ("client", "u1", (16,)), ("server", "u1", (16,)), ("client_port", "<u2"), ("server_port", "<u2"),
        ("vlan_id", "<u2"), ("path", "<u2"), ("syn_retries", "<u2"), ("conn_state", "u1"),
        ("first_ns", "<i8"), ("last_ns", "<i8"),
        *((f"{side}_{name}", "<i8") for side in SIDES for name in ("packets", "bytes", "payload_bytes")),
        *((f"{side}_flags", "<u4", (8,)) for side in SIDES),
        ("handshake_network_ns", "<i8"), ("handshake_client_ns", "<i8"), ("initial_rtt_ns", "<i8"), ("history", "S24"),
    ]
)  # fmt: skip
"""One flow. stream: 0xFFFFFFFF without one.  vlan_id: 0xFFFF untagged.  Times: NO_TIME where there is none.  path: node of the
protocol hierarchy.  ended, conn_state: index into ENDED, STATES.  kind: kind_t."""


def flow_batches(reader: FlowReader) -> Callable[[int], Iterator[Records]]:
    """All flows as FLOW records, in order of flow_id, in batches of a given size."""

    def batches(batch_size: int) -> Iterator[Records]:
        for begin in range(0, len(reader), batch_size):
            raw = np.frombuffer(reader.read(begin, min(begin + batch_size, len(reader))), RAW)
            yield turned(raw)

    return batches


def turned(raw: Records) -> Records:
    """The scanner's records (n,) as FLOW records (n,), client and server told apart."""
    out = np.zeros(len(raw), FLOW)
    client_b = raw["state"] & CLIENT_B != 0
    tcp = raw["kind"] == KIND_TCP
    for name in ("flow_id", "stream", "kind", "ip_version", "protocol", "vlan_id", "path", "syn_retries", "history"):
        out[name] = raw[name]
    out["client"] = np.where(client_b[:, None], raw["b"], raw["a"])
    out["server"] = np.where(client_b[:, None], raw["a"], raw["b"])
    out["client_port"] = np.where(client_b, raw["b_port"], raw["a_port"])
    out["server_port"] = np.where(client_b, raw["a_port"], raw["b_port"])
    timed = raw["state"] & TIMED != 0
    out["first_ns"] = np.where(timed, raw["first_seen"], NO_TIME)
    out["last_ns"] = np.where(timed, raw["last_seen"], NO_TIME)
    rows = np.arange(len(raw))
    sides = raw["direction"]
    client, server = sides[rows, client_b.astype(np.intp)], sides[rows, 1 - client_b.astype(np.intp)]
    for side, values in zip(SIDES, (client, server), strict=True):
        for name in ("packets", "bytes", "payload_bytes"):
            out[f"{side}_{name}"] = values[name]
        out[f"{side}_flags"] = values["flag_count"]
    out["conn_state"] = _conn_states(out, tcp, client["letters"], server["letters"])
    out["ended"] = np.where(tcp, _ended(client["letters"], server["letters"]), 0)
    _measure_handshakes(out, raw)
    return out


def _ended(client: npt.NDArray[np.uint16], server: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """How a TCP flow stood when it was last seen: a reset wins, then any FIN."""
    both = client | server
    ended: npt.NDArray[np.uint8] = np.select([both & RST != 0, both & FIN != 0], [3, 2], 1).astype(np.uint8)
    return ended


def _conn_states(out: Records, tcp: Mask, client: npt.NDArray[np.uint16], server: npt.NDArray[np.uint16]) -> Records:
    """Zeek's conn_state as an index into STATES. UDP: by which sides spoke."""
    syn, answer = client & SYN != 0, server & SYN_ACK != 0
    client_rst, server_rst = client & RST != 0, server & RST != 0
    client_fin, server_fin = client & FIN != 0, server & FIN != 0
    open_ = syn & answer
    sent, got = out["client_packets"] > 0, out["server_packets"] > 0
    tcp_state = np.select(
        [
            open_ & client_rst & ~(client_fin & server_fin),
            open_ & server_rst & ~(client_fin & server_fin),
            syn & ~answer & server_rst,
            syn & ~answer & client_rst,
            ~syn & answer & server_rst,
            client_fin & server_fin,
            syn & ~answer & client_fin,
            ~syn & answer & server_fin,
            open_ & client_fin,
            open_ & server_fin,
            open_,
            syn & ~got,
        ],
        [
            STATES.index(name)
            for name in ("RSTO", "RSTR", "REJ", "RSTOS0", "RSTRH", "SF", "SH", "SHR", "S2", "S3", "S1", "S0")
        ],
        STATES.index("OTH"),
    )
    udp_state = np.select([sent & got, sent], [STATES.index("SF"), STATES.index("S0")], STATES.index("SHR"))
    state: Records = np.select([tcp, out["kind"] == KIND_UDP], [tcp_state, udp_state], 0).astype(np.uint8)
    return state


def _measure_handshakes(out: Records, raw: Records) -> None:
    """SYN → SYN/ACK, SYN/ACK → ACK and Wireshark's initial RTT, from the latest SYN that was answered."""
    last_syn, syn_ack, ack = raw["last_syn"], raw["syn_ack"], raw["ack"]
    out["handshake_network_ns"] = np.where((last_syn != 0) & (syn_ack != 0), syn_ack - last_syn, NO_TIME)
    out["handshake_client_ns"] = np.where((syn_ack != 0) & (ack != 0), ack - syn_ack, NO_TIME)
    out["initial_rtt_ns"] = np.where((last_syn != 0) & (ack != 0), ack - last_syn, NO_TIME)


def flow_of(record: Records, tunnel: str | None) -> Flow:
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
