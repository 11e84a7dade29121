"""Stream numbers as Wireshark 4.0 gives them, and our own flows, from packets in the order of the file.

Every TCP and UDP header of a frame takes part, outermost first, those in tunnels and in ICMP errors too. The newest
stream of an address and port pair gets every later packet of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.reference.calls import Calls
from tests.reference.frame import ICMP, ICMPV6, MALFORMED, SCTP, TCP, TRUNCATED, UDP, Header, Packet

SYN, ACK = 2, 16
Side = tuple[bytes, int]


@dataclass
class Stream:
    """A number, and the initial sequence number of either direction where it is known."""

    number: int
    base: dict[Side, int] = field(default_factory=dict)
    second: bool = False  # of two ports between which SNMP is spoken
    spoken: bool = False  # its first message was the packet before


class Streams:
    """Numbers for the headers of one capture."""

    def __init__(self) -> None:
        self.newest: dict[tuple[object, ...], Stream] = {}
        self.counts = {TCP: 0, UDP: 0}
        self.calls = Calls()
        self.packets = 0  # that have a header of their own

    def number(self, header: Header) -> int:
        """The stream number of a header, opening a stream where Wireshark does."""
        sender, receiver = _sides(header)
        key = (header.protocol, header.ip_version, *sorted((sender, receiver)))
        number = self._announced(key, header) if header.protocol == UDP else None
        if number is None:
            number = self._number(key, header, sender, receiver)
        if header.own:
            self.packets += 1
            self.calls.hear(header, self.packets)
        return number

    def _announced(self, key: tuple[object, ...], header: Header) -> int | None:
        """The number of the announcement that a datagram is of, if its ends had no conversation before."""
        if key in self.newest:
            return None
        announced = self.calls.announced(header)
        if announced is None:
            return None
        if announced.number is None:
            announced.number = self.counts[UDP]
            self.counts[UDP] += 1
        return announced.number

    def _number(self, key: tuple[object, ...], header: Header, sender: Side, receiver: Side) -> int:
        stream = self.newest.get(key)
        if stream is None:
            stream = self._open(key, header.protocol)
        if header.protocol == UDP:
            return self._datagram(key, stream, header)
        base = stream.base.get(sender)
        kind = header.flags & (SYN | ACK)
        # FIN and RST, whether set here or seen before, change nothing in 4.0.
        if base is not None and base != header.seq:
            if kind == SYN:
                stream = self._open(key, TCP)
            elif kind == SYN | ACK:
                stream.base[sender] = header.seq  # marked as a reused port, and yet the same stream
        if header.analysed:
            stream.base.setdefault(sender, header.seq if header.flags & SYN else (header.seq - 1) & 0xFFFFFFFF)
            if header.flags & ACK:
                stream.base.setdefault(receiver, (header.ack - 1) & 0xFFFFFFFF)
        return stream.number

    def _datagram(self, key: tuple[object, ...], stream: Stream, header: Header) -> int:
        """Quirk: what follows the first message of SNMP is a second stream."""
        if stream.spoken:
            stream = self._open(key, UDP)
            stream.second = True
        stream.spoken = stream.spoken or (header.own and header.snmp and not stream.second)
        return stream.number

    def _open(self, key: tuple[object, ...], protocol: int) -> Stream:
        stream = self.newest[key] = Stream(self.counts[protocol])
        self.counts[protocol] += 1
        return stream


def _sides(header: Header) -> tuple[Side, Side]:
    return (header.src, header.src_port), (header.dst, header.dst_port)


class FlowRow(NamedTuple):
    """What the flow columns of a packet say."""

    flow_id: int | None
    stream: int | None
    from_client: bool | None


class Flows:
    """Our flows: a TCP or UDP flow is a stream, others go by addresses, protocol and what else tells them apart."""

    def __init__(self) -> None:
        self.streams = Streams()
        self.flows: dict[object, tuple[int, Side, bool]] = {}

    def row(self, packet: Packet) -> FlowRow:
        """Number every header of the packet, and place the packet in its flow."""
        own, stream = None, None
        for header in packet.headers:
            number = self.streams.number(header)
            if header.own:
                own, stream = header, number
        key = self._key(packet, own, stream)
        if key is None:
            return FlowRow(None, stream, None)
        assert packet.src is not None
        assert packet.dst is not None
        sender, receiver = (packet.src, packet.src_port or 0), (packet.dst, packet.dst_port or 0)
        if key not in self.flows:
            self.flows[key] = len(self.flows), *_client(sender, receiver, own)
        flow_id, client, first_sender = self.flows[key]
        # Of an endpoint that talks to itself there is one direction: that of its first packet.
        return FlowRow(flow_id, stream, sender == client if sender != receiver else first_sender)

    @staticmethod
    def _key(packet: Packet, own: Header | None, stream: int | None) -> object:
        """What tells a flow from others; None for packets of which too little is known."""
        if packet.ip_version is None or packet.src is None or packet.dst is None or packet.status == MALFORMED:
            return None
        if own is not None:
            return (TCP, stream) if own.protocol == TCP else (UDP, packet.ip_version, *sorted(_sides(own)))
        addresses = packet.ip_version, *sorted((packet.src, packet.dst))
        if packet.protocol == SCTP and packet.payload_length is not None:
            return SCTP, *sorted(((packet.src, packet.src_port), (packet.dst, packet.dst_port)))
        if packet.protocol in (ICMP, ICMPV6) and packet.icmp_type is not None:
            echo = packet.icmp_type in {ICMP: (0, 8), ICMPV6: (128, 129)}[packet.protocol]
            return packet.protocol, addresses, packet.icmp_id if echo else 0
        if packet.fragment_offset or packet.status == TRUNCATED:
            return None
        return packet.protocol, addresses


def _client(sender: Side, receiver: Side, own: Header | None) -> tuple[Side, bool]:
    """The client and whether it sends the flow's first packet: the SYN's sender, else the higher port, else it does."""
    sends = sender[1] >= receiver[1]
    if own is not None and own.protocol == TCP and own.flags & SYN:
        sends = not own.flags & ACK
    return (sender if sends else receiver), sends
