"""One conversation at a time, packet by packet: the models that a capture's flows are copies of.

A model is written in plain Python, once; records.py then copies it many thousand times with other addresses.
"""

import random
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from benchmarks.frames import ACK, FIN, PSH, RST, SYN, TCP, UDP, dns

MICROSECOND, MILLISECOND = 1_000, 1_000_000
DUPLICATE_ACKS = 3
PAYLOADS_A_LENGTH = 64  # more full segments than the window of gzip holds, or captures would shrink to nothing

Options = Literal["none", "syn", "syn+stamps", "stamps", "stamps+sack", "sack"]


class Form(NamedTuple):
    """All of a packet that its copies share; `Forms` numbers them."""

    protocol: int
    from_client: bool
    server_port: int
    payload: bytes = b""
    flags: int = 0
    options: Options = "none"


class Step(NamedTuple):
    """One packet of a model. time_ns: since its first packet."""

    time_ns: int
    form: int
    from_client: bool
    seq: int = 0
    ack: int = 0
    sack_left: int = 0
    sack_right: int = 0


@dataclass(frozen=True)
class Style:
    """What separates a capture of bulk transfers from one of tiny packets.

    segment: payload bytes of a full segment.  requests, tails, media: payload lengths to choose from.
    ack_share: acknowledgements for each data segment.  stamps: TCP timestamps, which cost 12 bytes a packet.
    """

    segment: int
    requests: tuple[int, ...]
    tails: tuple[int, ...]
    media: tuple[int, ...]
    names: tuple[int, ...]
    ack_share: float
    stamps: bool
    mean_response: float


STYLES = {
    "mixed": Style(1448, (90, 180, 350, 520, 800), (60, 220, 600, 1100), (172, 1200), (6, 14), 0.75, True, 10),
    "bulk": Style(1448, (350, 520), (600, 1100), (1350,), (14,), 0.05, True, 200),
    "tiny": Style(6, (6, 10, 12), (2, 4), (12, 20), (1,), 0.9, False, 6),
}


class Forms:
    """Numbers the distinct forms in the order met."""

    def __init__(self) -> None:
        self.all: list[Form] = []
        self._number: dict[Form, int] = {}

    def number(self, form: Form) -> int:
        """The form's number, the same for equal forms."""
        found = self._number.get(form)
        if found is None:
            found = self._number[form] = len(self.all)
            self.all.append(form)
        return found


