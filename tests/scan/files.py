"""Capture files made by hand: frames, records, blocks, small enough to think through."""

import struct
from collections.abc import Iterable

EPOCH = 1_700_000_000
SYN, SYN_ACK, ACK, FIN_ACK, RST, DATA = 0x02, 0x12, 0x10, 0x11, 0x04, 0x18


def tcp_frame(
    client: int, *, flags: int = ACK, reply: bool = False, seq: int = 1000, ack: int = 2000, payload: bytes = b""
) -> bytes:
    """Ethernet, IPv4, TCP between client number `client` and 172.16.0.1:80; `reply` turns it round."""
    host, port = b"\x0a" + struct.pack(">I", client)[1:], 1024 + client % 60000
    ends = [(host, port), (b"\xac\x10\x00\x01", 80)]
    (src, sport), (dst, dport) = reversed(ends) if reply else ends
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 4096, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), client & 0xFFFF, 0, 64, 6, 0, src, dst)
    return b"\x02" * 12 + b"\x08\x00" + ip + tcp


def pcap_record(frame: bytes, number: int, *, original: int | None = None) -> bytes:
    """A record one microsecond after the one before."""
    second, micro = divmod(number, 1_000_000)
    return struct.pack("<IIII", EPOCH + second, micro, len(frame), len(frame) if original is None else original) + frame


def pcap_file(frames: Iterable[bytes], *, link_type: int = 1) -> bytes:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)
    return header + b"".join(pcap_record(frame, number) for number, frame in enumerate(frames))


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order: str = "<", *, link_type: int = 1, options: bytes = b"") -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, 0) + options, order)


def enhanced(frame: bytes, number: int, order: str = "<", *, interface_id: int = 0) -> bytes:
    ticks = EPOCH * 1_000_000 + number
    head = struct.pack(order + "IIIII", interface_id, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame, order)


def pcapng_file(frames: Iterable[bytes], order: str = "<") -> bytes:
    packets = b"".join(enhanced(frame, number, order) for number, frame in enumerate(frames))
    return section(order) + interface(order) + packets
