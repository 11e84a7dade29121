"""The model: what the reader is told, without a word of HTML."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from msgspec.structs import fields, replace

from pcap_analyzer.analysis.model import (
    Conversation,
    EarlyFinding,
    FirstResults,
    Histogram,
    Interface,
    ProtocolRow,
    Quality,
)
from pcap_analyzer.analysis.silences import DAY_NS, silences
from pcap_analyzer.report import SECTIONS, build_report
from pcap_analyzer.report.definitions import DEFINITIONS
from pcap_analyzer.report.distribution import MAX_BARS, distribution
from pcap_analyzer.report.findings import fit_to_send
from pcap_analyzer.report.model import Report
from pcap_analyzer.report.protocols import MAX_ROWS
from pcap_analyzer.report.quality import CHECKS
from tests.report import synthetic

ALL = ["empty", "small", "damaged", "joined", "hostile", "large"]


def codes(report: Report) -> list[str]:
    return [remark.code for remark in report.quality.remarks]


@pytest.mark.parametrize("name", ALL)
def test_every_capture_has_a_report_that_survives_json(name):
    report = build_report(getattr(synthetic, name)())
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_sections_are_the_fields_of_the_report():
    assert {"schema_version", "findings", "health", *SECTIONS} == set(Report.__struct_fields__)


def test_only_source_depends_on_how_the_file_was_given():
    analysis = synthetic.small()
    piped = replace(analysis, source=replace(analysis.source, name="-", size_bytes=None, seconds=9.0, threads=4))
    one, other = (msgspec.to_builtins(build_report(given)) for given in (analysis, piped))
    assert one.pop("source") != other.pop("source")
    assert one == other


def test_a_sound_capture_has_no_remarks():
    assert codes(build_report(synthetic.small())) == []


def test_a_capture_that_suffers_from_everything_says_everything_worst_first():
    report = build_report(synthetic.damaged())
    absent = {check.__name__ for check in CHECKS} - {f"_{code.replace('-', '_')}" for code in codes(report)}
    # The rest is asked of flows: tests/findings/test_doubts.py.
    assert absent == {"_unknown_drops", "_silent", "_stepped", "_doubled", "_super_frames", "_midstream"}
    levels = [remark.level for remark in report.quality.remarks]
    assert levels == sorted(levels, key=["problem", "caution", "note"].index)
    assert report.quality.remarks[0].text.startswith("The file is damaged at byte 123,456: record length is 4294967295")


def test_every_remark_has_a_definition():
    defined = {entry.id for entry in DEFINITIONS}
    told = {code for name in ALL for code in codes(build_report(getattr(synthetic, name)()))}
    assert told <= defined


def test_definitions_have_ids_of_their_own():
    assert len({entry.id for entry in DEFINITIONS}) == len(DEFINITIONS)


def test_every_count_of_quality_is_told():
    told = build_report(synthetic.damaged()).quality
    assert {field.name for field in fields(Quality)} <= set(told.__struct_fields__)


def test_unknown_drops_are_a_note_and_not_a_zero():
    analysis = synthetic.small()
    report = build_report(replace(analysis, quality=synthetic.quality(dropped=None)))
    assert report.quality.dropped is None
    assert report.quality.remarks[0].text == "The file does not say whether packets were lost while capturing."


@pytest.mark.parametrize(("dropped", "level"), [(1, "caution"), (11, "problem")])
def test_a_dropped_packet_in_a_thousand_is_a_problem(dropped, level):
    analysis = synthetic.small()
    capture = replace(analysis.capture, packets=10_000)
    report = build_report(replace(analysis, capture=capture, quality=synthetic.quality(dropped=dropped)))
    assert [remark.level for remark in report.quality.remarks] == [level]


def test_half_of_the_traffic_missing_is_said():
    analysis = synthetic.small()
    quality = synthetic.quality(one_sided_flows=30, two_sided_flows=5)
    remark = build_report(replace(analysis, quality=quality)).quality.remarks[0]
    assert remark.level == "caution"
    assert "half of the traffic" in remark.text


def test_years_without_a_packet_are_a_remark_and_a_part_of_the_intervals():
    analysis = synthetic.joined()
    report = build_report(analysis)
    (silence,) = report.intervals.silences
    width = analysis.intervals.width_ns
    assert (silence.start_ns - synthetic.START, silence.end_ns - synthetic.START) == (width, 1_198 * width)
    (remark,) = report.quality.remarks
    assert remark.text.replace("\N{NO-BREAK SPACE}", " ").startswith(
        "99.8 % of the time is silent: no packet for 5 y 79 d from 2024-05-08 on. A clock was set while capturing"
    )


def test_a_quiet_capture_is_not_called_silent():
    hourly = [1, *[0] * 59] * 24 * 4
    minutes = synthetic.intervals(hourly, [0] * len(hourly), [0] * len(hourly), hourly, 60 * synthetic.SECOND)
    assert silences(minutes) == []
    assert silences(replace(minutes, width_ns=DAY_NS)) != []


def test_an_empty_capture_has_no_duration_and_no_rows():
    report = build_report(synthetic.empty())
    assert report.capture.duration_ns is None
    assert (report.protocols.rows, report.endpoints.rows, report.flows.top, report.findings) == ([], [], [], [])
    assert codes(report) == []


def test_protocols_keep_parents_with_their_children_and_sum_the_rest():
    rows = [ProtocolRow(("eth",), 1_000, 90_000)]
    rows += [ProtocolRow(("eth", f"p{n}", "deep")[:depth], 2, 120) for n in range(200) for depth in (2, 3)]
    protocols = build_report(replace(synthetic.small(), protocols=rows)).protocols
    kept = {tuple(row.path) for row in protocols.rows}
    assert len(kept) == MAX_ROWS
    assert all(path[:-1] in kept for path in kept if len(path) > 1)
    assert protocols.cut_rows == len(rows) - MAX_ROWS
    # Each packet once: 200 second-level rows, less those kept; below a kept row, "deep" itself.
    cut = {row.path for row in rows} - kept
    topmost = [path for path in cut if path[:-1] in kept]
    assert (protocols.cut_packets, protocols.cut_bytes) == (2 * len(topmost), 120 * len(topmost))


def test_percentiles_are_within_two_percent_and_extremes_exact():
    values = list(range(1_000_000, 101_000_000, 10_000))
    told = distribution(synthetic.histogram(values))
    assert (told.count, told.min_ns, told.max_ns) == (len(values), values[0], values[-1])
    assert told.mean_ns == sum(values) // len(values)
    for percent, found in ((50, told.p50_ns), (95, told.p95_ns), (99, told.p99_ns)):
        assert found == pytest.approx(values[len(values) * percent // 100 - 1], rel=0.021)


def test_bars_hold_every_value():
    told = distribution(synthetic.histogram([1_500, 40_000_000, 40_000_000, 9_000_000_000]))
    assert sum(told.bar_counts) == 4
    assert len(told.bar_counts) <= MAX_BARS + 1
    assert len(told.bar_edges_ns) == len(told.bar_counts) + 1


def test_all_below_a_microsecond_is_one_bar():
    edges = np.array([0, 1, 10, 100, 1_000, 2_000, 4_000], np.int64)
    told = distribution(Histogram(edges, np.array([5, 1, 0, 2, 3, 4], np.int64), 20_000, 0, 3_000))
    assert (told.bar_edges_ns, told.bar_counts) == ([0, 1_000, 2_000, 4_000], [8, 3, 4])


def test_nothing_measured_is_null_not_zero():
    told = distribution(Histogram())
    assert (told.count, told.p50_ns, told.mean_ns, told.bar_edges_ns) == (0, None, None, [])


@pytest.mark.parametrize(
    ("changes", "display_filter"),
    [
        ({}, "tcp.stream == 0"),
        ({"protocol": 17, "stream": 4}, "udp.stream == 4"),
        ({"protocol": 1, "stream": None}, "ip.addr == 192.0.2.10 && ip.addr == 198.51.100.7 && ip.proto == 1"),
    ],
)
def test_a_flow_comes_with_a_filter_to_check_it_by(changes, display_filter):
    analysis = replace(synthetic.small(), top_flows=[synthetic.flow(**changes)])
    assert build_report(analysis).flows.top[0].display_filter == display_filter


def test_states_that_did_not_occur_are_left_out_and_known_ones_explained():
    states = build_report(synthetic.small()).tcp.conn_states
    assert [(row.state, row.flows) for row in states] == [("SF", 1)]
    assert states[0].meaning == "Opened and closed in order."


def test_the_report_is_small_whatever_the_capture():
    large = synthetic.large()
    interface = Interface(0, "x" * 10_000, "y" * 10_000, 1, 0, "1 ns", 1)
    conversation = Conversation("2001:db8::1", "2001:db8::2", 1, 1, 1, 1, 1)
    swollen = replace(
        large,
        interfaces=[interface] * 1_000,
        conversations=[conversation] * 5_000,
        top_flows=large.top_flows * 50,
        capture=replace(large.capture, comments=["z" * 100_000] * 100),
    )
    assert len(msgspec.json.encode(build_report(swollen))) < 500_000


def test_importing_the_report_is_cheap():
    """Neither a table library nor a template engine comes along."""
    heavy = {"pyarrow", "jinja2", "plotly", "rich", "pandas", "sqlalchemy", "litestar"}
    code = (
        "import sys, pcap_analyzer.report, pcap_analyzer.export; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert heavy.isdisjoint(loaded)


def test_findings_so_far_are_fit_to_be_sent() -> None:
    hostile = EarlyFinding("dns_slow", "warning", "The resolver \x1b[2J\u202e" + "x" * 2000, 1)
    [sent] = fit_to_send(FirstResults(findings=[hostile])).findings
    assert sent.title.startswith("The resolver \ufffd[2J\ufffdxx")
    assert len(sent.title) < 400
