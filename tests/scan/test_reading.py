"""A plain file, read by the scanner itself, gives what the same bytes give from a stream; and ends in order whatever
happens to the file meanwhile.
"""

import io
import os
import random
from contextlib import contextmanager

import pytest

from pcap_analyzer._native.scan import Scanner
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.capture.source import open_source
from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.scan.files import block, enhanced, interface, pcap_file, pcapng_file, section, tcp_frame

MIB = 1 << 20
COLUMNS = ["frame_number", "timestamp", "captured_length", "tcp_seq", "flow_id", "stream"]


def frames(count, largest=1400):
    dice = random.Random(count)
    return [
        tcp_frame(number % 7, seq=number, payload=dice.randbytes(dice.randrange(largest))) for number in range(count)
    ]


def commented(made):
    """A pcapng file that describes a further interface every hundred packets."""
    parts = [section() + interface()]
    for number, frame in enumerate(made):
        parts.append(interface() if number % 100 == 50 else b"")
        parts.append(enhanced(frame, number))
    return b"".join(parts)


@contextmanager
def small_windows(monkeypatch, window_bytes):
    """The scanner reads `window_bytes` at a time."""

    def read_plain(self, source, begin):
        self.scanner.read_file(source.descriptor, begin, source.end, window_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(CaptureReader, "_read_plain", read_plain)
        yield


def rows(capture, **options):
    with open_capture(capture, **options) as opened:
        return opened.packets(COLUMNS, batch_size=777).read_all().to_pylist(), opened.damage


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("window_bytes", [4096, 65536, 2 * MIB])
@pytest.mark.parametrize("make", [pcap_file, pcapng_file, lambda made: pcapng_file(made, ">"), commented])
def test_windows_of_any_size_on_any_number_of_threads(tmp_path, monkeypatch, make, window_bytes, threads):
    data = make(frames(3000))
    (tmp_path / "x").write_bytes(data)
    expected = rows(io.BytesIO(data), threads=1)
    assert len(expected[0]) == 3000
    with small_windows(monkeypatch, window_bytes):
        assert rows(tmp_path / "x", threads=threads) == expected


@pytest.mark.parametrize("make", [pcap_file, pcapng_file])
@pytest.mark.parametrize("payload", [60_000, 200_000])
def test_records_larger_than_a_window(tmp_path, monkeypatch, make, payload):
    data = make([*frames(100), tcp_frame(1) + bytes(payload), *frames(100)])
    (tmp_path / "x").write_bytes(data)
    with small_windows(monkeypatch, 4096):
        assert rows(tmp_path / "x") == rows(io.BytesIO(data))


def test_a_block_larger_than_the_room_in_front_of_a_window(tmp_path):
    made = frames(3000)
    giant = block(0x0BAD, bytes(21 * MIB))
    data = section() + interface() + b"".join(enhanced(frame, number) for number, frame in enumerate(made))
    data += giant + b"".join(enhanced(frame, number) for number, frame in enumerate(made)) + giant
    (tmp_path / "x").write_bytes(data)
    for threads in (1, 2):
        assert rows(tmp_path / "x", threads=threads) == rows(io.BytesIO(data))
    assert analyze_capture(tmp_path / "x").capture.packets == 6000


@pytest.mark.parametrize("kept", range(1, 2000, 111))
def test_a_file_cut_anywhere_ends_as_the_stream_does(tmp_path, monkeypatch, kept):
    data = pcap_file(frames(200))[:-kept]
    (tmp_path / "x").write_bytes(data)
    with small_windows(monkeypatch, 4096):
        found, damage = rows(tmp_path / "x")
    assert (found, damage) == rows(io.BytesIO(data))


@pytest.mark.parametrize("make", [pcap_file, commented])
def test_what_is_said_of_the_file_is_the_same(tmp_path, monkeypatch, make):
    data = make(frames(3000)) + b"\xff" * 70_000
    (tmp_path / "x").write_bytes(data)
    with small_windows(monkeypatch, 8192):
        found = analyze_capture(tmp_path / "x", threads=2)
    expected = analyze_capture(io.BytesIO(data), threads=1)
    assert found.quality == expected.quality
    assert found.quality.skipped_bytes == 70_000
    assert found.interfaces == expected.interfaces
    assert found.capture == expected.capture
    assert found.intervals.packets == expected.intervals.packets


@pytest.mark.parametrize("left", [30_000, 24 + 16 + 5, 24])
def test_a_file_that_shrinks_while_it_is_read_ends_there(tmp_path, left):
    path = tmp_path / "x"
    path.write_bytes(pcap_file(frames(200)))
    with open_capture(path) as capture:
        packets = capture.packets(COLUMNS)
        os.truncate(path, left)
        found = packets.read_all().to_pylist()
        damage = capture.damage
    assert found == rows(io.BytesIO(pcap_file(frames(200))[:left]))[0]
    assert damage is not None
    assert damage.offset <= left


def test_a_file_that_shrinks_between_two_records_says_so(tmp_path):
    made = frames(200)
    path = tmp_path / "x"
    path.write_bytes(pcap_file(made))
    size, left = path.stat().st_size, len(pcap_file(made[:50]))
    source = open_source(path)
    os.truncate(path, left)
    reader = CaptureReader(source, threads=1, batch_rows=64)
    assert sum(reader.batches()) == 50
    assert reader.damage is not None
    assert reader.damage.reason == f"the file shrank from {size} to {left} bytes while it was read"
    reader.close()


def test_where_a_scanner_may_read_is_checked():
    scanner = Scanner(seed=bytes(32))
    for begin, end, window_bytes in ((2, 1, 4096), (0, 1, 100), (0, 1 << 63, 4096), (0, 1, 1 << 40)):
        with pytest.raises((ValueError, OverflowError)):
            scanner.read_file(0, begin, end, window_bytes)


def test_a_descriptor_that_cannot_be_read_is_the_systems_sentence(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(pcap_file(frames(100)))
    folder = os.open(tmp_path, os.O_RDONLY)

    def read_plain(self, source, begin):
        self.scanner.read_file(folder, begin, source.end)

    monkeypatch.setattr(CaptureReader, "_read_plain", read_plain)
    with pytest.raises(CaptureError, match="x cannot be read: Is a directory"):
        analyze_capture(path)
    os.close(folder)
