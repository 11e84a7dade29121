"""What the kernel counted: of a whole host, and of one TCP connection."""

import socket
import struct
from pathlib import Path

# struct tcp_info (linux/tcp.h): eight bytes, then 32-bit words.
WORDS = {"rto_us": 0, "mss": 2, "retransmitted": 23, "rtt_us": 15, "cwnd": 18}
# 104 bytes, then what newer kernels added.
LATER = {"bytes_acked": (120, "Q"), "bytes_received": (128, "Q"), "segs_out": (136, "I"), "min_rtt_us": (148, "I")}


def of_this_host() -> dict[str, int]:
    """/proc/net/snmp and netstat, what is not zero. The namespace is new, so they count this recording alone."""
    counts: dict[str, int] = {}
    for file in ("snmp", "netstat"):
        lines = Path("/proc/self/net", file).read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            protocol, *columns = names.split()
            if protocol in {"Tcp:", "TcpExt:", "Udp:", "Icmp:"}:
                pairs = zip(columns, map(int, values.split()[1:]), strict=True)
                counts |= {f"{protocol[:-1]}.{name}": value for name, value in pairs if value > 0}
    return counts


def of(connection: socket.socket) -> dict[str, int]:
    """TCP_INFO of a connection, by name."""
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    info = {name: struct.unpack_from("=I", raw, 8 + 4 * word)[0] for name, word in WORDS.items()}
    for name, (at, kind) in LATER.items():
        if at + struct.calcsize(kind) <= len(raw):
            info[name] = struct.unpack_from(f"={kind}", raw, at)[0]
    return info
