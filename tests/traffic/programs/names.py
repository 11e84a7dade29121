"""DNS (RFC 1035): a server with a plan for every name, and clients that ask it, glibc's resolver among them."""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.traffic.namespaces import with_files
from tests.traffic.programs.sockets import family

A, PTR, TXT, AAAA = 1, 12, 16, 28
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


@dataclass(frozen=True)
class Answer:
    """What the server says to a name: after so long, this code, or nothing at all."""

    rcode: int = NOERROR
    after_s: float = 0.0
    silent: bool = False
    text: bytes = b""


def name_server(ready: Callable[[], None], address: str, plan: Mapping[str, Answer], otherwise: Answer) -> None:
    """Answer over UDP by the longest ending of `plan` that fits the name."""
    asked = socket.socket(family(address), socket.SOCK_DGRAM)
    asked.bind((address, 53))
    ready()
    while True:
        query, client = asked.recvfrom(4096)
        answer = next((plan[end] for end in _endings(_name(query)) if end in plan), otherwise)
        if not answer.silent:
            threading.Timer(answer.after_s, asked.sendto, (_response(query, answer), client)).start()


def _endings(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


def _name(message: bytes) -> str:
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("ascii", "replace"))
        at += 1 + message[at]
    return ".".join(labels).lower()


def _question(message: bytes) -> bytes:
    at = 12
    while message[at]:
        at += 1 + message[at]
    return message[12 : at + 5]


def _response(query: bytes, answer: Answer) -> bytes:
    question = _question(query)
    kind = int.from_bytes(question[-4:-2], "big")
    data = _data(kind, answer) if answer.rcode == NOERROR else b""
    record = struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data if data else b""
    header = struct.pack("!HHHHHH", int.from_bytes(query[:2], "big"), 0x8180 | answer.rcode, 1, bool(data), 0, 0)
    return header + question + record


def _data(kind: int, answer: Answer) -> bytes:
    if kind == A:
        return bytes([192, 0, 2, 80])
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, "2001:db8::80")
    if kind == PTR:
        return b"\x04host\x07example\x04test\x00"
    return b"".join(bytes([len(part)]) + part for part in _strings(answer.text or b"v=1"))


def _strings(text: bytes) -> list[bytes]:
    return [text[start : start + 255] for start in range(0, len(text), 255)]


def query(name: str, kind: int, number: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


def ask(
    server: str, names: Sequence[tuple[str, int]], *, every_s: float, seed: int, patience_s: float = 1.0, tries: int = 2
) -> list[float | None]:
    """A stub's questions, one after the other, retried as stubs do; the seconds each took, None where nothing came."""
    draw = random.Random(seed)
    took: list[float | None] = []
    for name, kind in names:
        asked = time.monotonic()
        # A new port and number each: what keeps forged answers out (RFC 5452).
        with socket.socket(family(server), socket.SOCK_DGRAM) as stub:
            stub.settimeout(patience_s)
            stub.connect((server, 53))
            took.append(_answered(stub, query(name, kind, draw.randrange(1 << 16)), asked, tries))
        time.sleep(draw.expovariate(1 / every_s))
    return took


def _answered(stub: socket.socket, message: bytes, asked: float, tries: int) -> float | None:
    for _ in range(tries):
        stub.send(message)
        try:
            stub.recv(4096)
        except OSError:
            continue
        return time.monotonic() - asked
    return None


def resolve(servers: Sequence[str], names: Sequence[str], timeout_s: int, every_s: float) -> list[dict[str, Any]]:
    """Names through getaddrinfo(): glibc's own resolver, with its time-outs and its list of servers."""
    lines = [f"nameserver {server}" for server in servers] + [f"options timeout:{timeout_s} attempts:2"]
    with_files({"/etc/resolv.conf": "\n".join(lines) + "\n", "/etc/nsswitch.conf": "hosts: dns\n"})
    done = []
    for name in names:
        asked = time.monotonic()
        try:
            socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
            fault = ""
        except socket.gaierror as problem:
            fault = str(problem.strerror)
        done.append({"name": name, "seconds": time.monotonic() - asked, "fault": fault})
        time.sleep(every_s)
    return done
