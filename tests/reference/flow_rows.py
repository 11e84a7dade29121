"""Rows of the flow table from packets in the order of the file, one dictionary a flow: sums, extremes, marks, measures.

What is said of TCP is asked of the twins of Wireshark's analysis (tcp.py) and of our measures (tcp_measures.py).
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from dataclasses import dataclass, field
from typing import Any

from tests.reference import reader
from tests.reference.frame import ICMP, ICMPV6, SCTP, TCP, UDP, Header, Packet
from tests.reference.packets import decode
from tests.reference.streams import Flows
from tests.reference.tcp_capture import Analysis
from tests.reference.tcp_measures import Conversation
from tests.reference.tcp_measures_state import Segment
from tests.reference.tcp_segments import Mark, Verdict

FIN, SYN, RST, ACK = 1, 2, 4, 16
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
SACK_PERMITTED, TIMESTAMPS = 4, 8  # kinds of options
ANSWERS = {
    ICMP: {8: 0, 0: 8, 9: 10, 10: 9, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17},
    ICMPV6: {
        128: 129,
        129: 128,
        130: 131,
        131: 130,
        133: 134,
        134: 133,
        135: 136,
        136: 135,
        139: 140,
        140: 139,
        144: 145,
        145: 144,
    },
}
Row = dict[str, Any]


def community_id(protocol: int, src: bytes, dst: bytes, src_port: int, dst_port: int) -> str:
    """Version 1 with seed 0. Ports of ICMP: type and code. addresses: 4 or 16 bytes."""
    one_way = False
    if protocol in ANSWERS:
        answer = ANSWERS[protocol].get(src_port)
        one_way = answer is None
        dst_port = dst_port if answer is None else answer
    if not one_way and (src, src_port) > (dst, dst_port):
        src, src_port, dst, dst_port = dst, dst_port, src, src_port
    message = struct.pack(">H", 0) + src + dst + struct.pack(">BB", protocol, 0)
    if protocol in (TCP, UDP, SCTP, ICMP, ICMPV6):
        message += struct.pack(">HH", src_port, dst_port)
    return "1:" + base64.b64encode(hashlib.sha1(message).digest()).decode()


@dataclass
class Side:
    """What one side sent."""

    packets: list[Packet] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    repeated_bytes: int = 0

    def scale(self) -> int | None:
        scales = [one.tcp_scale for one in self.packets if (one.tcp_flags or 0) & SYN and one.tcp_scale is not None]
        return scales[-1] if scales else None

    def cut(self) -> bool:
        return any(one.tcp_options_cut for one in self.syns())

    def syns(self) -> list[Packet]:
        return [one for one in self.packets if (one.tcp_flags or 0) & SYN]


@dataclass
class Flow:
    """One flow. sides: client, server."""

    first: Packet
    client_first: bool
    stream: int | None
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))
    measured: Conversation = field(default_factory=Conversation)
    order: list[tuple[int, Packet, int | None]] = field(default_factory=list)  # side, packet, time
    initial_rtt: int | None = None
    completeness: int = 0


def flow_rows(data: bytes) -> list[Row]:
    """Every flow of a capture, in order of flow_id."""
    analysis, numbers, flows = Analysis(), Flows(), dict[int, Flow]()
    for frame, record in enumerate(reader.read(data).records, 1):
        packet = decode(record.frame, record.original, record.link_type)
        said = {id(header): verdict for header, _, verdict in analysis.add(frame, record.timestamp, packet)}
        place = numbers.row(packet)
        if place.flow_id is None or place.from_client is None:
            continue
        flow = flows.setdefault(place.flow_id, Flow(packet, place.from_client, place.stream))
        side = 0 if place.from_client else 1
        _count(flow, side, packet, record.original, record.timestamp)
        for header in packet.headers:
            verdict = said.get(id(header))
            if header.own and header.protocol == TCP and verdict is not None:
                _judge(flow, side, packet, header, verdict, frame, record.timestamp or 0)
    for flow in flows.values():
        flow.measured.finish()
        if flow.first.tcp_flags is not None and flow.stream in analysis.conversations:
            flow.initial_rtt = analysis.conversations[flow.stream].initial_rtt or None
    return [_row(flow_id, flow) for flow_id, flow in flows.items()]


def _count(flow: Flow, side: int, packet: Packet, length: int, time: int | None) -> None:
    sent = flow.sides[side]
    sent.packets.append(packet)
    sent.lengths.append(length)
    sent.times.append(time)
    flow.order.append((side, packet, time))


def _judge(flow: Flow, side: int, packet: Packet, header: Header, verdict: Verdict, frame: int, time: int) -> None:
    """Take a segment into what is said of its connection."""
    sent = flow.sides[side]
    sent.verdicts.append(verdict)
    if Mark.retransmission in verdict.marks:
        sent.repeated_bytes += header.length or 0
    first = len(flow.order) == 1
    flow.completeness |= completeness(header.flags, header.length or 0, first=first)
    flow.measured.read(
        Segment(
            frame=frame,
            ns=time,
            direction=side,
            seq=header.seq,
            ack=header.ack,
            flags=header.flags,
            payload=header.length or 0,
            window=header.window,
            mss=packet.tcp_mss,
            scale=header.scale,
            sack_permitted=SACK_PERMITTED in packet.tcp_option_kinds,
            cut=header.cut,
            sack=tuple(header.sack),
            timestamps=packet.tcp_timestamps,
        )
    )


def completeness(flags: int, payload: int, *, first: bool) -> int:
    """What one segment adds to tcp.completeness; the first of a stream only when it is a pure SYN."""
    pure = flags & (SYN | ACK) == SYN
    if first and not pure:
        return 0
    bits = 1 if first else 0
    bits |= 2 if flags & SYN and flags & ACK else 0
    bits |= 8 if payload else 4 if flags & (SYN | ACK) == ACK else 0
    return bits | (16 if flags & FIN else 0) | (32 if flags & RST else 0)


def _row(flow_id: int, flow: Flow) -> Row:
    first = flow.first
    assert first.src is not None
    assert first.dst is not None
    tcp = first.tcp_flags is not None
    times = [time for _, _, time in flow.order if time is not None]
    row: Row = {
        "flow_id": flow_id,
        "stream": flow.stream,
        "first_seen": min(times) if times else None,
        "last_seen": max(times) if times else None,
        "duration": max(times) - min(times) if times else None,
        "community_id": _community(first),
        "completeness": flow.completeness if tcp else None,
        "initial_rtt": flow.initial_rtt,
        "time_to_first_byte": flow.measured.first_byte_ns,
        **_handshake(flow, tcp=tcp),
    }
    for number, name in enumerate(("client", "server")):
        for column, value in _side(flow, number, tcp=tcp).items():
            row[f"{name}_{column}"] = value
    return row


def _community(first: Packet) -> str:
    assert first.src is not None
    assert first.dst is not None
    assert first.protocol is not None
    ports = (first.src_port or 0, first.dst_port or 0)
    if first.icmp_type is not None:
        ports = first.icmp_type, first.icmp_code or 0
    return community_id(first.protocol, first.src, first.dst, *ports)


def _handshake(flow: Flow, *, tcp: bool) -> Row:
    """SYNs of the client until an ACK ends the handshake; the first answer counts."""
    syns: list[int] = []
    answered, last = 0, 0
    network = client = None
    for side, packet, time in flow.order if tcp else ():
        flags = packet.tcp_flags or 0
        if flags & RST or client is not None or time is None:
            continue
        if side == 0 and flags & (SYN | ACK) == SYN:
            syns.append(time)
            last = last if answered else time
        elif side == 1 and flags & (SYN | ACK) == SYN | ACK and not answered:
            answered = time
            network = time - last if last else None
        elif side == 0 and flags & (SYN | ACK) == ACK and answered:
            client = time - answered
    return {
        "handshake_network": network,
        "handshake_client": client,
        "syn_retries": max(len(syns) - 1, 0) if tcp else None,
    }


def _side(flow: Flow, number: int, *, tcp: bool) -> Row:
    own, other = flow.sides[number], flow.sides[1 - number]
    payloads = [one.payload_length or 0 for one in own.packets]
    paid = [time for time, payload in zip(own.times, payloads, strict=True) if payload and time is not None]
    row: Row = {"packets": len(own.packets), "bytes": sum(own.lengths), **_sizes(own.lengths)}
    if all(one.payload_length is not None for one in own.packets):
        row["payload_bytes"] = sum(payloads)
        row["first_payload"] = paid[0] if paid else None
        row["last_payload"] = paid[-1] if paid else None
    if not tcp:
        return row
    row |= {flag: sum((one.tcp_flags or 0) >> bit & 1 for one in own.packets) for bit, flag in enumerate(FLAGS)}
    row |= {
        mark.name or "": sum(mark in verdict.marks for verdict in own.verdicts)
        for mark in Mark
        if mark is not Mark.seen_twice
    }
    return row | _options(own) | _windows(own, other) | _measures(flow, number)


def _sizes(lengths: list[int]) -> Row:
    if not lengths:
        return {f"size_{name}": None for name in ("min", "mean", "max", "stddev")}
    count, squares = len(lengths), sum(length * length for length in lengths)
    return {
        "size_min": min(lengths),
        "size_mean": sum(lengths) / count,
        "size_max": max(lengths),
        "size_stddev": math.sqrt(count * squares - sum(lengths) ** 2) / count,
    }


def _options(own: Side) -> Row:
    syns = own.syns()
    sizes = [one.tcp_mss for one in syns if one.tcp_mss]
    kinds = set().union(*(one.tcp_option_kinds for one in syns))

    def knows(kind: int) -> bool:
        return bool(syns) and (kind in kinds or not own.cut())

    return {
        "mss": sizes[-1] if sizes else None,
        "window_scale": own.scale(),
        "sack_permitted": SACK_PERMITTED in kinds if knows(SACK_PERMITTED) else None,
        "timestamps": TIMESTAMPS in kinds if knows(TIMESTAMPS) else None,
    }


def _windows(own: Side, other: Side) -> Row:
    """Scaled where no SYN says that they are not."""
    scale = own.scale() or 0
    shift = 0 if other.syns() and other.scale() is None and not other.cut() else scale
    windows = [(one.tcp_window or 0) << shift for one in own.packets if not (one.tcp_flags or 0) & (SYN | RST)]
    return {
        "window_min": min(windows) if windows else None,
        "window_max": max(windows) if windows else None,
        "window_last": windows[-1] if windows else None,
    }


def _measures(flow: Flow, number: int) -> Row:
    own, other = flow.measured.sides[number], flow.measured.sides[1 - number]
    most = max((verdict.bytes_in_flight or 0 for verdict in flow.sides[number].verdicts), default=0)
    rtt, causes = other.rtt, own.causes()
    return {
        "seen_twice": own.seen_twice_segments,
        "zero_window_periods": own.zero_periods,
        "zero_window_time": own.zero_ns,
        "retransmitted_bytes": flow.sides[number].repeated_bytes,
        "seen_twice_bytes": own.seen_twice_bytes,
        "unique_bytes": own.unique_bytes,
        "missed_bytes": own.missed_bytes,
        "missed_acknowledged_bytes": own.missed_acked_bytes,
        "max_bytes_in_flight": most or None,
        "rtt_min": rtt.least if rtt.samples else None,
        "rtt_mean": rtt.total // rtt.samples if rtt.samples else None,
        "rtt_max": rtt.most if rtt.samples else None,
        "rtt_p50": rtt.percentile(50),
        "rtt_p95": rtt.percentile(95),
        "rtt_samples": rtt.samples,
        "timestamp_rtt_samples": other.echo_rtt.samples,
        "timestamp_rtt_mean": other.echo_rtt.total // other.echo_rtt.samples if other.echo_rtt.samples else None,
        "spurious_dsack": own.spurious_by_dsack,
        "spurious_timestamps": own.spurious_by_echo,
        **{f"{limit}_limited": own.limit_ns[limit] for limit in ("receiver", "congestion", "application")},
        **{f"repeats_{cause}": causes[cause] for cause in ("rto", "fast", "tail_loss", "syn_retry", "unknown")},
        **_delays([one.delay_ns for one in own.retransmissions if one.delay_ns is not None]),
    }


def _delays(delays: list[int]) -> Row:
    return {
        "retransmission_delay_mean": sum(delays) // len(delays) if delays else None,
        "retransmission_delay_max": max(delays) if delays else None,
    }
