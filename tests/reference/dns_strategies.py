"""DNS conversations as captures: what clients and resolvers say, what a network does to it, and what nobody would send.

Every choice is taken from a `Random`: see tcp_strategies.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from hypothesis import strategies as st

EPOCH = 1_700_000_000
NAMES = (
    b"\x01a\0",
    b"\x01A\0",
    b"\x03www\x07example\0",
    b"\0",
    b"\x03www\x03" + b"\xff.\\" + b"\0",
    b"\x3f" + b"x" * 63 + b"\0",
)
DELAYS_MS = (0, 1, 3, 9, 11, 40, 900, 4000, 6000, 29_000, 31_000, -5)


@dataclass(frozen=True)
class Sent:
    """One packet. client: number of the socket.  payload: of UDP or TCP."""

    client: int
    reply: bool
    payload: bytes
    delay: int = 1  # ms
    ip_id: int = 0
    version: int = 4
    seq: int | None = None  # of TCP; None: UDP
    flags: int = 0x18
    port: int = 53
    group: bool = False
    kept: int | None = None  # bytes of payload captured
    server: int = 0xFE


def question(name: bytes, kind: int) -> bytes:
    return name + struct.pack(">HH", kind, 1)


def query(number: int, name: bytes = NAMES[0], kind: int = 1, *, flags: int = 0x0100, questions: int = 1) -> bytes:
    return struct.pack(">6H", number, flags, questions, 0, 0, 0) + question(name, kind) * questions


def response(
    number: int, name: bytes = NAMES[0], kind: int = 1, *, flags: int = 0x8180, answers: int = 1, filler: int = 0
) -> bytes:
    """With `answers` addresses; filler: bytes of a NULL record behind them."""
    address = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x0a\0\0\x09"
    more = b"\xc0\x0c" + struct.pack(">HHIH", 10, 1, 60, filler) + b"t" * filler if filler else b""
    counts = struct.pack(">6H", number, flags, 1, answers + bool(filler), 0, 0)
    return counts + question(name, kind) + address * answers + more


def framed(*messages: bytes) -> bytes:
    """As they stand in a TCP stream."""
    return b"".join(len(message).to_bytes(2) + message for message in messages)


def frame(sent: Sent) -> bytes:
    ends = [(sent.client, 20_000 + sent.client), (sent.server, sent.port)]
    (src, sport), (dst, dport) = reversed(ends) if sent.reply else ends
    if sent.seq is None:
        transport = struct.pack(">HHHH", sport, dport, 8 + len(sent.payload), 0) + sent.payload
    else:
        transport = struct.pack(">HHIIBBHHH", sport, dport, sent.seq, 1, 0x50, sent.flags, 999, 0, 0) + sent.payload
    protocol = 17 if sent.seq is None else 6
    if sent.version == 6:
        first = b"\xff\x02" if sent.group else b"\xfd\x00"
        addresses = b"\xfd" + bytes(14) + bytes([src]) + first + bytes(13) + bytes([dst])
        packet = struct.pack(">IHBB", 6 << 28, len(transport), protocol, 64) + addresses + transport
        return b"\x02" * 12 + b"\x86\xdd" + packet
    target = bytes([224 if sent.group else 10, 0, 0, dst])
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(transport), sent.ip_id, 0, 64, protocol, 0)
    return b"\x02" * 12 + b"\x08\x00" + header + bytes([10, 0, 0, src]) + target + transport


def capture(packets: Iterable[Sent]) -> bytes:
    """A pcap file with nanoseconds."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
    now = EPOCH * 1000
    for sent in packets:
        now += sent.delay
        whole = frame(sent)
        kept = len(whole) if sent.kept is None else len(whole) - max(0, len(sent.payload) - sent.kept)
        second, milli = divmod(now, 1000)
        parts.append(struct.pack("<IIII", second, milli * 1_000_000, kept, len(whole)) + whole[:kept])
    return b"".join(parts)


