"""DNS transactions of a capture, slowly: every message of every packet, one list of transactions.

A query that is repeated before it is answered belongs to its transaction; a response belongs to the latest open query
with its question. Messages over TCP are found from segment to segment in order; one that is missing ends that until a
segment begins with a message again. What is not carried over from the native engine is its bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.reference import reader
from tests.reference.dns_message import Message, read_message
from tests.reference.frame import TCP, Packet, u16
from tests.reference.packets import decode
from tests.reference.streams import Flows

PORTS = {53: "dns", 5353: "mdns", 5355: "llmnr"}
RETRY_NS, COPY_NS = 30_000_000_000, 10_000_000
HEAD = 320  # bytes of a message over TCP that have to be there before it is read, or all of it
SYN = 2
CLASSES = (1, 3, 4, 254, 255)


@dataclass
class Seen:
    """Where a message was met."""

    frame: int
    time: int | None
    packet: Packet
    flow_id: int | None


@dataclass
class Transaction:
    frame: int
    ends: tuple[Any, ...]  # client, resolver, transport, version
    flow_id: int | None
    service: str
    message: Message  # the one that gave name and type
    group: bool = False
    query: Message | None = None
    response: Message | None = None
    response_frame: int | None = None
    time: int | None = None
    last_time: int | None = None
    response_time: int | None = None
    ip_id: int | None = None
    response_ip_id: int | None = None
    retries: int = 0
    extra: int = 0
    copies: int = 0


class Transactions:
    def __init__(self) -> None:
        self.all: list[Transaction] = []

    def add(self, seen: Seen, message: Message) -> None:
        packet = seen.packet
        service = service_of(packet)
        assert packet.dst is not None
        to_group = packet.dst[0] & 0xF0 == 0xE0 if packet.ip_version == 4 else packet.dst[0] == 0xFF
        if service != "dns" and to_group:
            one = self._begin(seen, message, asked=True)
            one.group = True
            (self._response if message.response else self._query)(one, seen, message)
        elif message.response:
            self._take_response(seen, message)
        else:
            self._take_query(seen, message)

    def _begin(self, seen: Seen, message: Message, *, asked: bool) -> Transaction:
        one = Transaction(seen.frame, _ends(seen.packet, asked=asked), seen.flow_id, service_of(seen.packet), message)
        self.all.append(one)
        return one

    def _alike(self, ends: tuple[Any, ...], message: Message) -> list[Transaction]:
        """Those of the same ends and number, the latest first."""
        return [
            one for one in reversed(self.all) if one.ends == ends and one.message.id == message.id and not one.group
        ]

    def _take_query(self, seen: Seen, message: Message) -> None:
        asked = (
            one
            for one in self._alike(_ends(seen.packet, asked=True), message)
            if one.query is not None and one.message.asked == message.asked
        )
        one = next(asked, None)
        copied = one is not None and is_copy(one.last_time, one.ip_id, seen)
        if one is None or (one.response is not None and not copied) or self._is_late(one, seen):
            one = self._begin(seen, message, asked=True)
            self._query(one, seen, message)
        elif copied:
            one.copies += 1
        else:
            one.retries += 1
            one.ip_id = seen.packet.ip_id
            one.last_time = one.last_time if seen.time is None else seen.time

    @staticmethod
    def _is_late(one: Transaction, seen: Seen) -> bool:
        if one.last_time is None or seen.time is None:
            return False
        return seen.time - one.last_time > RETRY_NS

    def _take_response(self, seen: Seen, message: Message) -> None:
        alike = self._alike(_ends(seen.packet, asked=False), message)
        same = [one for one in alike if one.message.asked == message.asked]
        unsure = [one for one in alike if one.message.asked is None or message.asked is None]
        ranked = [
            *(one for one in same if one.response is None),
            *(one for one in unsure if one.response is None),
            *(one for one in same if one.response is not None),
            *(one for one in unsure if one.response is not None),
        ]
        if not ranked:
            self._response(self._begin(seen, message, asked=False), seen, message)
            return
        one = ranked[0]
        if one.response is None:
            if one.message.asked is None and message.asked is not None:
                one.message = message
            self._response(one, seen, message)
        elif is_copy(one.response_time, one.response_ip_id, seen):
            one.copies += 1
        else:
            one.extra += 1

    @staticmethod
    def _query(one: Transaction, seen: Seen, message: Message) -> None:
        one.query, one.ip_id = message, seen.packet.ip_id
        one.time = one.last_time = seen.time

    @staticmethod
    def _response(one: Transaction, seen: Seen, message: Message) -> None:
        one.response, one.response_frame, one.response_ip_id = message, seen.frame, seen.packet.ip_id
        one.response_time = seen.time


def service_of(packet: Packet) -> str:
    ports = {packet.src_port, packet.dst_port}
    return next(name for port, name in PORTS.items() if port in ports)


def is_copy(before: int | None, ip_id: int | None, seen: Seen) -> bool:
    if before is None or seen.time is None:
        return False
    return (ip_id or 0) == (seen.packet.ip_id or 0) and abs(seen.time - before) <= COPY_NS


def _ends(packet: Packet, *, asked: bool) -> tuple[Any, ...]:
    here, there = (packet.src, packet.src_port), (packet.dst, packet.dst_port)
    transport = "tcp" if packet.protocol == TCP else "udp"
    return (*(here if asked else there), *(there if asked else here), transport, packet.ip_version)


@dataclass
class Side:
    """One direction of a TCP stream. kept: bytes of a message of which not enough is there."""

    next: int
    sure: bool
    kept: bytes = b""
    message: Message | None = None  # read, its last byte did not pass yet


@dataclass
class Dns:
    """All of a capture. unmeasured: segments of which it is not known where their messages begin."""

    transactions: Transactions = field(default_factory=Transactions)
    sides: dict[object, Side] = field(default_factory=dict)
    begins: dict[object, int] = field(default_factory=dict)  # of a side, behind its SYN
    not_dns: int = 0
    unmeasured: int = 0

    def add(self, seen: Seen) -> None:
        packet = seen.packet
        if packet.src_port is None or not {packet.src_port, packet.dst_port} & PORTS.keys() or seen.flow_id is None:
            return
        if packet.protocol == TCP and packet.tcp_flags is not None:
            self._add_segment(seen)
        elif packet.protocol == 17 and packet.payload_length:
            message = read_message(packet.payload, packet.payload_length)
            if message is None:
                self.not_dns += 1
            else:
                self.transactions.add(seen, message)

    def _add_segment(self, seen: Seen) -> None:
        packet = seen.packet
        assert packet.tcp_seq is not None
        assert packet.tcp_flags is not None
        key = seen.flow_id, packet.src, packet.src_port
        if packet.tcp_flags & SYN:
            self.begins.setdefault(key, packet.tcp_seq + 1 & 0xFFFFFFFF)
        length = packet.payload_length
        if not length:
            return
        side = self.sides.setdefault(key, Side(packet.tcp_seq, self.begins.get(key) == packet.tcp_seq))
        ahead = _signed(packet.tcp_seq + length - side.next)
        if ahead < 0 or (ahead == 0 and side.message is None):
            return
        if side.message is not None:
            self.transactions.add(seen, side.message)
            side.message = None
        if _signed(packet.tcp_seq - side.next) > 0:
            self.unmeasured += side.sure
            self._lose(side, packet.tcp_seq)
        self._read(seen, side, packet.payload[_signed(side.next - packet.tcp_seq) :], packet.tcp_seq + length)

    @staticmethod
    def _lose(side: Side, at: int) -> None:
        side.next, side.sure, side.kept, side.message = at & 0xFFFFFFFF, False, b"", None

    def _read(self, seen: Seen, side: Side, data: bytes, end: int) -> None:
        """data: captured from side.next on.  end: sequence number behind the segment."""
        while ahead := _signed(end - side.next):
            cut, whole = len(data) < ahead, side.kept + data
            wanted = u16(whole) + 2 if len(whole) >= 2 else 2
            if side.sure and not cut and len(whole) < min(wanted, HEAD) and (len(whole) < 2 or wanted >= 14):
                side.kept, side.next = whole, end & 0xFFFFFFFF
                return
            if not self._read_one(seen, side, whole, ahead + len(side.kept), cut=cut):
                self._lose(side, end)
                return
            data = data[_signed(side.next - end) + ahead :]
            if side.message is not None:
                return

    def _read_one(self, seen: Seen, side: Side, data: bytes, left: int, *, cut: bool) -> bool:
        """One message from its length on.  left: its bytes up to the end of the segment."""
        length = u16(data) if len(data) >= 2 else None
        if length is None or (length >= 12 and len(data) < min(length + 2, HEAD) and (not cut or len(data) < 14)):
            self.unmeasured += 1
            return False
        head = data[2:] if not side.kept else data[2:HEAD]
        message = read_message(head, length)
        if message is None or not (side.sure or (message.found == "whole" and message.klass in CLASSES)):
            self.not_dns += side.sure
            self.unmeasured += not side.sure
            return False
        first = side.next - len(side.kept)
        side.next, side.sure, side.kept = first + length + 2 & 0xFFFFFFFF, True, b""
        if length + 2 > left:
            side.message = message
        else:
            self.transactions.add(seen, message)
        return True


def _signed(difference: int) -> int:
    return (difference + 0x80000000) % 0x100000000 - 0x80000000


def transactions(data: bytes) -> Dns:
    """Of the bytes of a capture file."""
    flows, dns = Flows(), Dns()
    for number, record in enumerate(reader.read(data).records, 1):
        packet = decode(record.frame, record.original, record.link_type)
        dns.add(Seen(number, record.timestamp, packet, flows.row(packet).flow_id))
    return dns
