"""The thread that reads ahead: its errors, its end, and its memory."""

import gzip
import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pcap_analyzer.capture.source import open_source
from pcap_analyzer.errors import Cancelled, CaptureError
from tests.capture.windows import PCAP, closing, drain, small_stream


class Broken:
    def __init__(self, data, error):
        self.stream, self.error = io.BytesIO(data), error

    def read(self, length):
        if data := self.stream.read(length):
            return data
        raise self.error


def test_an_error_of_the_stream_is_raised_behind_what_came_before_and_again():
    with closing(small_stream(Broken(b"x" * 250, OSError(5, "Input/output error")))) as source:
        assert len(source.window(0).data) == 100
        assert len(source.window(100).data) == 100
        for _ in range(2):
            with pytest.raises(CaptureError, match="test cannot be read: Input/output error"):
                source.window(0)


def test_an_unexpected_error_is_raised_too():
    with closing(small_stream(Broken(b"", KeyError("bug")))) as source, pytest.raises(KeyError):
        source.window(0)


def test_a_source_that_waits_for_a_pipe_can_be_cancelled_and_closed():
    read_end, write_end = os.pipe()
    with io.FileIO(read_end) as reading, io.FileIO(write_end, "w") as writing:
        writing.write(PCAP)
        started = time.monotonic()
        source = open_source(reading, cancelled=lambda: time.monotonic() - started > 0.1)
        with pytest.raises(Cancelled):
            drain(source)
        writing.write(b"x")  # wakes the thread, so that it ends within this test
        assert time.monotonic() - started < 1


def test_a_pipe_that_pauses_does_not_hold_back_what_it_gave():
    read_end, write_end = os.pipe()
    with io.FileIO(read_end) as reading, io.FileIO(write_end, "w") as writing:
        writing.write(PCAP)
        source = open_source(reading)
        feeder = threading.Thread(target=lambda: [(time.sleep(0.03), writing.write(b"x")) for _ in range(8)])
        feeder.start()
        assert source.window(0).data[:24] == PCAP
        assert feeder.is_alive()
        feeder.join()
        writing.write(b"y")
        source.close()
        writing.write(b"z")


def test_a_blocked_pipe_does_not_keep_the_process_alive():
    script = """
from pcap_analyzer.capture.source import open_source
source = open_source("-", cancelled=lambda: True)
try:
    source.window(0)
except Exception as error:
    print(type(error).__name__)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(PCAP)
        process.stdin.flush()
        assert process.stdout.read() == b"Cancelled\n"
        assert process.wait(timeout=5) == 0


def test_a_forgotten_source_ends_its_thread():
    source = small_stream(io.BytesIO(bytes(100_000)))
    source.window(0)
    del source


PEAK = """
import gzip, io, resource, sys
from pathlib import Path
from pcap_analyzer.capture.source import open_source
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = open_source("-" if sys.argv[1] == "-" else sys.argv[1])
consumed = total = 0
while True:
    window = source.window(consumed)
    bytes(window.data[::512])
    consumed = len(window.data) if window.final else max(0, len(window.data) - 1000)
    total += consumed
    if window.final:
        break
print(total, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) >> 10)
"""


@pytest.mark.parametrize(("kind", "limit_mib"), [("plain", 8), ("pipe", 32), ("gzip", 40)])
def test_memory_stays_bounded(tmp_path, kind, limit_mib):
    size = 300 << 20
    path = tmp_path / "large.pcap"
    if kind == "gzip":
        with gzip.open(path, "wb", compresslevel=1) as packed:
            packed.write(PCAP)
            for _ in range(30):
                packed.write(bytes(10 << 20))
        size = len(PCAP) + 30 * (10 << 20)
    else:
        path.write_bytes(PCAP)
        os.truncate(path, size)
    command = [sys.executable, "-c", PEAK, "-" if kind == "pipe" else str(path)]
    with Path(path).open("rb") as file:
        feeder = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) if kind == "pipe" else None
        result = subprocess.run(command, stdin=feeder and feeder.stdout, capture_output=True, check=True)
    if feeder:
        feeder.stdout.close()
        feeder.wait()
    total, grown_mib = map(int, result.stdout.split())
    assert total == size
    assert grown_mib < limit_mib
