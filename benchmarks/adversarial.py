"""Captures that try to make an analyser slow, large or wrong: one function a case, the attack in its docstring.

A case answers `Case(frames, batches)`: a pool of frames and how to fill so many packets from it. It uses servers of
its own, so that several cases can follow one another in a file.
"""

import random
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from benchmarks import frames as f
from benchmarks.records import Batch, Format, Frame, Int64, Interface, Patch

PACKETS_A_BATCH = 16_384
FLOW_LENGTH = 100_000  # packets of one endless connection
GAP_NS = 1_000
CLIENTS_FROM = 10 << 24

Fill = Callable[[Int64, np.random.Generator], tuple[Int64, list[Patch]]]


class Case(NamedTuple):
    """flows: TCP and UDP streams in the first n packets, None where nobody wants to count them.

    fill: (n,) numbers of packets → (n,) frames of the pool, patches.  wild_time: times jump about.
    """

    frames: list[Frame]
    fill: Fill
    flows: Callable[[int], tuple[int, int]] | None
    interfaces: tuple[Interface, ...] = (Interface(),)
    wild_time: bool = False


def case_batches(case: Case, packets: int, start_ns: int, seed: int) -> Iterator[Batch]:
    """`packets` packets, a microsecond apart."""
    rng = np.random.default_rng(seed)
    for begin in range(0, packets, PACKETS_A_BATCH):
        number = np.arange(begin, min(begin + PACKETS_A_BATCH, packets))
        frame, patches = case.fill(number, rng)
        time_ns = start_ns + number * GAP_NS
        if case.wild_time:
            time_ns = rng.integers(0, 1 << 32, len(number)) * 1_000_000_000
        yield Batch(frame, time_ns, patches)