class Payloads:
    """A few payloads of every length asked for, half text and half noise, so that compression has some work."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._kept: dict[int, list[bytes]] = {}

    def of(self, length: int) -> bytes:
        """One of the payloads of this length."""
        kept = self._kept.get(length)
        if kept is None:
            kept = self._kept[length] = [self._make(length) for _ in range(PAYLOADS_A_LENGTH)]
        return kept[self._rng.randrange(len(kept))]

    def _make(self, length: int) -> bytes:
        # Words that no dissector takes for its protocol: a peer must not be slowed by guesses at made-up payloads.
        words = b"the quick brown fox jumps over the lazy dog; " * (1 + length // 45)
        return words[: length // 2] + self._rng.randbytes(length - length // 2)


@dataclass
class TcpTalk:
    """A TCP connection seen near its client: handshake, requests, responses, loss, the end."""

    rng: random.Random
    style: Style
    forms: Forms
    payloads: Payloads
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = self.rng.choices((443, 80, 22, 8080), (6, 2, 1, 1))[0]
        self.rtt = int(self.rng.lognormvariate(3.0, 0.8) * MILLISECOND)
        self.now = 0
        self.seq = {side: self.rng.getrandbits(32) for side in (False, True)}  # next to be sent, by from_client
        self.seen = dict.fromkeys((False, True), 0)  # what this side acknowledges
        self.plain: Options = "stamps" if self.style.stamps else "none"
        self.with_sack: Options = "stamps+sack" if self.style.stamps else "sack"
        self.opening: Options = "syn+stamps" if self.style.stamps else "syn"

    def run(self, packets: int) -> list[Step]:
        """The whole connection, of about so many packets."""
        self._open()
        while len(self.steps) < packets - 4:
            self._request()
            segments = 1 + int(self.rng.expovariate(1 / self.style.mean_response))
            self._respond(max(1, min(segments, (packets - len(self.steps)) // 2)))
            self.now += int(self.rng.expovariate(1 / (30 * MILLISECOND)))
        self._close()
        return self.steps

    def _open(self) -> None:
        for _ in range(2 if self.rng.random() < 0.01 else 1):  # a lost SYN is sent again after a second
            self._put(True, SYN, options=self.opening)
            self.now += 1000 * MILLISECOND
        self.now += self.rtt - 1000 * MILLISECOND
        self.seq[True] += 1
        self.seen[False] = self.seq[True]
        self._put(False, SYN | ACK, options=self.opening)
        self.seq[False] += 1
        self.seen[True] = self.seq[False]
        self.now += 40 * MICROSECOND
        self._put(True, ACK)

    def _request(self) -> None:
        self.now += int(self.rng.expovariate(1 / (2 * MILLISECOND)))
        self._data(True, self.payloads.of(self.rng.choice(self.style.requests)))
        self.seen[False] = self.seq[True]
        self.now += self.rtt
        if self.rng.random() < self.style.ack_share:
            self._put(False, ACK)

    def _respond(self, segments: int) -> None:
        sent = 0
        while sent < segments:
            self.now += int(self.rng.expovariate(1 / (60 * MICROSECOND)))
            rest = segments - sent
            if rest > DUPLICATE_ACKS + 1 and self.rng.random() < 0.004:
                sent += self._lose_one()
                continue
            length = self.style.segment if rest > 1 else self.rng.choice(self.style.tails)
            self._data(False, self.payloads.of(length), push=rest == 1)
            self.seen[True] = self.seq[False]
            sent += 1
            if rest == 1 or self.rng.random() < self.style.ack_share:
                self.now += 15 * MICROSECOND
                self._put(True, ACK)

    def _lose_one(self) -> int:
        """A segment lost before or behind the capture point, three duplicate ACKs, the retransmission.

        Returns how many segments that took.
        """
        hole = self.seq[False]
        lost = self.payloads.of(self.style.segment)
        behind = self.rng.random() < 0.5
        if behind:
            self._data(False, lost)
        else:
            self.seq[False] += len(lost)
        after = self.seq[False]
        for _ in range(DUPLICATE_ACKS):
            self.now += 60 * MICROSECOND
            self._data(False, self.payloads.of(self.style.segment))
            self._put(True, ACK, options=self.with_sack, sack=(after, self.seq[False]))
        self.now += self.rtt if self.rng.random() < 0.8 else 8 * self.rtt  # fast retransmission, or a time-out
        self._put(False, ACK, lost, seq=hole)
        self.seen[True] = self.seq[False]
        self.now += 15 * MICROSECOND
        self._put(True, ACK)
        return 1 + DUPLICATE_ACKS

    def _close(self) -> None:
        self.now += MILLISECOND
        how = self.rng.random()
        if how < 0.1:  # still open when the capture ends
            return
        if how < 0.2:
            self._put(True, RST | ACK)
            return
        for side in (True, False):
            self._put(side, FIN | ACK)
            self.seq[side] += 1
            self.seen[not side] = self.seq[side]
            self.now += self.rtt if side else 20 * MICROSECOND
        self._put(True, ACK)

    def _data(self, from_client: bool, payload: bytes, *, push: bool = True) -> None:
        self._put(from_client, PSH | ACK if push and from_client else ACK, payload)
        self.seq[from_client] += len(payload)

    def _put(
        self,
        from_client: bool,
        flags: int,
        payload: bytes = b"",
        *,
        options: Options | None = None,
        seq: int | None = None,
        sack: tuple[int, int] = (0, 0),
    ) -> None:
        form = self.forms.number(Form(TCP, from_client, self.port, payload, flags, options or self.plain))
        first = self.seq[from_client] if seq is None else seq
        ack = self.seen[from_client] if flags & ACK else 0
        self.steps.append(Step(self.now, form, from_client, first, ack, *sack))


def udp_talk(rng: random.Random, style: Style, forms: Forms, payloads: Payloads, packets: int) -> list[Step]:
    """Two thirds names asked and answered, one third media of about so many packets."""
    if rng.random() < 0.67 or packets < 8:
        return _dns_talk(rng, style, forms)
    port = rng.choice((443, 5004))
    length = rng.choice(style.media)
    gap_ns = rng.choice((20, 2)) * MILLISECOND
    steps: list[Step] = []
    for number in range(packets):
        from_client = rng.random() < 0.3
        size = 40 if from_client and length > 200 else length
        form = forms.number(Form(UDP, from_client, port, payloads.of(size)))
        steps.append(Step(number * gap_ns + rng.randrange(gap_ns), form, from_client))
    return steps


def _dns_talk(rng: random.Random, style: Style, forms: Forms) -> list[Step]:
    label = rng.choice(style.names)
    query = forms.number(Form(UDP, True, 53, dns(0, label)))
    answer = forms.number(Form(UDP, False, 53, dns(rng.choice((1, 1, 2, 4)) if style.stamps else 1, label)))
    steps = [Step(0, query, True)]
    now = rng.randrange(1, 40) * MILLISECOND
    if rng.random() < 0.02:  # asked again
        now += 1000 * MILLISECOND
        steps.append(Step(now - MILLISECOND, query, True))
    if rng.random() < 0.97:
        steps.append(Step(now, answer, False))
    return steps


def short_talk(rng: random.Random, forms: Forms) -> list[Step]:
    """What fills a flow table: a lone SYN, a refused or half-open connection, a single datagram, a name lookup."""
    kind = rng.choices(("syn", "refused", "half_open", "datagram", "name"), (50, 10, 10, 15, 15))[0]
    first = rng.getrandbits(32)
    syn = Step(0, forms.number(Form(TCP, True, 443, flags=SYN, options="syn")), True, first)
    if kind == "syn":
        return [syn]
    if kind == "refused":
        form = forms.number(Form(TCP, False, 443, flags=RST | ACK))
        return [syn, Step(MILLISECOND, form, False, 0, first + 1)]
    if kind == "half_open":
        form = forms.number(Form(TCP, False, 443, flags=SYN | ACK, options="syn"))
        return [syn, Step(MILLISECOND, form, False, rng.getrandbits(32), first + 1)]
    if kind == "datagram":
        return [Step(0, forms.number(Form(UDP, True, 5004, bytes(20))), True)]
    return _dns_talk(rng, STYLES["tiny"], forms)
