"""The link between the hosts' TAP devices: a process that carries frames, with known faults, and knows what it did.

Faults are drawn here, not by tc netem, which many kernels lack (and which cannot say which packet it dropped). ARP and
neighbour discovery get through at once: real neighbours are near.
"""

import contextlib
import heapq
import os
import random
import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.traffic import packets
from tests.traffic.middleboxes import Middlebox, Verdict

MOST_EVENTS = 60


@dataclass(frozen=True)
class Path:
    """One direction of the link. Shares are 0–1; `bursts` are lost: (number of the first packet, how many in a row).

    `stalls`: at (number of a packet) nothing moves for (so many ms), and nothing is lost.
    """

    delay_ms: float = 0
    jitter_ms: float = 0
    loss: float = 0
    bursts: tuple[tuple[int, int], ...] = ()
    reorder: float = 0
    reorder_ms: float = 0
    double: float = 0
    stalls: tuple[tuple[int, float], ...] = ()
    rate_mbit: float = 0
    queue: int = 100


@dataclass(frozen=True)
class Mirror:
    """A switch's mirror port: which directions it shows, and how often each frame, perhaps again behind a router."""

    to_server: bool = True
    to_client: bool = True
    copies: int = 1
    behind_router: bool = False
    apart_us: float = 40


@dataclass
class Count:
    """What one direction did, in packets; `data_` counts TCP segments with payload."""

    received: int = 0
    lost: int = 0
    queue_full: int = 0
    blocked: int = 0
    doubled: int = 0
    held_back: int = 0
    data_received: int = 0
    data_lost: int = 0
    received_bytes: int = 0


