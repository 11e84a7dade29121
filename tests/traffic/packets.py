"""A frame on the link as far as faults and middleboxes look into it, and the few packets that middleboxes make."""

import socket
import struct
from typing import NamedTuple

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, ACK = 1, 2, 4, 16
ETHERNET = 14


class Packet(NamedTuple):
    """An IPv4 or IPv6 packet without extension headers; ports and the rest are 0 where there are none."""

    frame: bytes
    version: int
    protocol: int
    source: bytes
    target: bytes
    ip_length: int
    source_port: int
    target_port: int
    seq: int
    ack: int
    flags: int
    payload: int

    @property
    def flow(self) -> frozenset[tuple[bytes, int]]:
        return frozenset({(self.source, self.source_port), (self.target, self.target_port)})

    @property
    def opens(self) -> bool:
        return self.protocol == TCP and self.flags & (SYN | ACK) == SYN

    def named(self) -> dict[str, int]:
        """Enough to find it in a capture."""
        names = {"ip_id": int.from_bytes(self.frame[18:20], "big")} if self.version == 4 else {}
        names |= {"sport": self.source_port, "dport": self.target_port}
        if self.protocol == TCP:
            names |= {"seq": self.seq, "ack": self.ack, "flags": self.flags, "len": self.payload}
        return names


def read(frame: bytes) -> Packet | None:
    """The IP packet in a frame; None for ARP and all else."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        header = (frame[14] & 15) * 4
        length = int.from_bytes(frame[16:18], "big")
        version, protocol, source, target = 4, frame[23], frame[26:30], frame[30:34]
    elif kind == b"\x86\xdd":
        header = 40
        length = 40 + int.from_bytes(frame[18:20], "big")
        version, protocol, source, target = 6, frame[20], frame[22:38], frame[38:54]
    else:
        return None
    at = ETHERNET + header
    source_port, target_port = struct.unpack_from("!HH", frame, at) if protocol in {TCP, UDP} else (0, 0)
    seq, ack, flags, payload = 0, 0, 0, max(0, length - header - 8)
    if protocol == TCP:
        seq, ack, offset, flags = struct.unpack_from("!IIBB", frame, at + 4)
        payload = length - header - (offset >> 4) * 4
    return Packet(frame, version, protocol, source, target, length, source_port, target_port, seq, ack, flags, payload)


def is_neighbour_discovery(packet: Packet) -> bool:
    return packet.version == 6 and packet.protocol in {0, ICMP6}


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _ipv4(source: bytes, target: bytes, protocol: int, ttl: int, payload: bytes) -> bytes:
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, ttl, protocol, 0, source, target)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def reset(seen: Packet, *, to_sender: bool, ttl: int) -> bytes:
    """The RST that a middlebox sends in the other end's name. IPv4 only."""
    if to_sender:
        ends = (seen.target, seen.source)
        ports, seq = (seen.target_port, seen.source_port), seen.ack
        macs = seen.frame[6:12] + seen.frame[:6]
    else:
        ends = (seen.source, seen.target)
        ports, seq = (seen.source_port, seen.target_port), seen.seq
        macs = seen.frame[:12]
    tcp = struct.pack("!HHIIBBHHH", *ports, seq, 0, 5 << 4, RST, 0, 0, 0)
    pseudo = ends[0] + ends[1] + struct.pack("!BBH", 0, TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    return macs + b"\x08\x00" + _ipv4(*ends, TCP, ttl, tcp)


def unreachable(seen: Packet, code: int, router: str, ttl: int) -> bytes:
    """ICMP destination unreachable (RFC 792) with the header and 8 bytes of what was dropped. IPv4 only."""
    icmp = struct.pack("!BBHI", 3, code, 0, 0) + seen.frame[ETHERNET : ETHERNET + 28]
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    macs = seen.frame[6:12] + seen.frame[:6]
    return macs + b"\x08\x00" + _ipv4(socket.inet_aton(router), seen.source, ICMP, ttl, icmp)


def unreachable6(seen: Packet, code: int, router: str, ttl: int) -> bytes:
    """ICMPv6 destination unreachable (RFC 4443) with as much of what was dropped as is allowed."""
    source = socket.inet_pton(socket.AF_INET6, router)
    icmp = struct.pack("!BBHI", 1, code, 0, 0) + seen.frame[ETHERNET : ETHERNET + 1232]
    pseudo = source + seen.source + struct.pack("!II", len(icmp), ICMP6)
    icmp = icmp[:2] + struct.pack("!H", checksum(pseudo + icmp)) + icmp[4:]
    header = struct.pack("!IHBB", 6 << 28, len(icmp), ICMP6, ttl) + source + seen.source
    return seen.frame[6:12] + seen.frame[:6] + b"\x86\xdd" + header + icmp


def routed(frame: bytes, source_mac: bytes, target_mac: bytes) -> bytes:
    """The same packet one hop further, as a switch mirrors it behind the router. IPv4 only."""
    header = bytearray(frame[ETHERNET : ETHERNET + (frame[14] & 15) * 4])
    header[8] -= 1
    header[10:12] = b"\0\0"
    header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return target_mac + source_mac + frame[12:14] + bytes(header) + frame[ETHERNET + len(header) :]
