"""TCP connections as every program here makes them."""

import random
import socket
import threading
from collections.abc import Callable

PATIENCE_S = 60


def payload(length: int, seed: int = 1) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(length)


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listening(address: str, port: int, receive_buffer: int = 0, backlog: int = 128) -> socket.socket:
    listener = socket.socket(family(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if receive_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    listener.bind((address, port))
    listener.listen(backlog)
    return listener


def serve_each(listener: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    """talk(connection) in a thread for each that comes, for ever; the connection is closed afterwards."""

    def attend(connection: socket.socket) -> None:
        # A client that leaves early is part of some scenarios.
        try:
            with connection:
                talk(connection)
        except OSError:
            return

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=attend, args=(connection,), daemon=True).start()


def connected(
    address: str,
    port: int,
    *,
    source: str | None = None,
    within_s: float = PATIENCE_S,
    receive_buffer: int = 0,
) -> socket.socket:
    connection = socket.socket(family(address), socket.SOCK_STREAM)
    connection.settimeout(within_s)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        connection.bind((source, 0))
    try:
        connection.connect((address, port))
    except OSError:
        connection.close()
        raise
    return connection


def read_exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(min(65536, length - len(data)))
        if not piece:
            raise ConnectionError(f"the peer ended after {len(data)} of {length} bytes")
        data += piece
    return data


def read_to_end(connection: socket.socket) -> int:
    length = 0
    while piece := connection.recv(65536):
        length += len(piece)
    return length
