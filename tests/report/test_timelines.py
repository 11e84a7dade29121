"""Packets of the worst flows: the beginning, what is around each event, the end."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from pcap_analyzer.pipeline import analyze_capture
from pcap_analyzer.report import build_report
from pcap_analyzer.report.model import Report, Timeline

LOSS = Path(__file__).parent.parent / "captures" / "random_loss" / "client.pcap"


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(analyze_capture(LOSS))


@pytest.fixture(scope="module")
def timeline(report: Report) -> Timeline:
    assert report.findings[0].id == "packet_loss"
    return report.source.timelines[0]


def test_it_begins_with_the_handshake(timeline):
    assert [one.flags for one in timeline.packets[:3]] == ["SYN", "SYN ACK", "ACK"]
    assert [one.from_client for one in timeline.packets[:3]] == [True, False, True]
    assert [(one.seq, one.ack) for one in timeline.packets[:3]] == [(0, None), (0, 1), (1, 1)]


def test_events_are_among_their_neighbours(report, timeline):
    notes = {one.frame: one.text for one in report.findings[0].evidence if one.flow_id == timeline.flow_id}
    noted = [place for place, one in enumerate(timeline.packets) if one.note]
    assert noted
    for place in noted:
        assert timeline.packets[place].note == notes[timeline.packets[place].frame]
        assert not timeline.packets[place].skipped
        assert not timeline.packets[place - 1].skipped or place < 2


def test_it_ends_where_the_flow_does(report, timeline):
    flow = next(flow for flow in report.findings[0].flows if flow.flow_id == timeline.flow_id)
    assert timeline.packets[0].frame == flow.first_frame
    assert timeline.packets[-1].frame == flow.last_frame
    assert "FIN" in timeline.packets[-1].flags or "ACK" in timeline.packets[-1].flags


def test_frames_are_in_order_and_few(timeline):
    frames = [one.frame for one in timeline.packets]
    assert frames == sorted(set(frames))
    assert len(frames) <= 4 + 4 * 6 + 3
    assert any(one.skipped for one in timeline.packets)


def test_evidence_has_its_time(report, timeline):
    assert len(timeline.evidence_ns) == len(report.findings[0].evidence)
    times = {one.frame: one.time_ns for one in timeline.packets}
    for one, time in zip(report.findings[0].evidence, timeline.evidence_ns, strict=True):
        assert time is not None
        assert times.get(one.frame, time) == time


def test_threads_change_nothing(report):
    assert build_report(analyze_capture(LOSS, threads=4)).source.timelines == report.source.timelines


def test_a_compressed_capture_has_none_and_all_else(report, tmp_path):
    path = tmp_path / "capture.pcap.gz"
    path.write_bytes(gzip.compress(LOSS.read_bytes()))
    one, other = (msgspec.to_builtins(each) for each in (build_report(analyze_capture(path)), report))
    assert one.pop("source")["timelines"] == []
    assert other.pop("source")["timelines"]
    assert one == other