@dataclass
class Line:
    """One direction at work."""

    name: str
    path: Path
    random: random.Random
    count: Count = field(default_factory=Count)
    events: list[dict[str, Any]] = field(default_factory=list)
    queued_ns: list[int] = field(default_factory=list)  # how long each packet stood before the bottleneck
    leaving: list[int] = field(default_factory=list)  # when those that stand there will have left
    last_due: int = 0

    def arrives(self, packet: packets.Packet) -> None:
        self.count.received += 1
        self.count.received_bytes += len(packet.frame)
        self.count.data_received += packet.protocol == packets.TCP and packet.payload > 0

    def note(self, what: str, packet: packets.Packet) -> None:
        setattr(self.count, what, getattr(self.count, what) + 1)
        if what in {"lost", "queue_full", "blocked"}:
            self.count.data_lost += packet.protocol == packets.TCP and packet.payload > 0
        if len(self.events) < MOST_EVENTS:
            self.events.append({"ns": time.time_ns(), "direction": self.name, "what": what, **packet.named()})

    def deliveries(self, packet: packets.Packet, now: int) -> list[int]:
        """When it arrives at the other end: never, once or twice."""
        if self._lost():
            self.note("lost", packet)
            return []
        sent = self._through_bottleneck(len(packet.frame), now)
        if sent is None:
            self.note("queue_full", packet)
            return []
        due = sent + self._delay_ns()
        if self._happens(self.path.reorder):
            self.note("held_back", packet)
            return [due + int(self.path.reorder_ms * 1e6)]
        due += sum(int(ms * 1e6) for number, ms in self.path.stalls if number == self.count.received)
        self.last_due = due = max(due, self.last_due)
        if self._happens(self.path.double):
            self.note("doubled", packet)
            return [due, due + 50_000]
        return [due]

    def _happens(self, share: float) -> bool:
        return share > 0 and self.random.random() < share

    def _lost(self) -> bool:
        number = self.count.received
        return any(first <= number < first + length for first, length in self.path.bursts) or self._happens(
            self.path.loss
        )

    def _delay_ns(self) -> int:
        jitter = self.random.uniform(0, self.path.jitter_ms) if self.path.jitter_ms else 0
        return int((self.path.delay_ms + jitter) * 1e6)

    def _through_bottleneck(self, length: int, now: int) -> int | None:
        """When the last bit has left; None when the queue has no room."""
        if not self.path.rate_mbit:
            return now
        while self.leaving and self.leaving[0] <= now:
            self.leaving.pop(0)
        if len(self.leaving) >= self.path.queue:
            return None
        start = max(now, self.leaving[-1] if self.leaving else 0)
        self.queued_ns.append(start - now)
        self.leaving.append(start + int(length * 8000 / self.path.rate_mbit))
        return self.leaving[-1]

    def told(self) -> dict[str, Any]:
        """What it did, for truth.json."""
        waits = sorted(self.queued_ns)
        told: dict[str, Any] = asdict(self.count)
        if waits:
            told["queue_ms"] = {
                "mean": sum(waits) / len(waits) / 1e6,
                "median": waits[len(waits) // 2] / 1e6,
                "p95": waits[len(waits) * 95 // 100] / 1e6,
                "largest": waits[-1] / 1e6,
            }
        return told


class Link:
    """Carries frames between the TAP devices of client and server, and shows them to a third if there is a mirror."""

    def __init__(self, taps: tuple[int, int], paths: tuple[Path, Path], boxes: Sequence[Middlebox], seed: int) -> None:
        self.taps = taps
        names = ("client_to_server", "server_to_client")
        self.lines = [
            Line(name, path, random.Random(f"{seed} {name}")) for name, path in zip(names, paths, strict=True)
        ]
        self.boxes = boxes
        self.mirror: tuple[int, Mirror] | None = None
        self.due: list[tuple[int, int, int, bytes]] = []  # when, number, to which device, what
        self.number = 0
        self.latest_ns = 0

    def carry(self, stop: int) -> dict[str, Any]:
        """Work until something can be read from `stop`; then say what was done."""
        with contextlib.suppress(OSError):  # punctual on a busy machine
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        while True:
            self._deliver()
            wait = max(0.0, (self.due[0][0] - time.monotonic_ns()) / 1e9) if self.due else None
            ready, _, _ = select.select([*self.taps, stop], [], [], wait)
            if stop in ready:
                return self._told()
            for side, tap in enumerate(self.taps):
                if tap in ready:
                    for frame in _frames(tap):
                        self._take(frame, side)

    def _deliver(self) -> None:
        while self.due and self.due[0][0] <= (now := time.monotonic_ns()):
            when, _, tap, frame = heapq.heappop(self.due)
            self.latest_ns = max(self.latest_ns, now - when)
            with contextlib.suppress(OSError):  # a full device drops, as any does
                os.write(tap, frame)

    def _send(self, when: int, tap: int, frame: bytes) -> None:
        self.number += 1
        heapq.heappush(self.due, (when, self.number, tap, frame))

    def _take(self, frame: bytes, side: int) -> None:
        """A frame from one side: into the middleboxes, then over the line."""
        now = time.monotonic_ns()
        line, sender, receiver = self.lines[side], self.taps[side], self.taps[1 - side]
        packet = packets.read(frame)
        self._show(frame, side, now)
        if packet is None or packets.is_neighbour_discovery(packet):
            self._send(now, receiver, frame)
            return
        line.arrives(packet)
        verdict = self._judge(packet, now)
        for answer in verdict.back:
            self._send(now + int(line.path.delay_ms * 1e6), sender, answer)
        for forged in verdict.onward:
            self._send(now + int(line.path.delay_ms * 1e6), receiver, forged)
        if not verdict.passes:
            line.note("blocked", packet)
            return
        for when in line.deliveries(packet, now):
            self._send(when, receiver, frame)

    def _judge(self, packet: packets.Packet, now: int) -> Verdict:
        verdict = Verdict()
        for box in self.boxes:
            verdict = box.judge(packet, now)
            if not verdict.passes:
                break
        return verdict

    def _show(self, frame: bytes, side: int, now: int) -> None:
        if self.mirror is None:
            return
        tap, mirror = self.mirror
        if not (mirror.to_client if side else mirror.to_server):
            return
        self._send(now, tap, frame)
        again = frame
        if mirror.behind_router and frame[12:14] == b"\x08\x00":
            again = packets.routed(frame, b"\x02\0\0\0\0\x0a", b"\x02\0\0\0\0\x0b")
        for copy in range(1, mirror.copies):
            self._send(now + int(copy * mirror.apart_us * 1000), tap, again)

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = {line.name: line.told() for line in self.lines}
        events = sorted((event for line in self.lines for event in line.events), key=lambda event: event["ns"])
        return told | {"latest_us": self.latest_ns // 1000, "events": events}


def _frames(tap: int) -> Iterator[bytes]:
    # A few at a time: delivering must not wait for a sender that never pauses.
    for _ in range(32):
        try:
            yield os.read(tap, 65536)
        except BlockingIOError:
            return
