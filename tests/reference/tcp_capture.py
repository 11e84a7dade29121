"""The TCP segments of a capture: which headers are analysed, which conversation each belongs to, and what is said."""

from __future__ import annotations

from tests.reference.frame import TCP, Header, Packet
from tests.reference.streams import Streams
from tests.reference.tcp import Conversation
from tests.reference.tcp_segments import Segment, Verdict


class Analysis:
    """TCP analysis over packets in the order of the file."""

    def __init__(self) -> None:
        self.streams = Streams()
        self.conversations: dict[int, Conversation] = {}
        self.keys: set[frozenset[tuple[int, bytes, int]]] = set()

    def add(self, frame: int, time: int | None, packet: Packet) -> list[tuple[Header, int, Verdict | None]]:
        """Every TCP header of the packet, outermost first, with its stream and what is said of it."""
        said = []
        for header in packet.headers:
            number = self.streams.number(header)
            if header.protocol == TCP:
                said.append((header, number, self._judge(frame, time or 0, number, header)))
        return said

    def _judge(self, frame: int, time: int, number: int, header: Header) -> Verdict | None:
        ends = (header.ip_version, header.src, header.src_port), (header.ip_version, header.dst, header.dst_port)
        conversation = self.conversations.get(number)
        if conversation is None:
            conversation = self.conversations[number] = Conversation(reused=frozenset(ends) in self.keys)
            self.keys.add(frozenset(ends))
        segment = segment_of(frame, time, header)
        if header.glanced:
            conversation.glance(ends[0] > ends[1], segment)
        if not header.analysed or header.length is None:
            return None
        if header.bogus:
            conversation.overhear(ends[0] > ends[1], segment)
            return None
        return conversation.add(ends[0] > ends[1], segment)


def segment_of(frame: int, time: int, header: Header) -> Segment:
    """What the analysis reads of a TCP header."""
    return Segment(
        frame,
        time,
        header.seq,
        header.ack,
        header.flags,
        header.length or 0,
        header.window,
        header.scale,
        tuple(header.sack),
        header.cookie,
        header.cut,
    )
