"""Those who try many doors: ports of one host, one port of many hosts, or one door with a flood."""

import random
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.traffic.packets import SYN, TCP, checksum
from tests.traffic.programs.sockets import connected, listening, read_to_end, serve_each


def open_ports(ready: Callable[[], None], address: str, ports: Sequence[int]) -> None:
    """Services that greet and wait."""
    listeners = [listening(address, port) for port in ports]
    ready()
    while True:
        for listener in select.select(listeners, [], [])[0]:
            connection, _ = listener.accept()
            connection.close()


def greeters(ready: Callable[[], None], port: int, greeting: bytes) -> None:
    """One service on every address of the host, which greets, reads to the end, and answers in kind."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting)
        while heard := connection.recv(4096):
            connection.sendall(heard[:512])

    listener = listening("0.0.0.0", port)
    ready()
    serve_each(listener, talk)


def knock(doors: Sequence[tuple[str, int]], per_second: float, patience_s: float) -> dict[str, int]:
    """A connect scan: each door tried once, closed at once when it opens; how many did what."""
    poll, waiting, came = select.poll(), {}, Counter[str]()
    for address, port in doors:
        door = socket.socket()
        door.setblocking(False)
        door.connect_ex((address, port))
        waiting[door.fileno()] = door
        poll.register(door, select.POLLOUT)
        _look(poll, waiting, came, 1 / per_second)
    end = time.monotonic() + patience_s
    while waiting and time.monotonic() < end:
        _look(poll, waiting, came, 0.05)
    came["silent"] = len(waiting)
    for door in waiting.values():
        door.close()
    return dict(came)


def _look(poll: select.poll, waiting: dict[int, socket.socket], came: Counter[str], within_s: float) -> None:
    end = time.monotonic() + within_s
    while (left := end - time.monotonic()) > 0:
        for file, _ in poll.poll(left * 1000):
            door = waiting.pop(file)
            poll.unregister(file)
            came["closed" if door.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) else "open"] += 1
            door.close()


def flood(address: str, port: int, number: int, per_second: float, seed: int) -> int:
    """SYNs with forged senders, from a raw socket: nobody will finish these handshakes."""
    draw = random.Random(seed)
    target = socket.inet_aton(address)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for _ in range(number):
            source = bytes([198, 51, 100, draw.randrange(1, 255)])
            raw.sendto(_syn(source, target, draw.randrange(1024, 65536), port, draw.randrange(1 << 32)), (address, 0))
            time.sleep(1 / per_second)
    return number


def _syn(source: bytes, target: bytes, source_port: int, port: int, seq: int) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", source_port, port, seq, 0, 5 << 4, SYN, 64240, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    # The kernel fills length and checksum of the IP header (raw(7)).
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, TCP, 0, source, target) + tcp


def log_in_by(address: str, port: int, rounds: int) -> int:
    """Talk to a greeter as an administrator does: a few rounds of some hundred bytes, and a proper end."""
    heard = 0
    with connected(address, port) as connection:
        heard += len(connection.recv(4096))
        for size in range(200, 200 + 50 * rounds, 50):
            connection.sendall(random.randbytes(size))
            heard += len(connection.recv(4096))
        connection.shutdown(socket.SHUT_WR)
        heard += read_to_end(connection)
    return heard