def datagrams(random: Random) -> list[Sent]:
    """Queries and responses of a few sockets with few numbers and names, so that they meet."""
    packets = []
    for _ in range(random.randint(2, 20)):
        number, name, kind = random.choice((1, 1, 2)), random.choice(NAMES), random.choice((1, 28))
        reply = random.random() < 0.5
        if reply:
            payload = response(
                number, name, kind, flags=random.choice((0x8180, 0x8183, 0x8380)), answers=random.randint(0, 2)
            )
        else:
            payload = query(number, name, kind)
        if random.random() < 0.1:
            payload = random.choice((payload[:12], payload[:4] + bytes(8), payload[:7], b"\xff" * 30))
        packets.append(
            Sent(
                client=random.choice((1, 2)),
                reply=reply,
                payload=payload,
                delay=random.choice(DELAYS_MS),
                ip_id=random.choice((5, 6)),
                version=random.choice((4, 4, 6)),
                port=random.choice((53, 53, 53, 5353, 5355)),
                group=not reply and random.random() < 0.2,
                kept=random.choice((None, None, None, 11, 12, 14, 20)),
            )
        )
    again = [replace(random.choice(packets), delay=random.choice((0, 2, 20))) for _ in range(3)]
    return packets + again


def orderly(random: Random, client: int) -> list[Sent]:
    """A client that asks as one should: over TCP, or over UDP with a retry and its answer."""
    if random.random() < 0.5:
        return orderly_stream(random, client)
    number, name = random.randrange(0xFFFF), random.choice(NAMES)
    asked = Sent(client, False, query(number, name), ip_id=1, delay=random.choice((1, 40, 3000)))
    answer = Sent(client, True, response(number, name), ip_id=1, delay=random.choice((1, 40, 900)))
    again = replace(asked, ip_id=2, delay=random.choice((1000, 4000)))
    anew = [replace(asked, ip_id=3), replace(answer, ip_id=3)]
    choices = ([asked, answer], [asked, again, answer], [asked, again], [asked], [answer], [asked, answer, *anew])
    return random.choice(choices)


def orderly_stream(random: Random, client: int) -> list[Sent]:
    """Messages over TCP, whole, with an answer for each."""
    packets = [Sent(client, False, b"", seq=999, flags=2), Sent(client, True, b"", seq=4999, flags=0x12)]
    messages = [(number, random.choice(NAMES)) for number in range(random.randint(1, 4))]
    asked = framed(*(query(number, name) for number, name in messages))
    answers = framed(*(response(number, name, filler=random.choice((0, 0, 200, 3000))) for number, name in messages))
    for reply, first, data in ((False, 1000, asked), (True, 5000, answers)):
        packets += [replace(sent, kept=None) for sent in segments(random, client, reply, first, data)]
    return packets


def stream(random: Random, client: int) -> list[Sent]:
    """Messages both ways over TCP in segments of any size; some are lost, repeated or out of order."""
    packets = [Sent(client, False, b"", seq=999, flags=2), Sent(client, True, b"", seq=4999, flags=0x12)]
    if random.random() < 0.2:
        packets = packets[: random.randint(0, 1)]
    messages = [(number, random.choice(NAMES)) for number in range(random.randint(1, 4))]
    for reply, first in ((False, 1000), (True, 5000)):
        bodies = [
            response(number, name, filler=random.choice((0, 0, 200, 900))) if reply else query(number, name)
            for number, name in messages
        ]
        if random.random() < 0.1:
            bodies.insert(random.randrange(len(bodies) + 1), random.choice((b"", b"no message at all", bytes(5))))
        packets += segments(random, client, reply, first, framed(*bodies))
    return through_the_network(random, packets)


def segments(random: Random, client: int, reply: bool, first: int, data: bytes) -> list[Sent]:
    sizes = random.choice(((1,), (2, 1400), (1400,), (30, 100), (500,), (7, 3)))
    found, at = [], 0
    while at < len(data):
        size = random.choice(sizes)
        kept = random.choice((None,) * 20 + (20,))
        found.append(Sent(client, reply, data[at : at + size], seq=first + at, kept=kept))
        at += size
    return found


def through_the_network(random: Random, packets: list[Sent]) -> list[Sent]:
    fault = random.randrange(5)
    at = random.randrange(len(packets))
    if fault == 0:
        packets.pop(at)
    elif fault == 1:
        packets.insert(random.randrange(len(packets)), packets[at])
    elif fault == 2 and at:
        packets[at - 1], packets[at] = packets[at], packets[at - 1]
    return packets


def made_up(random: Random) -> list[Sent]:
    packets = datagrams(random) if random.random() < 0.6 else []
    for client in range(random.randint(0 if packets else 1, 2)):
        packets += stream(random, 10 + client)
    return packets


def conversations() -> st.SearchStrategy[bytes]:
    return st.randoms(use_true_random=False).map(made_up).map(capture)
