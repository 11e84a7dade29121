"""A large upload whose connection is cut again and again is stored as it was sent."""

import hashlib
import os
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.adapters.process import WORKER
from tests.web.server import wait_for
from tests.web.test_resumable import begin_part, begun, stands_at, task_of
from tests.web.test_serve import process

CUTS = 20
PART = 64 << 20
# Of which each block consists, so that it is a capture, however many there are.
RECORD_BYTES, RECORDS = 65_536, 16
BLOCK = RECORD_BYTES * RECORDS
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
# By which whoever has less room tries less.
LONG_GB = float(os.environ.get("CUT_UPLOAD_GB", "5"))


def block(number: int) -> bytes:
    """No two are alike: whatever is stored in a wrong place shows."""
    rng = random.Random(number)
    size = RECORD_BYTES - 16
    return b"".join(struct.pack("<IIII", number, record, size, size) + rng.randbytes(size) for record in range(RECORDS))


def content(start: int, end: int) -> Iterator[bytes]:
    """The bytes of the capture from `start` to `end`."""
    if start < len(HEADER):
        yield HEADER[start:end]
        start = min(end, len(HEADER))
    while start < end:
        number, inside = divmod(start - len(HEADER), BLOCK)
        piece = block(number)[inside : inside + end - start]
        yield piece
        start += len(piece)


@pytest.mark.parametrize("gigabytes", [0.05, pytest.param(LONG_GB, marks=pytest.mark.long)])
def test_cut_at_random_and_resumed_what_is_stored_is_identical(data_dir: Path, gigabytes: float) -> None:
    blocks = int(gigabytes * 1e9) // BLOCK
    size = len(HEADER) + blocks * BLOCK
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown when the test fails
    rng = random.Random(seed)
    cuts = sorted(rng.sample(range(1, size), CUTS))
    with process(data_dir, WORKER) as (_, client):
        place = begun(client, size)
        for cut in cuts:
            send(client, place, size, cut, rng)
        send(client, place, size, None, rng)
        done = wait_for(client, task_of(place), "succeeded", "failed", seconds=60 + 20 * gigabytes)
        assert (done["status"], done["progress"]["packets"]) == ("succeeded", blocks * RECORDS)
    expected = hashlib.sha256()
    for piece in content(0, size):
        expected.update(piece)
    with (data_dir / "uploads" / f"{task_of(place)}.pcap").open("rb") as stored:
        assert hashlib.file_digest(stored, "sha256").digest() == expected.digest()


def send(client: httpx.Client, place: str, size: int, cut: int | None, rng: random.Random) -> None:
    """Go on where the upload stands, part by part, until all has come or the connection is cut before that byte."""
    offset = stands_at(client, place)
    address = str(client.base_url).rstrip("/")
    while offset < size and (cut is None or offset < cut):
        end = min(size, offset + PART)
        with begin_part(address, place, offset, b"", end - offset) as connection:
            for piece in content(offset, end if cut is None else min(end, cut)):
                connection.sendall(piece)
            if cut is not None and cut < end:
                if rng.random() < 0.5:  # at once, and with what is still on its way
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 204 ")
        offset = end
