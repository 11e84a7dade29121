"""Batches of packets: as full as they may be from a file, as they come from a stream, the same rows in both."""

import io
import struct

import pytest

from pcap_analyzer import analyze_capture, open_capture
from tests.scan.files import pcap_file, tcp_frame

BIG = b"x" * 1200


def ipip_frame(number: int) -> bytes:
    """An IPv4 packet in one of IPv4, from 192.0.2.x of its own."""
    inner = tcp_frame(number % 50, payload=BIG)[14:]
    outer = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(inner), 0, 0, 64, 4, 0, bytes([192, 0, 2, number % 250]), b"\xc6\x33\x64\x01"
    )
    return b"\x02" * 12 + b"\x08\x00" + outer + inner


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """Some megabytes, several windows of the scanner; every third packet is in a tunnel."""
    path = tmp_path_factory.mktemp("batches") / "some.pcap"
    frames = (tcp_frame(number % 7, payload=BIG) if number % 3 else ipip_frame(number) for number in range(9000))
    path.write_bytes(pcap_file(frames))
    return path


def test_a_file_fills_its_batches(capture):
    with open_capture(capture) as opened:
        assert [batch.num_rows for batch in opened.packets(["frame_number"])] == [9000]


@pytest.mark.parametrize("size", [1, 1000, 5000, 65536])
def test_no_batch_is_longer_than_asked_for(capture, size):
    with open_capture(capture) as opened:
        rows = [batch.num_rows for batch in opened.packets(["frame_number"], batch_size=size)]
    assert sum(rows) == 9000
    assert max(rows) <= size


def test_joined_batches_are_the_rows_of_a_stream(capture):
    with open_capture(capture) as opened:
        whole = opened.packets().read_all()
    with open_capture(io.BytesIO(capture.read_bytes())) as opened:
        batches = list(opened.packets())
    assert len(batches) > 1
    assert whole.to_pylist() == [row for batch in batches for row in batch.to_pylist()]
    outer = whole.column("outer_src").to_pylist()
    assert outer[:7] == ["192.0.2.0", None, None, "192.0.2.3", None, None, "192.0.2.6"]
    assert outer[8997] == f"192.0.2.{8997 % 250}"


def test_a_text_is_no_list_of_columns(capture):
    with open_capture(capture) as opened, pytest.raises(TypeError, match=r"expected, e\.g\. \['src'\]"):
        opened.packets("src")
    with pytest.raises(TypeError, match="a list of names"):
        analyze_capture(capture).flows("stream")
