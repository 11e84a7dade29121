"""A few packets of one flow, read again from the file when the pass is over: what a timeline is drawn from.

Costs nothing until somebody asks, and then about a microsecond for each record of the windows around.
"""

from __future__ import annotations

import struct
import sys
from functools import cache

from pcap_analyzer.addresses import address_bytes
from pcap_analyzer.analysis.model import FlowKey, FlowPacket, Lookup
from pcap_analyzer.capture.frames import Frames, JoinedFrames, Record

HAS_TCP = 32  # of present_t in native/packet.pxd


def lookup_in(frames: Frames | JoinedFrames) -> Lookup:
    """Analysis.lookup over the frames of a file."""

    def look(flow: FlowKey, first: int, last: int) -> list[FlowPacket]:
        at, from_client, from_server = _ends(flow)
        protocol = _places()["protocol"][0]
        return [
            _packet(record, packet, from_client=packet.startswith(from_client, at))
            for record, packet in frames.holding(first, last, at, (from_client, from_server))
            if packet[protocol] == flow.protocol
        ]

    return look


def _ends(flow: FlowKey) -> tuple[int, bytes, bytes]:
    """Where addresses and ports lie in a packet_t, one behind the other, and what stands there by direction."""
    client, server = (address_bytes(address) for address in (flow.client, flow.server))
    ports = [struct.pack("=H", port or 0) for port in (flow.client_port, flow.server_port)]
    return _places()["src"][0], client + server + ports[0] + ports[1], server + client + ports[1] + ports[0]


def _packet(record: Record, packet: bytes, *, from_client: bool) -> FlowPacket:
    tcp = bool(_number(packet, "present") & HAS_TCP)
    return FlowPacket(
        frame=record.number,
        time_ns=record.time_ns,
        from_client=from_client,
        length=record.original,
        payload=_number(packet, "payload_length"),
        flags=_number(packet, "tcp_flags") if tcp else None,
        seq=_number(packet, "tcp_seq") if tcp else None,
        ack=_number(packet, "tcp_ack") if tcp else None,
        window=_number(packet, "tcp_window") if tcp else None,
    )


@cache
def _places() -> dict[str, tuple[int, int]]:
    """(offset, bytes) of every field of packet_t."""
    from pcap_analyzer._native.decode import PACKET_DTYPE  # noqa: PLC0415 - only where something is looked up

    fields = zip(PACKET_DTYPE["names"], PACKET_DTYPE["offsets"], PACKET_DTYPE["formats"], strict=True)
    return {name: (offset, int(kind[1:])) for name, offset, kind in fields}


def _number(packet: bytes, name: str) -> int:
    offset, size = _places()[name]
    return int.from_bytes(packet[offset : offset + size], sys.byteorder)