def duplicates(server: int, file_format: Format) -> Case:
    """A hundred thousand copies of one segment in a connection, then the next connection."""
    frames = [*_handshake(server), _tcp(server, b"x" * 100, seq=1), _tcp(server, ack=101, from_client=False)]

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, np.where(step % 1000 == 999, 4, 3))
        return frame, [*_own_port(number // FLOW_LENGTH, frame, (1, 4)), _ip_id(number)]

    return Case(frames, fill, _one_each(FLOW_LENGTH))


def half_open(server: int, file_format: Format) -> Case:
    """A SYN flood: every packet opens a connection from an address of its own."""

    def fill(number: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        seq = rng.integers(0, 1 << 32, len(number))
        patches = [Patch(f.SOURCE_AT, CLIENTS_FROM + number % (1 << 24)), Patch(f.SEQ_AT, seq), _ip_id(number)]
        patches.append(Patch(f.SOURCE_PORT_AT, 1024 + (number >> 24), 2))
        return np.zeros(len(number), np.int64), patches

    return Case([_tcp(server, flags=f.SYN)], fill, _one_each(1))


def overlaps(server: int, file_format: Format) -> Case:
    """Segments that overlap the one before, by turns at its front and at its back; nothing is ever acknowledged."""
    frames = [*_handshake(server), _tcp(server, b"o" * 200), _tcp(server, b"u" * 300)]

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, 3 + step % 2)
        seq = 1 + (step // 2) * 150 + np.where(step % 2 == 0, 50, -100)
        return frame, [*_own_port(number // FLOW_LENGTH, frame, (1,)), _data_seq(step, seq), _ip_id(number)]

    return Case(frames, fill, _one_each(FLOW_LENGTH))


def holes(server: int, file_format: Format) -> Case:
    """Every second segment is missing for good, while the receiver's SACK blocks jump about."""
    sack = b"\x01\x01\x05\x12" + bytes(16)
    answer = _tcp(server, ack=1, from_client=False, options=sack)
    frames = [*_handshake(server), _tcp(server, b"h" * 100), answer]

    def fill(number: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, np.where(step % 4 == 3, 4, 3))
        answers = np.flatnonzero(frame == 4)
        left = 1 + 200 * rng.integers(0, step[answers] + 1)
        blocks = [
            Patch(f.TCP_OPTIONS_AT + 4 + 4 * place, left + edge, rows=answers)
            for place, edge in enumerate((0, 100, 400, 500))
        ]
        segments = np.flatnonzero(frame == 3)
        seq = Patch(f.SEQ_AT, 1 + step[segments] * 200, rows=segments)
        return frame, [*_own_port(number // FLOW_LENGTH, frame, (1, 4)), seq, *blocks, _ip_id(number)]

    return Case(frames, fill, _one_each(FLOW_LENGTH))


def port_reuse(server: int, file_format: Format) -> Case:
    """The same pair of ports again and again, each time with another initial sequence number."""
    frames = [_tcp(server, flags=f.SYN), _tcp(server, flags=f.RST | f.ACK, from_client=False)]

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        # An odd constant: no two neighbours have the same initial sequence number.
        first = (number // 2) * 2654435761
        frame = number % 2
        return frame, [Patch(np.where(frame == 0, f.SEQ_AT, f.ACK_AT), first + frame), _ip_id(number)]

    return Case(frames, fill, _one_each(2))


def tiny_records(server: int, file_format: Format) -> Case:
    """Records of 0 to 20 captured bytes, cut from full frames: all header, no work to hide a cache miss behind."""
    whole = f.ethernet(f.ipv4(f.udp(bytes(1400)), f.UDP))
    frames = [Frame(whole[:kept], len(whole)) for kept in range(21)]

    def fill(_: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        return rng.integers(0, len(frames), len(_)), []

    return Case(frames, fill, lambda _: (0, 0))


def tunnels(server: int, file_format: Format) -> Case:
    """Deep stacks: up to 60 layers of tags, labels, IP in IP, GRE, VXLAN and IPv6 extension headers, in any order."""
    rng = random.Random(server)
    frames = [Frame(_stack(rng, rng.randrange(1, 60))) for _ in range(4000)]

    def fill(number: Int64, generator: np.random.Generator) -> tuple[Int64, list[Patch]]:
        return generator.integers(0, len(frames), len(number)), []

    return Case(frames, fill, None)


def false_records(server: int, file_format: Format) -> Case:
    """Payloads that look like runs of capture records, whose last leads into the middle of a later frame.

    A reader that guesses where records begin believes them, and must find out.
    """
    frames = [Frame(_tempting(server, file_format, lead)) for lead in range(0, 64, 3)]

    def fill(_: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        return rng.integers(0, len(frames), len(_)), [_ip_id(_)]

    return Case(frames, fill, lambda packets: (0, min(1, packets)))


def wild_times(server: int, file_format: Format) -> Case:
    """Times anywhere between 1970 and 2106, in no order."""
    frame = f.ethernet(f.ipv4(f.udp(bytes(20)), f.UDP, destination=_address(server)))

    def fill(_: Int64, __: np.random.Generator) -> tuple[Int64, list[Patch]]:
        return np.zeros(len(_), np.int64), [_ip_id(_)]

    return Case([Frame(frame)], fill, lambda packets: (0, min(1, packets)), wild_time=True)


def interfaces(server: int, file_format: Format) -> Case:
    """pcapng only: every packet comes from the next of eight interfaces, which differ in link type and clock."""
    packet = f.ipv4(f.udp(bytes(10)), f.UDP, destination=_address(server))
    ethernet, raw, null = f.ethernet(packet), packet, struct.pack("<I", 2) + packet
    sll = struct.pack(">HHH8sH", 0, 1, 6, bytes(8), f.IPV4) + packet
    links = ((1, ethernet), (101, raw), (0, null), (113, sll))
    clocks = (6, 9, 0x80 | 20, 3)
    table = [(link, clock) for link in links for clock in clocks[: 2 + link[0] % 2]][:8]
    frames = [Frame(frame, interface=number) for number, ((_, frame), _clock) in enumerate(table)]

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        return number % len(frames), []

    described = tuple(Interface(link_type, clock) for (link_type, _), clock in table)
    return Case(frames, fill, lambda packets: (0, min(1, packets)), interfaces=described)


CASES: dict[str, Callable[[int, Format], Case]] = {
    case.__name__: case
    for case in (
        duplicates,
        half_open,
        overlaps,
        holes,
        port_reuse,
        tiny_records,
        tunnels,
        false_records,
        wild_times,
        interfaces,
    )
}


def cases_for(file_format: Format) -> list[str]:
    """The cases that a format can carry."""
    return [name for name in CASES if name != "interfaces" or file_format == "pcapng"]


def make_case(name: str, file_format: Format) -> Case:
    """The case of this name, with the servers that are its own."""
    return CASES[name](list(CASES).index(name) + 1, file_format)


def _one_each(length: int) -> Callable[[int], tuple[int, int]]:
    """Every `length` packets are one TCP stream."""
    return lambda packets: (-(-packets // length), 0)


def _address(server: int) -> bytes:
    return bytes([198, 18, server, 1])


def _tcp(
    server: int,
    payload: bytes = b"",
    *,
    seq: int = 0,
    ack: int = 1,
    flags: int = f.ACK,
    from_client: bool = True,
    options: bytes = b"",
) -> Frame:
    """A segment between port 40000 of the client and port 443 of the case's server."""
    ports, ends = (40000, 443), (f.DEFAULT_SOURCE, _address(server))
    if not from_client:
        ports, ends = ports[::-1], ends[::-1]
    acked = ack if flags & f.ACK else 0
    segment = f.tcp(
        payload,
        source_port=ports[0],
        destination_port=ports[1],
        seq=seq,
        ack=acked,
        flags=flags,
        window=65535,
        options=options,
    )
    return Frame(f.ethernet(f.ipv4(segment, f.TCP, source=ends[0], destination=ends[1]), from_client=from_client))


def _handshake(server: int) -> list[Frame]:
    opening = _tcp(server, flags=f.SYN)
    return [opening, _tcp(server, flags=f.SYN | f.ACK, from_client=False), _tcp(server, seq=1)]


def _own_port(flow: Int64, frame: Int64, from_server: tuple[int, ...]) -> list[Patch]:
    """The client's port for each flow, wherever the frame has it; every 60,000 flows the client's address too."""
    at_server = np.isin(frame, from_server)
    port = 1024 + flow % 60_000
    client = CLIENTS_FROM + 1 + flow // 60_000
    return [
        Patch(np.where(at_server, f.DESTINATION_PORT_AT, f.SOURCE_PORT_AT), port, 2),
        Patch(np.where(at_server, f.DESTINATION_AT, f.SOURCE_AT), client),
    ]


def _data_seq(step: Int64, seq: Int64) -> Patch:
    """Sequence numbers of all but the three packets of the handshake."""
    rows = np.flatnonzero(step >= 3)
    return Patch(f.SEQ_AT, seq[rows], rows=rows)


def _ip_id(number: Int64) -> Patch:
    return Patch(f.IP_ID_AT, number, 2)


def _stack(rng: random.Random, depth: int) -> bytes:
    """A frame of `depth` encapsulations around a datagram. Built from the inside out."""
    data, kind = f.ipv4(f.udp(b"deep"), f.UDP), f.IPV4
    for _ in range(depth):
        data, kind = rng.choice(_LAYERS)(data, kind)
        if len(data) > 3000:
            break
    return f.ethernet(data, kind)


Layered = tuple[bytes, int]


def _vlan(data: bytes, kind: int) -> Layered:
    return struct.pack(">HH", 7, kind) + data, f.VLAN


def _mpls(data: bytes, kind: int) -> Layered:
    bottom = 0 if kind == f.MPLS else 1
    return (struct.pack(">I", 16 << 12 | bottom << 8 | 64) + data, f.MPLS) if kind != f.VLAN else (data, kind)


def _gre(data: bytes, kind: int) -> Layered:
    return f.ipv4(struct.pack(">HH", 0, kind) + data, f.GRE), f.IPV4


def _ip_in_ip(data: bytes, kind: int) -> Layered:
    protocol = {f.IPV4: f.IPIP, f.IPV6: f.IPV6_IN_IP}.get(kind)
    return (data, kind) if protocol is None else (f.ipv4(data, protocol), f.IPV4)


def _ipv6_with_options(data: bytes, kind: int) -> Layered:
    protocol = {f.IPV4: f.IPIP, f.IPV6: f.IPV6_IN_IP}.get(kind)
    if protocol is None:
        return data, kind
    for header in (60, 60, 60):  # destination options that hold padding
        data, protocol = struct.pack(">BBHI", protocol, 0, 0x0104, 0) + data, header
    return f.ipv6(data, protocol), f.IPV6


def _vxlan(data: bytes, kind: int) -> Layered:
    inner = struct.pack(">II", 0x08000000, 42 << 8) + f.ethernet(data, kind)
    return f.ipv4(f.udp(inner, destination_port=4789), f.UDP), f.IPV4


_LAYERS: tuple[Callable[[bytes, int], Layered], ...] = (_vlan, _mpls, _gre, _ip_in_ip, _ipv6_with_options, _vxlan)


def _tempting(server: int, file_format: Format, lead: int) -> bytes:
    """A datagram of 1,400 bytes full of plausible records; `lead` bytes come before the first."""
    body = bytearray(lead)
    length = 60
    seconds = 1_700_000_000
    while len(body) < 1300:
        if file_format == "pcapng":
            ticks = seconds * 10**9
            lengths = struct.pack("<IIIIIII", 6, length + 32, 0, ticks >> 32, ticks & 0xFFFFFFFF, length, length)
            body += lengths + bytes(length) + struct.pack("<I", length + 32)
        else:
            body += struct.pack("<IIII", seconds, 0, length, length) + bytes(length)
    return f.ethernet(f.ipv4(f.udp(bytes(body[:1400])), f.UDP, destination=_address(server)))
