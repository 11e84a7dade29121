"""What fuzzing starts from: small captures of the tests and of ../shared, the frames in them, and what is made up."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from typing import Literal

from tests.conftest import ROOT, SHARED
from tests.fuzz.dns_input import packed
from tests.fuzz.tcp_input import conversations
from tests.reference.dns_strategies import made_up

PCAP_MICROSECONDS, PCAP_NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
SMALL = 16384
FRAMES = 8  # from each capture: neighbours look alike


def write(folder: Path, harness: str) -> None:
    """Fill `folder` with the seeds of a harness, named by their content."""
    for seed in seeds(harness):
        (folder / sha256(seed).hexdigest()[:16]).write_bytes(seed)


def seeds(harness: str) -> Iterator[bytes]:
    if harness == "dns":
        return messages()
    if harness == "tcp":
        return conversations()
    captures = (path.read_bytes() for path in recorded())
    if harness == "frame":
        return (frame for capture in captures for frame in islice(frames(capture), FRAMES))
    return captures


def recorded() -> Iterator[Path]:
    for folder in (ROOT / "tests" / "captures", SHARED / "captures"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size <= SMALL:
                yield path


def frames(capture: bytes) -> Iterator[bytes]:
    """Two bytes of link type, then the frame: as the harness `frame` reads it. Of pcap only: pcapng adds none."""
    order: Literal["big", "little"] = "big" if capture[:2] == b"\xa1\xb2" else "little"
    if int.from_bytes(capture[:4], order) not in (PCAP_MICROSECONDS, PCAP_NANOSECONDS):
        return
    link_type = int.from_bytes(capture[20:24], order) & 0xFFFF
    at = 24
    while at + 16 <= len(capture):
        length = int.from_bytes(capture[at + 8 : at + 12], order)
        yield link_type.to_bytes(2) + capture[at + 16 : at + 16 + length]
        at += 16 + length


def messages() -> Iterator[bytes]:
    """What clients and resolvers say, as the harness `dns` reads it."""
    for number in range(200):
        yield packed(made_up(Random(number)))
