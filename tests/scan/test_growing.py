"""A capture that is analysed while it still arrives gives what it would have given whole, at any moment it came."""

import threading
import time
from pathlib import Path

import msgspec
import pytest

from pcap_analyzer.analysis import first_results
from pcap_analyzer.capture.source import GrowingFile, open_growing_source
from pcap_analyzer.errors import CaptureError
from pcap_analyzer.findings import diagnose
from pcap_analyzer.pipeline import analyze_capture, analyze_source
from pcap_analyzer.report import build_report
from tests.scan.files import DATA, pcap_file, pcapng_file, tcp_frame

# Some come twice, so that there are findings, and with them packets that are looked up again.
FRAMES = [tcp_frame(number % 97, flags=DATA, seq=number // 97 // 2 * 700, payload=b"x" * 700) for number in range(9000)]


def told(analysis) -> dict:
    report = msgspec.json.decode(msgspec.json.encode(build_report(analysis)))
    del report["source"]
    return report


@pytest.fixture(scope="module", params=[pcap_file, pcapng_file], ids=["pcap", "pcapng"])
def data(request) -> bytes:
    return request.param(FRAMES)


class Arriving:
    """A file to which a thread adds; behind what is committed stand other bytes than in the end."""

    def __init__(self, path: Path, data: bytes, step: int, pause_s: float = 0.001) -> None:
        self.path, self.data, self.step, self.pause_s = path, data, step, pause_s
        self.committed = 0
        path.write_bytes(b"")
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        with self.path.open("r+b", buffering=0) as file:
            for start in range(0, len(self.data), self.step):
                part = self.data[start : start + self.step]
                file.write(b"\xff" * len(part))
                time.sleep(self.pause_s)
                file.seek(start)
                file.write(part)
                self.committed = start + len(part)

    def open(self):
        return open_growing_source(
            self.path,
            finished=lambda: not self.thread.is_alive(),
            committed=lambda: self.committed,
            name=self.path.name,
        )


@pytest.mark.parametrize(("step", "threads"), [(5_000, 1), (70_000, 2), (1_000_000, 3), (10**8, 1)])
def test_a_followed_capture_gives_what_it_gives_whole(data, tmp_path, step, threads):
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(data)
    source = Arriving(tmp_path / "arriving.pcap", data, step).open()
    assert isinstance(source, GrowingFile)
    analysis = analyze_source(source, threads=threads)
    assert told(analysis) == told(analyze_capture(whole, threads=2))
    assert analysis.source.size_bytes == len(data)


@pytest.mark.parametrize("lost", [1, 20, 400])
def test_a_followed_capture_that_ends_too_early_is_damaged_as_a_whole_one(data, tmp_path, lost):
    cut = data[:-lost]
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(cut)
    followed = told(analyze_source(Arriving(tmp_path / "arriving.pcap", cut, 100_000).open()))
    assert followed["quality"]["damage"]
    assert followed == told(analyze_capture(whole))


def test_a_followed_capture_of_a_header_alone_is_empty(tmp_path):
    analysis = analyze_source(Arriving(tmp_path / "arriving.pcap", pcap_file([]), 10).open())
    assert analysis.capture.packets == 0
    assert analysis.quality.damage is None


def test_a_followed_section_that_cannot_be_read_is_no_capture(tmp_path):
    data = bytearray(pcapng_file(FRAMES[:10]))
    data[4:8] = b"\xff\xff\xff\xff"
    with pytest.raises(CaptureError):
        analyze_source(Arriving(tmp_path / "arriving.pcapng", bytes(data), 50).open())


@pytest.mark.parametrize("threads", [1, 3])
def test_looking_at_first_results_changes_nothing(data, tmp_path, monkeypatch, threads):
    for name in ("FIRST_AFTER_S", "EVERY_S", "PATIENCE"):
        monkeypatch.setattr(first_results, name, 0)
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(data)
    looks = []
    source = Arriving(tmp_path / "arriving.pcap", data, 600_000, pause_s=0.03).open()
    analysis = analyze_source(source, threads=threads, flow_limit=20, first_results=looks.append)
    assert told(analysis) == told(analyze_capture(whole, flow_limit=20))
    assert len(looks) > 2
    packets = [look.packets for look in looks]
    assert packets == sorted(packets)
    last = looks[-1]
    assert last.packets == len(FRAMES) == sum(last.throughput.packets)
    assert last.bytes == sum(last.throughput.bytes) == analysis.capture.bytes
    assert len(last.throughput.packets) <= first_results.STRETCHES
    assert last.flows == analysis.totals.flows
    assert [talker.address for talker in last.talkers]
    assert last.protocols[0].path == "eth:ip:tcp"
    ends = {finding.id for finding in diagnose(analysis).findings}
    assert {finding.id for finding in last.findings} == ends - {"syn_unanswered", "connection_lost", "idle_drop"}
    # A worker's word is checked against these bounds.
    assert msgspec.json.decode(msgspec.json.encode(last), type=type(last)) == last
