"""What stands in the middle of the link and does harm: each says of a packet whether it goes on, and may answer it."""

import socket
from dataclasses import dataclass, field

from tests.traffic import packets
from tests.traffic.packets import Packet

SECOND_NS = 10**9
# A box between the hosts would have counted down by then; the hosts of the recordings start at 64.
BOX_TTL = 61


@dataclass
class Verdict:
    """`passes` it on or drops it; `back` goes to its sender at once, `onward` to its receiver."""

    passes: bool = True
    back: list[bytes] = field(default_factory=list)
    onward: list[bytes] = field(default_factory=list)


class Middlebox:
    """Lets everything through. One box sees both directions, in order of time."""

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        raise NotImplementedError


@dataclass
class SynFilter(Middlebox):
    """A firewall that drops the opening of every connection to a port, silently."""

    port: int

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        return Verdict(not (packet.opens and packet.target_port == self.port))


@dataclass
class SynLoss(Middlebox):
    """The first SYNs of some connections get lost: of each `every` connections one, `times` times."""

    every: int
    times: int
    seen: dict[frozenset[tuple[bytes, int]], int] = field(default_factory=dict)

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        if not packet.opens:
            return Verdict()
        self.seen[packet.flow] = tries = self.seen.get(packet.flow, 0) + 1
        number = list(self.seen).index(packet.flow)
        return Verdict(number % self.every != 0 or tries > self.times)


@dataclass
class SmallPipe(Middlebox):
    """A hop with a smaller MTU that says nothing when it drops: a black hole."""

    mtu: int

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        return Verdict(packet.ip_length <= self.mtu)


@dataclass
class Gone(Middlebox):
    """Hosts that are down: what is sent to them disappears."""

    addresses: set[bytes]

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        return Verdict(packet.target not in self.addresses)


@dataclass
class StateTable(Middlebox):
    """A stateful firewall that forgets quiet connections and drops what then comes."""

    quiet_s: float
    last: dict[frozenset[tuple[bytes, int]], int] = field(default_factory=dict)

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        if packet.protocol != packets.TCP:
            return Verdict()
        known = self.last.get(packet.flow)
        alive = known is not None and now_ns - known < self.quiet_s * SECOND_NS
        if not alive and not packet.opens:
            return Verdict(False)
        self.last[packet.flow] = now_ns
        return Verdict()


@dataclass
class Resetter(Middlebox):
    """An inspecting box that ends connections to a port, in both ends' names, once enough was said; then it drops."""

    port: int
    after_bytes: int
    spoken: dict[frozenset[tuple[bytes, int]], int] = field(default_factory=dict)
    ended: set[frozenset[tuple[bytes, int]]] = field(default_factory=set)

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        if packet.protocol != packets.TCP or self.port not in {packet.source_port, packet.target_port}:
            return Verdict()
        so_far = self.spoken[packet.flow] = self.spoken.get(packet.flow, 0) + packet.payload
        if so_far < self.after_bytes:
            return Verdict()
        if not packet.payload or packet.flow in self.ended:
            return Verdict(False)
        self.ended.add(packet.flow)
        return Verdict(
            False,
            back=[packets.reset(packet, to_sender=True, ttl=BOX_TTL)],
            onward=[packets.reset(packet, to_sender=False, ttl=BOX_TTL)],
        )


@dataclass
class Router(Middlebox):
    """A router without a route to some hosts (or forbidden to reach them), and saying so."""

    address: str
    hosts: set[str]
    code: int

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        family = socket.AF_INET if packet.version == 4 else socket.AF_INET6
        if socket.inet_ntop(family, packet.target) not in self.hosts:
            return Verdict()
        answer = packets.unreachable if packet.version == 4 else packets.unreachable6
        return Verdict(False, back=[answer(packet, self.code, self.address, BOX_TTL)])
