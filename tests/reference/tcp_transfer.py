"""Transfers over a lossy path as captures, recorded at the sender's end: everything that is sent is seen."""

from __future__ import annotations

import struct
from random import Random

from hypothesis import strategies as st

from tests.reference.tcp_strategies import WORD, Sent, capture, sack_option, scale_option

SACK_PERMITTED = bytes([4, 2])
FULL = 100  # payload bytes


class Transfer:
    """A client that sends and repeats, a server that acknowledges, with SACK and timestamps or without."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.sack, self.stamped = random.randrange(4) > 0, random.randrange(3) > 0
        self.base = WORD - random.randint(1, 2000) if random.randrange(4) == 0 else 70_000
        self.segments: list[Sent] = []
        self.now = 0
        self.echo = 0  # the timestamp that the server returns
        self.next = self.acked = 0  # positions of the payload
        self.known = 0  # what the client knows to be acknowledged
        self.held: dict[int, int] = {}  # begin → end, what the server has

    def make(self) -> list[Sent]:
        self._handshake()
        for _ in range(self.random.randint(3, 12)):
            for _ in range(self.random.randint(1, 4)):
                self._data(self.next, self.random.choice([FULL, FULL, FULL, 30]))
            if self.known < self.next and self.random.randrange(3):
                self._repair()
        if self.random.randrange(8) == 0:
            self._send(0, "R", self.next, delay=2)
        return self.segments

    def _send(self, side: int, flags: str, at: int, length: int = 0, *, delay: int, more: bytes = b"") -> None:
        self.now += delay
        options = more
        if self.stamped:
            stamps = (self.now, self.echo) if side == 0 else (90_000 + self.now, self.echo)
            options += bytes([8, 10]) + struct.pack(">II", *stamps)
        place = (self.base + at) % WORD
        seq, ack = (place, 9000) if side == 0 else (9000, place)
        self.segments.append(Sent(side, flags, seq, ack if "A" in flags else 0, length, 500, options, delay))

    def _handshake(self) -> None:
        more = scale_option(7) + (SACK_PERMITTED if self.sack else b"")
        for delay in (1, 1000)[: self.random.choice([1, 1, 2])]:
            self._send(0, "S", -1, delay=delay, more=more)
        self.segments.append(Sent(1, "SA", 8999, self.base % WORD, 0, 500, more, 10))
        self._send(0, "A", 0, delay=0)

    def _data(self, at: int, length: int, delay: int = 1) -> None:
        """A segment, new or repeated, and what the server says to it if it comes there."""
        self._send(0, "PA", at, length, delay=delay)
        self.next = max(self.next, at + length)
        if self.random.randrange(5) == 0:
            return
        again = at < self.acked or at in self.held
        self.held[at] = at + length
        if at == self.acked:
            self.echo = self.now
        while self.acked in self.held:
            self.acked = self.held.pop(self.acked)
        if self.random.randrange(6):  # else the acknowledgement is lost
            self._answer((at, at + length) if again else None)

    def _answer(self, again: tuple[int, int] | None) -> None:
        blocks = [again] if again else []
        blocks += [(begin, end) for begin, end in sorted(self.held.items(), reverse=True) if begin > self.acked][:3]
        places = [(self.base + begin, self.base + end) for begin, end in blocks[: 3 if self.stamped else 4]]
        more = sack_option(places) if self.sack and places else b""
        self.known = self.acked
        self._send(1, "A", self.acked, delay=self.random.choice([10, 12, 40]), more=more)

    def _repair(self) -> None:
        """The first segment that is not acknowledged, or the last one, soon or after a time-out."""
        sizes = {one.seq: one.length for one in self.segments if one.side == 0 and one.length}
        begins = [at for at in range(self.known, self.next) if (self.base + at) % WORD in sizes]
        if not begins:
            return
        at = self.random.choice([begins[0], begins[0], begins[-1]])
        self._data(at, sizes[(self.base + at) % WORD], self.random.choice([1, 15, 30, 250, 600]))


def _transfers(random: Random) -> bytes:
    return capture([Transfer(random).make() for _ in range(random.randint(1, 2))])


def transfers() -> st.SearchStrategy[bytes]:
    """A pcap of one or two transfers."""
    return st.randoms(use_true_random=False).map(_transfers)
