"""What hosts do by the clock: ask for the time (RFC 5905), and tell a server that they are still there."""

import socket
import struct
import time
from collections.abc import Callable

from tests.traffic.programs.sockets import connected

NTP = 123
SINCE_1900_S = 2_208_988_800


def time_server(ready: Callable[[], None], address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as clock:
        clock.bind((address, NTP))
        ready()
        while True:
            asked, client = clock.recvfrom(512)
            now = struct.pack("!II", int(time.time()) + SINCE_1900_S, 0)
            clock.sendto(
                struct.pack("!BBbbII4s", 0x24, 2, 6, -20, 0, 0, b"GPS\0") + now + asked[40:48] + now + now, client
            )


def keep_in_touch(address: str, port: int, rounds: int, rest: Callable[[], None]) -> None:
    """Ask for the time, and send a word on the kept connection, round after round."""
    with connected(address, port) as kept, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as clock:
        kept.recv(64)
        clock.connect((address, NTP))
        clock.settimeout(5)
        for _ in range(rounds):
            clock.send(struct.pack("!B39xII", 0x23, int(time.time()) + SINCE_1900_S, 0))
            clock.recv(512)
            kept.sendall(b"still here: 24 bytes...\n")
            kept.recv(64)
            rest()
