"""TCP conversations as captures: what goes right, what a network does to it, and what nobody would send.

Every choice is taken from a `Random`, so that hypothesis can shrink a conversation (`conversations()`), and a seed can
give thousands of them at once, in one capture for one run of tshark.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import strategies as st

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
WORD = 1 << 32
CLIENT, SERVER = b"\x0a\0\0\x01", b"\x0a\0\0\x02"
SERVER_PORT = 80
# ms since the packet before: below and above 3 ms, 20 ms and the initial RTT; time may run backwards.
DELAYS = (0, 0, 1, 1, 2, 4, 10, 19, 25, 50, -3, -100)
STRANGE_FLAGS = ("", "P", "F", "SF", "SR", "SFA", "SRA", "SFRA")
FAR = (WORD // 4, WORD // 2 - 1, WORD // 2, WORD // 2 + 1)


@dataclass(frozen=True)
class Sent:
    """One segment. side: 0 client, 1 server.  delay: ms since the one before."""

    side: int
    flags: str
    seq: int
    ack: int
    length: int = 0
    window: int = 1000
    options: bytes = b""
    delay: int = 1


@dataclass
class End:
    """What one side will send next."""

    seq: int
    window: int = 1000
    shift: int | None = None
    sent: list[Sent] = field(default_factory=list)


def scale_option(shift: int) -> bytes:
    return bytes([3, 3, shift])


def sack_option(blocks: list[tuple[int, int]]) -> bytes:
    edges = [edge % WORD for block in blocks for edge in block]
    return bytes([5, 2 + 8 * len(blocks)]) + struct.pack(f">{len(edges)}I", *edges)


def cookie_option(length: int) -> bytes:
    return bytes([34, 2 + length]) + bytes(length)


class Talk:
    """A conversation as it is made up. far: with jumps by a quarter and a half of all sequence numbers."""

    def __init__(self, random: Random, *, far: bool = True) -> None:
        self.random = random
        self.far = far
        near_wrap = random.randrange(6) == 0
        client = WORD - random.randint(1, 300) if near_wrap else random.choice([1000, WORD // 2 - 50, 5])
        self.ends = End(client), End(random.choice([9000, 9000, WORD - 60]))
        self.segments: list[Sent] = []

    def make(self) -> list[Sent]:
        if self.random.randrange(5):
            self._handshake()
        for _ in range(self.random.randint(4, 24)):
            self.random.choice(STEPS)(self)
        return self._through_the_network()

    def send(self, side: int, flags: str = "A", length: int = 0, **changes: int | bytes) -> None:
        """The segment that is due, but for the changes; a number that it takes is taken."""
        own, peer = self.ends[side], self.ends[1 - side]
        delay = self.random.choice(DELAYS if self.random.randrange(8) == 0 else DELAYS[:9])
        due = Sent(side, flags, own.seq, peer.seq if "A" in flags else 0, length, own.window, b"", delay)
        segment = replace(due, **changes)  # type: ignore[arg-type]
        self.segments.append(segment)
        own.sent.append(segment)
        end = segment.seq + segment.length + ("S" in flags or "F" in flags)
        if own.seq < end < own.seq + 5000 and "R" not in flags:
            own.seq = end

    def side(self) -> int:
        return self.random.randrange(2)

    def _handshake(self) -> None:
        random = self.random
        for end in self.ends:
            end.shift = random.choice([None, 0, 2, 7])
        options = [b"" if end.shift is None else scale_option(end.shift) for end in self.ends]
        cookie = cookie_option(random.choice([0, 4, 8])) if random.randrange(4) == 0 else b""
        data = random.choice([0, 0, 0, 10])
        start = self.ends[0].seq
        window = random.choice([1000, 500, 0])
        self.send(0, "S", data, options=options[0] + cookie, window=window)
        if random.randrange(8):
            ack = start + 1 + random.choice([0, 0, 0, data, 3, -1])
            self.send(1, "SA", options=options[1], window=random.choice([1000, 500, 0]), ack=ack)
            if random.randrange(8):
                self.send(0)

    def data(self) -> None:
        side = self.side()
        for _ in range(self.random.randint(1, 3)):
            self.send(side, "PA", self.random.choice([1, 2, 10, 20, 100]))

    def answer(self) -> None:
        self.send(self.side())

    def acknowledge_part(self) -> None:
        side = self.side()
        self.send(side, ack=self.ends[1 - side].seq - self.random.choice([1, 5, 10, 20, 50, 100]))

    def repeat_ack(self) -> None:
        """Duplicate ACKs, and perhaps what they ask for."""
        side = self.side()
        ack = self.ends[1 - side].seq - self.random.choice([0, 0, 10, 20])
        for _ in range(self.random.randint(1, 4)):
            self.send(side, ack=ack)
        if self.random.randrange(2):
            self.send(1 - side, "PA", self.random.choice([1, 10, 20]), seq=ack)

    def selective_ack(self) -> None:
        side, random = self.side(), self.random
        top = self.ends[1 - side].seq
        blocks = []
        for _ in range(random.randint(1, 4)):
            left = top - random.choice([5, 10, 20, 50, 100])
            blocks.append((left, left + random.choice([5, 10, 20, -2])))
        self.send(side, ack=top - random.choice([0, 10, 20, 100]), options=sack_option(blocks))

    def retransmit(self) -> None:
        side = self.side()
        if self.ends[side].sent:
            old = self.random.choice(self.ends[side].sent)
            self.send(side, old.flags, old.length, seq=old.seq, options=old.options)

    def skip(self) -> None:
        """A segment that nobody captured, and perhaps the ACK for it."""
        side = self.side()
        self.ends[side].seq += self.random.choice([1, 10, 100])
        if self.random.randrange(2):
            self.send(1 - side)

    def keep_alive(self) -> None:
        side = self.side()
        self.send(side, length=self.random.choice([0, 1]), seq=self.ends[side].seq - 1)
        if self.random.randrange(3):
            self.send(1 - side)

    def close_window(self) -> None:
        """A window of 0, probes with and without an answer, and the window open again."""
        side = self.side()
        self.ends[side].window = 0
        self.send(side)
        for _ in range(self.random.randint(0, 2)):
            probe = self.ends[1 - side].seq
            self.send(1 - side, length=1)
            if self.random.randrange(2):
                self.ends[1 - side].seq = probe
            if self.random.randrange(2):
                self.send(side)
        self.ends[side].window = self.random.choice([0, 100, 1000, 65535])
        self.send(side)

    def fill_window(self) -> None:
        """As much as the other side's last window allows."""
        side = self.side()
        peer = self.ends[1 - side]
        if peer.sent:
            last = peer.sent[-1]
            shift = 0 if self.random.randrange(4) == 0 else peer.shift or 0
            room = (last.ack + (last.window << shift) - self.ends[side].seq) % WORD
            if room <= 1400:
                self.send(side, "PA", room)

    def change_window(self) -> None:
        side = self.side()
        self.ends[side].window = self.random.choice([10, 100, 500, 1000])
        self.send(side)

    def finish(self) -> None:
        self.send(self.side(), "FA", self.random.choice([0, 0, 10]))

    def reset(self) -> None:
        side = self.side()
        seq = self.ends[side].seq + self.random.choice([0, 0, 500])
        self.send(side, self.random.choice(["R", "RA"]), seq=seq, window=self.random.choice([0, 1000]))

    def open_again(self) -> None:
        """The same SYN once more, or the ports of an old connection for a new one."""
        side = self.random.choice([0, 0, 1])
        first = self.ends[side].sent[0].seq if self.ends[side].sent else self.ends[side].seq
        seq = first + self.random.choice([0, 0, 0, 5, 70_000])
        self.send(side, "S" if side == 0 else "SA", seq=seq)
        if seq > self.ends[side].seq:
            self.ends[side].seq = seq + 1

    def surprise(self) -> None:
        """Numbers, flags or options where they do not belong."""
        side, random = self.side(), self.random
        seq, ack = self.ends[side].seq, self.ends[1 - side].seq
        kind = random.randrange(5 if self.far else 4)
        length = random.choice([0, 0, 1, 2, 10])
        if kind == 0:
            self.send(side, "A", length, seq=(seq + random.choice([-100, -10, -2, 1, 10, 500])) % WORD)
        elif kind == 1:
            self.send(side, "A", length, ack=(ack + random.choice([-100, -1, 1, 10, 100])) % WORD)
        elif kind == 2:
            self.send(side, random.choice(STRANGE_FLAGS), length, ack=random.choice([0, ack]))
        elif kind == 3:
            self.send(side, "A", length, options=random.choice([scale_option(3), cookie_option(8)]))
        else:
            self.send(side, "A", length, seq=(seq + random.choice(FAR)) % WORD, ack=(ack + random.choice([0, *FAR])))

    def _through_the_network(self) -> list[Sent]:
        """What is lost on the way, comes twice, or late."""
        segments = self.segments
        for _ in range(self.random.choice([0, 0, 0, 1, 3])):
            at, kind = self.random.randrange(len(segments)), self.random.randrange(3)
            if kind == 0 and len(segments) > 1:
                del segments[at]
            elif kind == 1:
                segments.insert(at, segments[at])
            else:
                segments.insert(min(at + self.random.randint(1, 3), len(segments) - 1), segments.pop(at))
        return segments


