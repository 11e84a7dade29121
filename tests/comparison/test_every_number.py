"""Every number that can announce what follows leads to a packet exactly where tshark finds one.

Behind each stands a packet, or a frame with one, after a header of zeros, of a pattern, or of noise: whoever reads the
header as it should be read meets the packet. So a protocol that tshark follows and we do not shows, and the other way
round.
"""

from __future__ import annotations

import ipaddress
import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from pcap_analyzer.pipeline import open_capture
from tests.scan.files import pcap_file

OUTER, INNER = "192.0.2.1", "10.9.8.7"
# Layers of tshark that lead to a packet and that we do not read, each with the reason.
UNREAD = {
    "hbbak": "Huawei's frames of backup",
    "3comxns": "3Com's networks of the eighties",
    "wlan_centrino": "what a driver made of frames of 802.11",
    "avsp": "subtypes that do not exist",
    "msrcp": "Microsoft's copies of frames",
    "redback": "Redback's own header",
    "juniper": "cells and bundles that are guessed",
    "netanalyzer": "Hilscher's frames",
    "fpp": "preemptible Ethernet",
    "vpp": "traces of VPP",
    "pwethheuristic": "a pseudowire's frame is guessed",
    "dof": "a tunnel guessed by one of two ports",
    "fr": "numbered frames",
    "atm": "IP straight behind cells",
    "clip": "a link type of NetBSD",
    "null": "PPI's inner link type 0",
    "wlan": "frames that are protected, or in fragments",
}


def ipv4(protocol: int, data: bytes, src: str = OUTER) -> bytes:
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, protocol, 0)
    return header + ipaddress.ip_address(src).packed + b"\xc0\0\2\2" + data


def udp(port: int, data: bytes) -> bytes:
    return struct.pack(">HHHH", 40007, port, 8 + len(data), 0) + data


def ethernet(kind: int, data: bytes) -> bytes:
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack(">H", kind) + data


PACKET = ipv4(17, udp(40003, b"abcdefgh"), INNER)
FRAME = ethernet(0x0800, PACKET)
WORDS = (b"\x08\0", b"\0\x21", b"\x65\x58", b"\0\4", b"\1\0")  # that may name a packet or a frame


def headers(size: int, words: tuple[bytes, ...]) -> Iterator[bytes]:
    """What may stand between a number and the packet."""
    yield bytes(size)
    if size >= 2:
        for word in words:
            yield bytes(size - 2) + word
            yield word + bytes(size - 2)
    yield Random(size).randbytes(size)


def behind(sizes: range, words: tuple[bytes, ...] = WORDS) -> Iterator[bytes]:
    for size in sizes:
        for header in headers(size, words):
            yield header + PACKET
            yield header + FRAME


NARROW, WIDE, SHORT = range(0, 34, 2), range(0, 18, 4), range(0, 10, 4)
SPACES: dict[str, Callable[[], Iterator[bytes]]] = {
    "IP protocol": lambda: (ethernet(0x800, ipv4(n, data)) for n in range(256) for data in behind(NARROW)),
    "IPv6 next header": lambda: (
        ethernet(0x86DD, struct.pack(">IHBB", 6 << 28, len(data), n, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + data)
        for n in range(256)
        for data in behind(NARROW)
    ),
    "SAP": lambda: (
        ethernet(len(data) + 3, bytes((n, n, 3)) + data) for n in range(256) for data in behind(range(0, 18, 2))
    ),
}
LONG: dict[str, Callable[[], Iterator[bytes]]] = {
    "ethertype": lambda: (ethernet(n, data) for n in range(0x600, 0xFFF0) for data in behind(WIDE, WORDS[:1])),
    "GRE": lambda: (
        ethernet(0x800, ipv4(47, struct.pack(">HH", 0, n) + data))
        for n in range(65536)
        for data in behind(SHORT, WORDS[:1])
    ),
    "UDP port": lambda: (
        ethernet(0x800, ipv4(17, udp(n, data))) for n in range(65536) for data in behind(SHORT, WORDS[:1])
    ),
}
LINK_TYPES = sorted(set(range(290)) - {*range(4, 6), *range(20, 32), *range(33, 49), *range(52, 99)})


def ours(path: Path) -> list[bool]:
    """Of each packet, whether it is the inner one."""
    with open_capture(path, threads=2) as capture:
        found = capture.packets(["src"]).read_all()["src"].to_pylist()
    return [src == INNER for src in found]


def theirs(tshark: str, path: Path, home: Path) -> list[tuple[bool, str]] | None:
    """The same by tshark, with its layers; None where it does not know the link type."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
    command = [tshark, "-n", "-r", str(path), "-T", "fields", "-e", "ip.src", "-e", "frame.protocols"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if "unknown or unsupported" in run.stderr or "damaged or corrupt" in run.stderr:
        return None
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    return [(INNER in addresses.split(","), layers) for addresses, layers in rows]


def differing(found: list[bool], expected: list[tuple[bool, str]]) -> set[str]:
    """The layers of packets that one of the two finds and the other not, but for those that are not read."""
    assert len(found) == len(expected)
    pairs = {(mine, other, layers) for mine, (other, layers) in zip(found, expected, strict=True) if mine != other}
    return {layers for _, _, layers in pairs if not UNREAD.keys() & set(layers.replace(".", ":").split(":"))}


@pytest.mark.parametrize("space", [*SPACES, *(pytest.param(space, marks=pytest.mark.long) for space in LONG)])
def test_every_number_leads_where_it_leads_in_tshark(
    space: str, component: Callable[[str], str], tmp_path: Path
) -> None:
    path = tmp_path / "numbers.pcap"
    path.write_bytes(pcap_file((SPACES | LONG)[space]()))
    expected = theirs(component("tshark"), path, tmp_path)
    assert expected is not None
    assert any(other for other, _ in expected)
    assert differing(ours(path), expected) == set()


@pytest.mark.long
def test_every_link_type_leads_where_it_leads_in_tshark(component: Callable[[str], str], tmp_path: Path) -> None:
    tshark = component("tshark")
    path = tmp_path / "link.pcap"
    wrong = {}
    for number in LINK_TYPES:
        path.write_bytes(pcap_file(behind(range(0, 64, 2)), link_type=number))
        expected = theirs(tshark, path, tmp_path)
        if expected is not None and (layers := differing(ours(path), expected)):
            wrong[number] = layers
    assert wrong == {}
