"""Datagrams at the pace of a call (RTP, RFC 3550), or in bursts."""

import random
import socket
import struct
import time
from collections.abc import Callable

PORT = 4000
PIECE_S = 0.02
# linux/in.h
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0


def listener(ready: Callable[[], None], address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((address, PORT))
        ready()
        while True:
            phone.recv(65536)


def call(address: str, seconds: float) -> int:
    """G.711 one way, 50 packets a second; how many."""
    pieces = int(seconds / PIECE_S)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.connect((address, PORT))
        start = time.monotonic()
        for number in range(pieces):
            time.sleep(max(0.0, start + number * PIECE_S - time.monotonic()))
            header = struct.pack("!BBHII", 0x80, 0, number, number * 160, 0x1234)
            phone.send(header + random.randbytes(160))
    return pieces


def bursts(address: str, length: int, every_s: float, number: int) -> int:
    """`number` bursts of `length` full datagrams, as fast as they leave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((address, PORT))
        for _ in range(number):
            for _ in range(length):
                sender.send(bytes(1400))
            time.sleep(every_s)
    return number * length


def film(address: str, seconds: float, seed: int) -> int:
    """A picture thirty times a second, each at once: some datagrams, and four times as many once a second."""
    drawn, sent = random.Random(seed), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        camera.connect((address, PORT))
        start = time.monotonic()
        for picture in range(int(seconds * 30)):
            time.sleep(max(0.0, start + picture / 30 - time.monotonic()))
            for _ in range(drawn.randrange(3, 7) * (1 if picture % 30 else 4)):
                camera.send(random.randbytes(1200))
                sent += 1
    return sent


def datagrams(address: str, size: int, number: int, every_s: float) -> int:
    """Datagrams of one size at an even pace, fragmented where they do not fit."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sender.connect((address, PORT))
        for _ in range(number):
            sender.send(random.randbytes(size))
            time.sleep(every_s)
    return number