STEPS: tuple[Callable[[Talk], None], ...] = (
    *(Talk.data, Talk.data, Talk.data, Talk.answer, Talk.answer, Talk.acknowledge_part),
    *(Talk.repeat_ack, Talk.selective_ack, Talk.retransmit, Talk.skip, Talk.keep_alive, Talk.close_window),
    *(Talk.fill_window, Talk.change_window, Talk.finish, Talk.reset, Talk.open_again, Talk.surprise, Talk.surprise),
)


def packet(segment: Sent, port: int) -> bytes:
    """The segment in IPv4."""
    options = segment.options + b"\x01" * (-len(segment.options) % 4)
    flags = (20 + len(options)) // 4 << 12 | sum(FLAGS[flag] for flag in segment.flags)
    ports = (port, SERVER_PORT) if segment.side == 0 else (SERVER_PORT, port)
    fixed = struct.pack(">HHIIHHHH", *ports, segment.seq % WORD, segment.ack % WORD, flags, segment.window, 0, 0)
    content = fixed + options + bytes(segment.length)
    addresses = CLIENT + SERVER if segment.side == 0 else SERVER + CLIENT
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), 1, 0, 64, 6, 0) + addresses + content


def capture(talks: list[list[Sent]], *, order: str = "<", link_type: int = 101, snap: int = 65535) -> bytes:
    """A pcap of conversations one after the other, each with a port of its own. snap: captured of an IP packet."""
    data = struct.pack(order + "IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, link_type)
    now = 1_000_000
    for number, talk in enumerate(talks):
        for segment in talk:
            now += segment.delay
            whole = packet(segment, 10_000 + number)
            link = bytes(12) + b"\x08\0" if link_type == 1 else b""
            frame = link + whole[:snap]
            time = struct.pack(order + "II", now // 1000, now % 1000 * 1_000_000)
            data += time + struct.pack(order + "II", len(frame), len(link) + len(whole)) + frame
    return data


def with_short_headers(data: bytes, random: Random) -> bytes:
    """The capture, of raw IPv4, in which a few headers are shorter, as they say themselves, than any."""
    spoiled = bytearray(data)
    for at in places_of_frames(data):
        if random.random() < 0.03:
            spoiled[at + 32] = random.randrange(5) << 4
    return bytes(spoiled)


def places_of_frames(data: bytes) -> Iterator[int]:
    """Where the frames of a pcap begin, which is little-endian."""
    at = 24
    while at < len(data):
        yield at + 16
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")


def opens_stream(data: bytes, at: int) -> bool:
    """Whether the frame there, raw IPv4, is a SYN that answers none."""
    return data[at + 33] & 0x12 == 0x02


def _conversations(random: Random) -> bytes:
    talks = [Talk(random, far=False).make() for _ in range(random.randint(1, 2))]
    snap = random.choice([65535, random.randint(36, 76)])
    return capture(talks, order=random.choice("<>"), link_type=random.choice([1, 101]), snap=snap)


def conversations() -> st.SearchStrategy[bytes]:
    """A pcap of one or two conversations, without far jumps."""
    return st.randoms(use_true_random=False).map(_conversations)
