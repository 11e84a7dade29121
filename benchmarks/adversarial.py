"""Captures that try to make an analyser slow, large or wrong: one function a case, the attack in its docstring.

Those against TCP are in adversarial_tcp.py. A case answers `Case(frames, fill, flows)`: a pool of frames and how to
fill so many packets from it. It uses servers of its own, so that several cases can follow one another in a file.
"""

import random
import struct
from collections.abc import Callable

import numpy as np

from benchmarks import adversarial_tcp as tcp
from benchmarks import frames as f
from benchmarks.cases import Case, address, ip_id
from benchmarks.records import Format, Frame, Int64, Interface, Patch


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
        return rng.integers(0, len(frames), len(_)), [ip_id(_)]

    return Case(frames, fill, lambda packets: (0, min(1, packets)))


def wild_times(server: int, file_format: Format) -> Case:
    """Times anywhere between 1970 and 2106, in no order."""
    frame = f.ethernet(f.ipv4(f.udp(bytes(20)), f.UDP, destination=address(server)))

    def fill(_: Int64, __: np.random.Generator) -> tuple[Int64, list[Patch]]:
        return np.zeros(len(_), np.int64), [ip_id(_)]

    return Case([Frame(frame)], fill, lambda packets: (0, min(1, packets)), wild_time=True)


def interfaces(server: int, file_format: Format) -> Case:
    """pcapng only: every packet comes from the next of eight interfaces, which differ in link type and clock."""
    packet = f.ipv4(f.udp(bytes(10)), f.UDP, destination=address(server))
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
        tcp.duplicates,
        tcp.half_open,
        tcp.overlaps,
        tcp.holes,
        tcp.port_reuse,
        tiny_records,
        tunnels,
        false_records,
        wild_times,
        interfaces,
        tcp.descending,
        tcp.shuffled,
        tcp.filled_holes,
        tcp.sack_heavy,
        tcp.resets,
        tcp.stray_resets,
        tcp.tiny_windows,
    )
}


def cases_for(file_format: Format) -> list[str]:
    """The cases that a format can carry."""
    return [name for name in CASES if name != "interfaces" or file_format == "pcapng"]


def make_case(name: str, file_format: Format) -> Case:
    """The case of this name, with the servers that are its own."""
    return CASES[name](list(CASES).index(name) + 1, file_format)


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
    return f.ethernet(f.ipv4(f.udp(bytes(body[:1400])), f.UDP, destination=address(server)))
