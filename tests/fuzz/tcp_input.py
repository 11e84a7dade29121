"""Eight bytes each as segments of a few TCP flows.

Sequence and acknowledgement numbers are said as steps from where the flow stands, and times as delays, so that most
inputs are TCP of some kind; the far steps make the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

BYTES = 8  # of a segment in an input
FLOWS, SIDE, AGAIN = 3, 4, 8  # bits of its first byte: which flow, which sender, the packet before once more
SYN_FIN, SYN, FIN, RST, ACK = 3, 2, 1, 4, 16
WORD = 2**32
STARTS = (1000, WORD - 700)  # first numbers of either side; the second wraps soon
LENGTHS = (0, 0, 0, 1460, 1460, 1, 2, 100, 536, 1448, 1461, 9000, 65_000)
WINDOWS = (65_535, 0, 1, 100, 512, 1460, 2920, 10_000)
MS, S = 1_000_000, 1_000_000_000
DELAYS = (
    MS,
    0,
    1,
    1000,
    3 * MS - 1,
    3 * MS,
    20 * MS - 1,
    20 * MS,
    200 * MS,
    S,
    60 * S,
    7200 * S,
    -1,
    -MS,
    -S,
    -3600 * S,
)
STEPS = (0, 0, 0, -1, -2, -1460, -2920, 1, 1460, 2920, 100_000, -100_000, 2**30, 2**31, 2**31 - 1, -(2**31) + 1)
BEGIN = 10**9  # seconds since 1970


@dataclass
class Side:
    """Where one side of a flow stands."""

    next: int
    last: int = 0  # payload of its last segment
    ack: int = 0  # as it said it last


@dataclass
class Flow:
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(STARTS[0]), Side(STARTS[1])))


def clock_set_back(data: bytes) -> bool:
    return any(DELAYS[code % len(DELAYS)] < 0 for code in data[5::BYTES])


def records(data: bytes) -> Iterator[bytes]:
    """The records of a pcap with the segments of an input: IPv4 headers and TCP headers, payload cut off."""
    flows = [Flow() for _ in range(FLOWS + 1)]
    now, before = BEGIN * S, b""
    for at in range(0, len(data) - BYTES + 1, BYTES):
        code = data[at : at + BYTES]
        now += DELAYS[code[5] % len(DELAYS)]
        if not (code[0] & AGAIN and before):
            before = packet(flows[code[0] & FLOWS], code)
        length = int.from_bytes(before[2:4])
        yield struct.pack("<IIII", now // S, now % S, len(before), length) + before


def packet(flow: Flow, code: bytes) -> bytes:
    """One segment, and the flow stands where it leads."""
    sender = bool(code[0] & SIDE)
    own, other = flow.sides[sender], flow.sides[not sender]
    flags, length = code[1], LENGTHS[code[4] % len(LENGTHS)]
    step = STEPS[code[2] % len(STEPS)]
    seq = (own.next - own.last if code[2] & 0x80 else own.next) + step
    acked = other.next if not code[3] & 0x80 else own.ack
    own.ack = (acked + STEPS[code[3] % len(STEPS)]) % WORD
    end = seq + length + bool(flags & SYN) + bool(flags & FIN)
    if (0 <= step <= STEPS[9] and end > own.next) or flags & SYN:
        own.next, own.last = end, length
    extra = options(code[7], own, other)
    size = 20 + len(extra)
    ports = (40_000 + code[0] % (FLOWS + 1), 80)
    numbers = seq % WORD, own.ack if flags & ACK else 0
    window = WINDOWS[code[6] % len(WINDOWS)]
    fixed = struct.pack(">HHIIHHI", *(ports[::-1] if sender else ports), *numbers, size // 4 << 12 | flags, window, 0)
    addresses = b"\x0a\0\0\2\x0a\0\0\1" if sender else b"\x0a\0\0\1\x0a\0\0\2"
    head = struct.pack(">BBHHHBBH", 0x45, 0, min(20 + size + length, 65_535), code[7], 0, 64, 6, 0)
    return head + addresses + fixed + extra


def options(code: int, own: Side, other: Side) -> bytes:
    """Options by the lower three bits, a number for them by the rest."""
    kind, number = code & 7, code >> 3
    if kind == 1:
        return struct.pack(">BBBBII", 1, 1, 8, 10, 1000 + number, 900 + number)
    if kind == 2:
        return struct.pack(">BBHBBBB", 2, 4, 1460, 3, 3, number % 16, 1)
    if kind == 3:  # SACK of what lies behind the ACK, or before it: a duplicate
        begin = own.ack + 1460 * (number % 8 - 2)
        return struct.pack(">BBBBII", 1, 1, 5, 10, begin % WORD, (begin + 1460 * (number // 8 + 1)) % WORD)
    if kind == 4:
        return struct.pack(">BB", 4, 2) + b"\1\1"
    if kind == 5:
        return struct.pack(">BB", 34, 10) + bytes(8) + b"\1\1"
    return b""


def conversations() -> Iterator[bytes]:
    """Conversations to start from: a handshake, data and its ACKs, a repetition, an end; each with something else."""
    hello = segment(flags=SYN, options=2) + segment(SIDE, SYN | ACK, options=2) + segment()
    data = [segment(length=3), segment(length=4), segment(SIDE), segment(SIDE, length=3), segment()]
    again = segment(seq=0x80, length=3)
    end = segment(flags=FIN | ACK) + segment(SIDE, FIN | ACK) + segment()
    body = b"".join(data)
    yield hello + body + end
    yield hello + body + again + segment(SIDE, options=3) + end
    yield hello + segment(seq=8, length=3) + segment(SIDE) * 4 + segment(seq=5, length=3, delay=7) + end
    yield hello + segment(SIDE, window=1) + segment(length=5, delay=9) * 3 + segment(SIDE, delay=9) + body + end
    yield hello + body + segment(seq=3, length=5, delay=10) + segment(SIDE) + segment(flags=RST)
    yield hello + body + segment(AGAIN) * 2 + segment(seq=13, length=3) + segment(delay=14) + end
    yield b"".join(bytes([part[0] | number % 3, *part[1:]]) for number in range(9) for part in data)


def segment(kind: int = 0, flags: int = ACK, **codes: int) -> bytes:
    """Eight bytes of an input; codes by the names of what they mean."""
    names = ("seq", "ack", "length", "delay", "window", "options")
    return bytes([kind, flags, *(codes.get(name, 0) for name in names)])
