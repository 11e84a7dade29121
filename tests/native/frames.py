"""Frames small enough to check by hand, and the decoder's answer to one of them."""

import socket
import struct
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from pcap_analyzer._native import decode as native

PACKET = np.dtype(cast("Any", native.PACKET_DTYPE))
CONVERSATION = np.dtype(cast("Any", native.CONVERSATION_DTYPE))

OK, TRUNCATED, MALFORMED, UNSUPPORTED = range(4)
LINK, NETWORK, TRANSPORT = 1, 2, 3

HAS_IP, HAS_FRAGMENT, MORE_FRAGMENTS, HAS_PORTS, HAS_TCP, HAS_UDP, HAS_SCTP = 2, 4, 8, 16, 32, 64, 128
HAS_ICMP, HAS_ECHO, HAS_TUNNEL, IN_FRAGMENT = 256, 512, 1024, 8192
NO_VLAN, NO_EXTRA, NO_SCALE = 0xFFFF, 0xFFFFFFFF, 0xFF

A, B = "10.0.0.1", "10.0.0.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
INNER_A, INNER_B = "192.168.7.1", "192.168.7.2"
LLC_IPV4 = bytes.fromhex("aaaa03 000000 0800")


@dataclass(frozen=True)
class Decoded:
    """One packet record, its side record, and its path as names."""

    record: Any
    outer: tuple[str, str] | None
    own: int
    conversations: list[tuple[int, int, int, int]]
    path: list[str | int | None]

    def __getattr__(self, name: str) -> int:
        return int(self.record[name])

    @property
    def src(self) -> str:
        return address(self.record["src"], self.ip_version)

    @property
    def dst(self) -> str:
        return address(self.record["dst"], self.ip_version)

    @property
    def ports(self) -> tuple[int, int] | None:
        return (self.src_port, self.dst_port) if self.has(HAS_PORTS) else None

    def has(self, bits: int) -> bool:
        return self.present & bits == bits


def address(raw: Any, version: int) -> str:
    packed = bytes(raw)
    return socket.inet_ntop(socket.AF_INET, packed[12:]) if version == 4 else socket.inet_ntop(socket.AF_INET6, packed)


def decode(frame: bytes, *, link_type: int = 1, wire: int | None = None) -> Decoded:
    """Decode one frame; `wire` is its original length where that is not all there is."""
    packets = np.full(1, 0xFF, np.uint8).repeat(PACKET.itemsize)
    extras = np.zeros(native.EXTRA_SIZE, np.uint8)
    paths = native.Paths()
    # A copy of just this size lets AddressSanitizer see a step beyond the frame.
    count = native.decode_frames(
        np.frombuffer(frame, np.uint8).copy(),
        np.zeros(1, np.uint64),
        np.array([len(frame)], np.uint32),
        np.array([len(frame) if wire is None else wire], np.uint32),
        np.array([link_type], np.uint16),
        packets,
        extras,
        paths,
    )
    record = packets.view(PACKET)[0]
    steps = [value for _, _, value in paths.names(int(record["path"]))]
    if count == 0:
        return Decoded(record, None, 0, [], steps)
    head = extras.tobytes()
    seen = np.frombuffer(head[native.CONVERSATIONS_OFFSET :], CONVERSATION)[: head[33]]
    return Decoded(
        record=record,
        outer=(address(head[:16], head[32]), address(head[16:32], head[32])) if head[32] else None,
        own=head[34],
        conversations=[
            tuple(int(row[name]) for name in ("protocol", "src_port", "dst_port", "quoted")) for row in seen
        ],  # type: ignore[misc]
        path=steps,
    )


def ethernet(payload: bytes, ethertype: int = 0x0800) -> bytes:
    return bytes.fromhex("020000000001 020000000002") + struct.pack(">H", ethertype) + payload


def ipv4(payload: bytes, protocol: int, src: str = A, dst: str = B, **fields: Any) -> bytes:
    """fields: total (length), fragment (flags and offset as on the wire), ttl, options."""
    options = fields.get("options", b"")
    header = 20 + len(options)
    total = fields.get("total", header + len(payload))
    start = struct.pack(
        ">BBHHHBBH",
        0x40 | header // 4,
        0x2E,
        total,
        0x1234,
        fields.get("fragment", 0),
        fields.get("ttl", 64),
        protocol,
        0,
    )
    return start + socket.inet_aton(src) + socket.inet_aton(dst) + options + payload


def ipv6(payload: bytes, following: int, src: str = A6, dst: str = B6, length: int | None = None) -> bytes:
    start = struct.pack(">IHBB", 0x62E00000, len(payload) if length is None else length, following, 64)
    return start + socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + payload


def tcp(
    source: int, destination: int, payload: bytes = b"", *, words: int | None = None, options: bytes = b""
) -> bytes:
    """words: the data offset where it is to be wrong. Sequence number 1000, acknowledgment 2000, PSH and ACK."""
    offset = (20 + len(options)) // 4 if words is None else words
    fields = (source, destination, 1000, 2000, offset << 12 | 0x018, 4096, 0, 0)
    return struct.pack(">HHIIHHHH", *fields) + options + payload


def udp(source: int, destination: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(payload) if length is None else length, 0) + payload


def icmp(kind: int, code: int, payload: bytes = b"", rest: bytes = b"\x00\x00\x00\x00") -> bytes:
    return bytes([kind, code, 0, 0]) + rest + payload


def inner(port: int = 1111) -> bytes:
    """A whole IPv4/TCP packet with three bytes of payload, for tunnels."""
    return ipv4(tcp(port, 80, b"abc"), 6, INNER_A, INNER_B)
