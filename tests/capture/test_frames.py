"""A frame that is looked up again is the one that the scan saw, wherever in the file it lies."""

from __future__ import annotations

import io
import struct
from array import array
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer._native.decode import find_pcap_records, skip_pcap_records
from pcap_analyzer.analysis.model import FlowKey
from pcap_analyzer.capture.frames import WAYPOINT
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.capture.source import open_source
from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.scan.files import DATA, enhanced, interface, pcap_file, pcapng_file, section, tcp_frame

FLOWS = 7
MARK = b"\x02" * 12  # what every frame of tcp_frame() begins with
FAR = 3 * 65536
COUNT = 9000
CLIENT = FlowKey(6, "10.0.0.3", 1027, "172.16.0.1", 80)
FRAMES = [
    tcp_frame(number % FLOWS, flags=DATA, reply=number % 3 == 0, seq=number, payload=bytes(400))
    for number in range(COUNT)
]


def two_sections() -> bytes:
    """Big- behind little-endian, a journal block between, interfaces of different clocks."""
    seconds = b"\x00\x09\x00\x01\x00\x00\x00\x00"  # if_tsresol: 1 s
    half = COUNT // 2
    first = pcapng_file(FRAMES[:half])
    behind = b"".join(enhanced(frame, number, ">", interface_id=1) for number, frame in enumerate(FRAMES[half:]))
    return first + section(">") + interface(">", options=seconds) + interface(">") + behind


FILES = {"pcap": pcap_file(FRAMES), "pcapng": pcapng_file(FRAMES, ">"), "sections": two_sections()}


@pytest.fixture(params=FILES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(FILES[request.param])
    return path


@pytest.mark.parametrize("threads", [1, 3])
def test_packets_of_a_flow_are_those_of_the_table(path, threads):
    columns = ["frame_number", "timestamp", "original_length", "tcp_seq", "from_client", "flow_id"]
    with open_capture(path) as capture:
        table = capture.packets(columns).read_all()
    wanted = [
        (row["frame_number"], row["original_length"], row["tcp_seq"])
        for row in table.select(["frame_number", "original_length", "tcp_seq", "flow_id"]).to_pylist()
        if row["flow_id"] == 3
    ]
    times = table["timestamp"].cast(pa.int64()).to_pylist()
    found = analyze_capture(path, threads=threads).lookup(CLIENT, 1, COUNT)
    assert [(one.frame, one.length, one.seq) for one in found] == wanted
    assert [one.time_ns for one in found] == [times[one.frame - 1] for one in found]
    assert [one.from_client for one in found] == [(one.frame - 1) % 3 != 0 for one in found]


@pytest.mark.parametrize(("first", "last"), [(1, 1), (4, 4), (2400, 2500), (COUNT - 5, COUNT + 100), (7, 3)])
def test_any_stretch_of_frames_can_be_looked_up(path, first, last):
    lookup = analyze_capture(path).lookup
    whole = lookup(CLIENT, 1, COUNT)
    assert lookup(CLIENT, first, last) == [one for one in whole if first <= one.frame <= last]


def waypoints(path: Path, threads: int) -> list[tuple[int, int]]:
    """(offset, frames before it) of a scan that is over."""
    with closing(CaptureReader(open_source(path), threads=threads, batch_rows=65536)) as reader:
        for _ in reader.batches():
            pass
        return [(offset, frames) for offset, frames, *_ in WAYPOINT.iter_unpack(reader.scanner.waypoints())]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_way_to_a_frame_is_short(path, threads):
    """A window in which a section begins is one stretch from there on."""
    offsets, frames = zip(*waypoints(path, threads), strict=True)
    data = path.read_bytes()
    assert offsets[0] <= 24
    far = [end - offset for offset, end in pairwise([*offsets, len(data)]) if end - offset >= FAR]
    assert len(far) <= data.count(section("<")[8:16]) + data.count(section(">")[8:16])
    assert [data.count(MARK, offset) for offset in offsets] == [COUNT - before for before in frames]


@pytest.mark.long
def test_waypoints_are_thinned_out_where_a_file_has_many(tmp_path):
    """8.7 GB, nearly all of it holes of the file system."""
    path, body, count = tmp_path / "sparse.pcap", 65520, 133_000
    with path.open("wb") as file:
        file.write(pcap_file([]))
        for number in range(count):
            file.seek(24 + number * (16 + body))
            file.write(struct.pack("<4I", number, 0, body, body) + MARK)
        file.truncate(24 + count * (16 + body))
    found = waypoints(path, 2)
    assert len(found) < 100_000
    assert all((offset - 24) // (16 + body) == frames for offset, frames in found)
    assert all(following[0] - offset[0] < 4 * FAR for offset, following in pairwise(found))


def test_what_cannot_be_read_twice_has_no_packets():
    analysis = analyze_capture(io.BytesIO(FILES["pcap"]))
    assert analysis.lookup(CLIENT, 1, COUNT) == []


def test_a_file_that_shrank_meanwhile_gives_less(path):
    lookup = analyze_capture(path).lookup
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    found = lookup(CLIENT, 1, COUNT)
    assert found
    assert found[-1].frame < COUNT * 3 // 4


def steps(data: bytes, records: int, order: str, swapped: int) -> tuple[int, list[tuple[int, int, int]]]:
    """In plain Python, for 16-byte headers: where stepping ends, and of each frame offset, captured and original."""
    at, found = 0, []
    while len(found) < records and len(data) - at >= 16:
        captured, original = struct.unpack_from(f"{order}2I", data, at + 8)
        if swapped == 1 or (swapped and captured > original):
            captured, original = original, captured
        if captured > len(data) - at - 16:
            break
        found.append((at + 16, captured, original))
        at += 16 + captured
    return at, found


@given(data=st.data(), big_endian=st.booleans(), swapped=st.integers(0, 2), cut=st.integers(0, 40))
def test_records_are_stepped_over_as_plain_python_does_it(data, big_endian, swapped, cut):
    order = ">" if big_endian else "<"
    lengths = data.draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), max_size=12))
    whole = b"".join(
        struct.pack(f"{order}4I", 0, 0, one, other) + bytes(min(one, other) if swapped else one)
        for one, other in lengths
    )
    kept = whole[: max(0, len(whole) - cut)]
    for records in (0, 1, len(lengths), len(lengths) + 3):
        end, frames = steps(kept, records, order, swapped)
        assert skip_pcap_records(kept, 0, records, big_endian, 16, swapped) == (end, len(frames))
        columns = [array(kind, [9] * records) for kind in "QII"]
        assert find_pcap_records(kept, 0, big_endian, 16, swapped, *columns) == len(frames)
        assert list(zip(*columns, strict=True))[: len(frames)] == frames


@given(garbage=st.binary(max_size=200), at=st.integers(0, 300))
def test_stepping_never_leaves_the_data(garbage, at):
    begin, done = skip_pcap_records(garbage, at, 50, False, 16, 0)
    assert begin <= max(len(garbage), at)
    assert done <= 50
    offset, captured, original = array("Q", [0] * 50), array("I", [0] * 50), array("I", [0] * 50)
    assert find_pcap_records(garbage, at, False, 16, 0, offset, captured, original) == done
    assert all(at + size <= len(garbage) for at, size in zip(offset[:done], captured[:done], strict=True))
