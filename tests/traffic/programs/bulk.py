"""Transfers: uploads into a sink, downloads from a source, at full speed or at the pace of an application."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.traffic import counters
from tests.traffic.programs.sockets import connected, listening, payload, read_exactly, read_to_end, serve_each

PORT = 7001


def sink_and_source(ready: Callable[[], None], address: str, port: int = PORT) -> None:
    """Reads each connection: the first line says how many bytes are wanted back once all has been read."""

    def talk(connection: socket.socket) -> None:
        wanted = int(read_exactly(connection, 16))
        if not wanted:
            read_to_end(connection)
        connection.sendall(payload(wanted))

    listener = listening(address, port)
    ready()
    serve_each(listener, talk)


def upload(address: str, length: int, *, port: int = PORT, connections: int = 1, source: str | None = None) -> Any:
    """Several uploads at once; what the kernel says of each at its end."""
    return _together(connections, lambda number: _upload(address, length, port, number, source))


def _upload(address: str, length: int, port: int, number: int, source: str | None) -> dict[str, Any]:
    with connected(address, port, source=source) as connection:
        ends = _ends(connection)
        connection.sendall(b"0".zfill(16) + payload(length, number))
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)
        return ends | counters.of(connection)


def download(address: str, length: int, *, port: int = PORT, connections: int = 1) -> Any:
    return _together(connections, lambda number: _download(address, length, port))


def _download(address: str, length: int, port: int) -> dict[str, Any]:
    with connected(address, port) as connection:
        ends = _ends(connection)
        connection.sendall(str(length).zfill(16).encode())
        read_exactly(connection, length)
        return ends | counters.of(connection)


def slow_download(address: str, length: int, receive_buffer: int, piece: int, every_s: float) -> dict[str, Any]:
    """A reader that takes a piece now and then, with a small buffer: its window closes."""
    with connected(address, PORT, receive_buffer=receive_buffer) as connection:
        ends = _ends(connection)
        connection.sendall(str(length).zfill(16).encode())
        had = 0
        while had < length:
            time.sleep(every_s)
            had += len(connection.recv(piece))
        return ends | counters.of(connection)


def paced_upload(address: str, piece: int, every_s: float, pieces: int) -> dict[str, Any]:
    """An application that has a piece to send now and then; the network waits for it."""
    with connected(address, PORT) as connection:
        ends = _ends(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"0".zfill(16))
        for number in range(pieces):
            connection.sendall(payload(piece, number))
            time.sleep(every_s)
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)
        return ends | counters.of(connection)


def meeting_uploads(address: str, connections: int, length: int, every_s: float, rounds: int) -> int:
    """Kept connections that all send a piece at the same moment, again and again."""
    with ThreadPoolExecutor(connections) as workers:
        kept = [connected(address, PORT) for _ in range(connections)]
        for connection in kept:
            connection.sendall(b"0".zfill(16))
        for number in range(rounds):
            time.sleep(every_s)
            list(workers.map(socket.socket.sendall, kept, [payload(length, number)] * connections))
        for connection in kept:
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)
            connection.close()
    return rounds


def stuck_transfer(address: str, length: int, patience_s: float, *, up: bool) -> str:
    """A transfer that its user gives up; how far it came."""
    with connected(address, PORT, within_s=patience_s) as connection:
        try:
            connection.sendall(str(0 if up else length).zfill(16).encode())
            if up:
                connection.sendall(payload(length))
                connection.shutdown(socket.SHUT_WR)
                read_to_end(connection)
            else:
                read_exactly(connection, length)
        except TimeoutError:
            return "given up"
        return "done"


def _together(number: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(number) as workers:
        return list(workers.map(work, range(number)))


def _ends(connection: socket.socket) -> dict[str, Any]:
    """Both addresses, while it still knows its peer's."""
    return {"local": connection.getsockname()[:2], "remote": connection.getpeername()[:2]}
