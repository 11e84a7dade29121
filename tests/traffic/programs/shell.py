"""SSH as far as a capture shows it: banners, messages of the right sizes, log-ins that fail or succeed."""

import random
import socket
import time
from collections.abc import Callable

from tests.traffic.programs.sockets import connected, listening, read_exactly, serve_each

SERVER_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
CLIENT_BANNER = b"SSH-2.0-libssh_0.9.8\r\n"
# Bytes of each message in the order of a session (RFC 4253, 4252): who speaks, and how much.
# Key exchange start of both, ECDH, its reply with new keys, new keys, service request and its answer.
KEY_EXCHANGE = (
    ("client", 1536),
    ("server", 1080),
    ("client", 48),
    ("server", 520),
    ("client", 16),
    ("client", 44),
    ("server", 44),
)
PASSWORD = (("client", 148), ("server", 52))


def shell_server(ready: Callable[[], None], address: str, think_s: float, attempts: int, port: int = 22) -> None:
    """Refuse `attempts` passwords a connection, then close; with 0, let everyone in and echo."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(SERVER_BANNER)
        read_exactly(connection, len(CLIENT_BANNER))
        _play("server", connection, KEY_EXCHANGE, 0)
        for _ in range(max(1, attempts)):
            _play("server", connection, PASSWORD, think_s)
        while not attempts:
            connection.sendall(read_exactly(connection, 36))

    listener = listening(address, port)
    ready()
    serve_each(listener, talk)


def _play(side: str, connection: socket.socket, messages: tuple[tuple[str, int], ...], think_s: float) -> None:
    for speaker, length in messages:
        if speaker == side:
            time.sleep(think_s)
            connection.sendall(random.randbytes(length))
        else:
            read_exactly(connection, length)


def log_in(address: str, attempts: int, port: int = 22, source: str | None = None) -> None:
    """Try `attempts` passwords on one connection, and leave when the server does."""
    with connected(address, port, source=source) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_exactly(connection, len(SERVER_BANNER))
        connection.sendall(CLIENT_BANNER)
        _play("client", connection, KEY_EXCHANGE, 0)
        for _ in range(attempts):
            _play("client", connection, PASSWORD, 0.005)
        connection.recv(1)


def work(address: str, keys: int, seed: int, port: int = 22, source: str | None = None) -> None:
    """A person who logs in at the first try, types, reads and leaves."""
    draw = random.Random(seed)
    with connected(address, port, source=source) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_exactly(connection, len(SERVER_BANNER))
        connection.sendall(CLIENT_BANNER)
        _play("client", connection, KEY_EXCHANGE, 0)
        _play("client", connection, PASSWORD, 0.005)
        for _ in range(keys):
            connection.sendall(random.randbytes(36))
            read_exactly(connection, 36)
            time.sleep(min(1.0, draw.lognormvariate(-2, 0.6)))


def guess(address: str, connections: int, attempts: int, seed: int) -> int:
    """A dictionary against one server: log-ins one after the other, as fast as it refuses them."""
    draw = random.Random(seed)
    for _ in range(connections):
        log_in(address, attempts)
        time.sleep(draw.uniform(0.01, 0.06))
    return connections
