"""What users have today, on the same file in the same run; only those that are installed."""

import mmap
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import CommandFailed, Run, time_command

SLICE_PACKETS = 500_000  # tshark needs about a gigabyte for a million packets
SPENT_ENOUGH_S = 20.0  # a slow peer runs once, a quick one as often as fits in here


@dataclass(frozen=True)
class Peer:
    """command: FILE stands for the capture. sliced: too slow or large for a big capture."""

    name: str
    command: tuple[str, ...]
    sliced: bool = False


PEERS = (
    Peer("capinfos", ("capinfos", "FILE")),
    Peer("tcpdump -w /dev/null", ("tcpdump", "-n", "-r", "FILE", "-w", "/dev/null")),
    Peer("tcptrace -n", ("tcptrace", "-n", "FILE")),
    Peer("tcptrace -n -l -r", ("tcptrace", "-n", "-l", "-r", "FILE")),
    Peer("tshark -q -z conv,tcp", ("tshark", "-n", "-q", "-z", "conv,tcp", "-r", "FILE"), sliced=True),
)


@dataclass(frozen=True)
class PeerResult:
    """Best of `runs`. packets: those of the file it read, or of the slice."""

    name: str
    packets: int
    wall_s: float
    cpu_s: float
    runs: int
    error: str | None = None


def run_peers(capture: Path, packets: int, folder: Path, *, rounds: int, whole: bool) -> Iterator[PeerResult]:
    """Every installed peer on the capture; `folder` takes the slice, `whole` forbids slicing."""
    part, part_packets = capture, packets
    if packets > SLICE_PACKETS and not whole:
        part, part_packets = folder / "slice", SLICE_PACKETS
        write_slice(capture, part, SLICE_PACKETS)
    for peer in PEERS:
        if shutil.which(peer.command[0]) is None:
            continue
        file, count = (part, part_packets) if peer.sliced else (capture, packets)
        yield _run_peer(peer, file, count, rounds)


def _run_peer(peer: Peer, file: Path, packets: int, rounds: int) -> PeerResult:
    command = [str(file) if word == "FILE" else word for word in peer.command]
    runs: list[Run] = []
    try:
        while len(runs) < rounds and sum(run.wall_s for run in runs) < SPENT_ENOUGH_S:
            runs.append(time_command(command))
    except CommandFailed as failed:
        return PeerResult(peer.name, packets, 0.0, 0.0, len(runs), str(failed))
    return PeerResult(peer.name, packets, min(run.wall_s for run in runs), min(run.cpu_s for run in runs), len(runs))


def write_slice(capture: Path, out: Path, packets: int) -> None:
    """The first packets of a plain pcap or pcapng file. Raises ValueError for any other file."""
    with capture.open("rb") as file, out.open("wb") as part:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            rest = _end_of(data, packets)
        while rest > 0:
            chunk = file.read(min(rest, 1 << 20))
            if not chunk:
                break
            part.write(chunk)
            rest -= len(chunk)


def _end_of(data: mmap.mmap, packets: int) -> int:
    """The byte behind the packet with this number, or behind the last."""
    magic = data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        return _end_of_blocks(data, packets)
    if magic in {b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"}:
        length = struct.Struct("<I")
    elif magic in {b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"}:
        length = struct.Struct(">I")
    else:
        raise ValueError("a slice can be cut from plain pcap and pcapng only: use --full-peers or --no-peers")
    at = 24
    for _ in range(packets):
        if at + 16 > len(data):
            break
        at += 16 + length.unpack_from(data, at + 8)[0]
    return at


def _end_of_blocks(data: mmap.mmap, packets: int) -> int:
    head = struct.Struct("<II" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">II")
    at = seen = 0
    while seen < packets and at + 12 <= len(data):
        kind, length = head.unpack_from(data, at)
        seen += kind in {2, 3, 6}
        at += length
    return at
