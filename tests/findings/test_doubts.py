"""What flows say about the capture itself stands in its quality, and takes from the confidence of what leans on it."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from pcap_analyzer.findings.trust import trust_of
from pcap_analyzer.pipeline import analyze_capture
from pcap_analyzer.report import build_report
from tests.scan.files import ACK, DATA, SYN, SYN_ACK, pcap_file, tcp_frame
from tests.traffic.cases import KEPT

SECOND = 10**9
Change = Callable[[int, int], int | None]


def changed(capture: Path, change: Change) -> io.BytesIO:
    """The capture with each packet, (number, ns), at another time, or without it."""
    data = capture.read_bytes()
    written, at, number = [data[:24]], 24, 0
    while at < len(data):
        seconds, ns, captured, original = struct.unpack_from("<IIII", data, at)
        time = change(number, seconds * SECOND + ns)
        if time is not None:
            written.append(struct.pack("<IIII", *divmod(time, SECOND), captured, original))
            written.append(data[at + 16 : at + 16 + captured])
        at += 16 + captured
        number += 1
    return io.BytesIO(b"".join(written))


def remarks(capture: io.BytesIO | Path) -> dict[str, str]:
    return {
        one.code: one.text.replace("\N{NO-BREAK SPACE}", " ")
        for one in build_report(analyze_capture(capture)).quality.remarks
    }


def stepped(number: int, time: int) -> int:
    """The clock is set 3 s forward in the midst of a transfer."""
    return time + 3 * SECOND * (number > 400)


def test_a_clock_that_is_set_forward_is_said_and_is_no_queue():
    capture = KEPT / "random_loss" / "server.pcap"
    assert "stepped" not in remarks(capture)
    assert "up to 3.00 s" in remarks(changed(capture, stepped))["stepped"]
    report = build_report(analyze_capture(changed(capture, stepped)))
    assert "bufferbloat" not in {one.id for one in report.findings}


def test_a_step_takes_from_the_trust_in_times():
    capture = KEPT / "random_loss" / "server.pcap"
    assert trust_of(analyze_capture(changed(capture, stepped))).times < trust_of(analyze_capture(capture)).times


def test_flows_that_had_begun_are_counted():
    capture = KEPT / "http_keep_alive" / "client.pcap"
    assert "midstream" not in remarks(capture)
    begun = changed(capture, lambda number, time: time if number > 150 else None)
    assert "had begun before the capture" in remarks(begun)["midstream"]
    begun.seek(0)
    assert trust_of(analyze_capture(begun)).marks < 1


def test_a_mirror_port_that_shows_all_twice_is_said():
    assert "there twice" in remarks(KEPT / "span_duplicates" / "mirror.pcap")["doubled"]
    assert "doubled" not in remarks(KEPT / "link_duplicates" / "client.pcap")


def with_mss(frame: bytes, mss: int) -> bytes:
    """A SYN with the option."""
    ip, tcp = bytearray(frame[14:34]), bytearray(frame[34:54])
    tcp[12] = 0x60
    struct.pack_into(">H", ip, 2, struct.unpack_from(">H", ip, 2)[0] + 4)
    return frame[:14] + bytes(ip) + bytes(tcp) + struct.pack(">BBH", 2, 4, mss) + frame[54:]


@pytest.mark.parametrize(("payload", "said"), [(1460, False), (2920, True)])
def test_segments_longer_than_their_receiver_takes_are_offloaded_ones(payload, said):
    frames = [
        with_mss(tcp_frame(1, flags=SYN, seq=999), 1460),
        with_mss(tcp_frame(1, flags=SYN_ACK, reply=True, seq=1999, ack=1000), 1460),
        tcp_frame(1, flags=ACK, seq=1000, ack=2000),
        tcp_frame(1, flags=DATA, seq=1000, ack=2000, payload=b"x" * payload),
    ]
    told = remarks(io.BytesIO(pcap_file(frames)))
    assert ("super-frames" in told) is said
    assert not said or "up to 2,920 bytes" in told["super-frames"]
