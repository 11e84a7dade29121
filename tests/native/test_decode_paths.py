"""The path table and the module's door: bounds, overflow, several threads."""

import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from pcap_analyzer._native import decode as native
from tests.native.frames import NO_EXTRA, PACKET, ethernet, ipv4, tcp


def decode_all(frames: list[bytes], paths: native.Paths) -> Any:
    """Decode equally long frames in one batch."""
    count, size = len(frames), len(frames[0])
    packets = np.zeros(count, PACKET)
    native.decode_frames(
        np.frombuffer(b"".join(frames), np.uint8),
        np.arange(count, dtype=np.uint64) * np.uint64(size),
        np.full(count, size, np.uint32),
        np.full(count, size, np.uint32),
        np.ones(count, np.uint16),
        packets.view(np.uint8),
        np.zeros(count * native.EXTRA_SIZE, np.uint8),
        paths,
    )
    return packets


def test_a_record_is_two_cache_lines() -> None:
    assert PACKET.itemsize == 128
    assert sum(PACKET[name].itemsize for name in PACKET.names or ()) == 128


def test_a_path_has_one_node_however_often_it_is_met() -> None:
    paths = native.Paths()
    packets = decode_all([ethernet(ipv4(tcp(port, 80), 6)) for port in range(100)], paths)
    assert len(set(packets["path"])) == 1
    assert [step[1:] for step in paths.names(int(packets["path"][0]))] == [
        ("name", "eth"),
        ("name", "ip"),
        ("name", "tcp"),
    ]
    assert set(packets["extra"]) == {NO_EXTRA}


def test_numbers_without_end_end_in_one_node() -> None:
    paths = native.Paths()
    packets = decode_all([ethernet(bytes(50), ethertype) for ethertype in range(0x9200, 0xA200)], paths)
    for node in (packets["path"][0], packets["path"][-1]):
        assert [step[1:] for step in paths.names(int(node))] == [("name", "eth"), ("ethertype", None)]
    assert len(paths) <= 4096
    # Named layers still find a place.
    assert paths.names(int(decode_all([ethernet(ipv4(tcp(1, 2), 6))], paths)["path"][0]))[-1][2] == "tcp"


def test_threads_agree_on_the_nodes() -> None:
    paths = native.Paths()
    frames = [ethernet(ipv4(bytes([0] * 8), protocol)) for protocol in range(140, 250)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: decode_all(frames, paths)["path"].tolist(), range(64)))
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0])) == len(frames)


@pytest.mark.parametrize(("offset", "length"), [(1, 10), (11, 0), (2**64 - 1, 2), (0, 2**32 - 1)])
def test_a_frame_outside_the_capture_is_refused(offset: int, length: int) -> None:
    with pytest.raises(ValueError, match="frame 0"):
        native.decode_frames(
            np.zeros(10, np.uint8),
            np.array([offset], np.uint64),
            np.array([length], np.uint32),
            np.array([length], np.uint32),
            np.ones(1, np.uint16),
            np.zeros(1, PACKET).view(np.uint8),
            np.zeros(native.EXTRA_SIZE, np.uint8),
            native.Paths(),
        )


def test_too_small_an_array_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 records of 128"):
        native.decode_frames(
            np.zeros(10, np.uint8),
            np.zeros(1, np.uint64),
            np.zeros(1, np.uint32),
            np.zeros(1, np.uint32),
            np.ones(1, np.uint16),
            np.zeros(127, np.uint8),
            np.zeros(native.EXTRA_SIZE, np.uint8),
            native.Paths(),
        )


def test_a_path_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="path 7 does not exist"):
        native.Paths().names(7)


def test_addresses_are_mapped_so_that_one_column_holds_both_versions() -> None:
    packets = decode_all([ethernet(ipv4(tcp(1, 2), 6))], native.Paths())
    assert bytes(packets["src"][0]) == bytes(10) + b"\xff\xff" + struct.pack("BBBB", 10, 0, 0, 1)
