"""Packets with DNS in them as an input of the harness, and back: without the kernels, as seeds are written."""

from collections.abc import Iterable

from tests.reference.dns_strategies import Sent

REPLY, TCP, CUT, SYN = 0x8000, 0x4000, 0x2000, 0x1000
LENGTH = 0x0FFF
FIRST, KEPT = 1000, 20


def packed(packets: Iterable[Sent]) -> bytes:
    """Packets as an input; what it cannot say is left out."""
    parts = []
    for sent in packets:
        kind = REPLY * sent.reply | TCP * (sent.seq is not None) | CUT * (sent.kept is not None)
        kind |= SYN * (sent.seq is not None and bool(sent.flags & 2))
        parts.append((kind | len(sent.payload) & LENGTH).to_bytes(2) + sent.payload[:LENGTH])
    return b"".join(parts)


def unpacked(data: bytes) -> list[Sent]:
    """The packets of an input; those over TCP follow each other."""
    packets, at, sent_bytes = [], 0, [0, 0]
    while at + 2 <= len(data):
        kind = int.from_bytes(data[at : at + 2])
        payload = data[at + 2 : at + 2 + (kind & LENGTH)]
        at += 2 + len(payload)
        reply, seq = bool(kind & REPLY), None
        if kind & TCP:
            seq = FIRST + sent_bytes[reply] - bool(kind & SYN)
            sent_bytes[reply] += len(payload)
        flags = 2 if kind & SYN else 0x18
        packets.append(Sent(1, reply, payload, seq=seq, flags=flags, kept=KEPT if kind & CUT else None))
    return packets
