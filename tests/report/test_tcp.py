"""TCP in the report: what the numbers are called, what was not measured, what to know before comparing."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pcap_analyzer.analysis.model import (
    CAUSES,
    LIMITS,
    TCP_MARKS,
    Analysis,
    Handshakes,
    Histogram,
    TcpDirection,
    TcpTotals,
)
from pcap_analyzer.report import build_report
from pcap_analyzer.report.distribution import MAX_BARS, comparable
from pcap_analyzer.report.model import Report, TcpAnalysis, TcpSummary
from pcap_analyzer.report.tcp import names
from pcap_analyzer.report.tcp.lines import tcp_lines
from tests.report import synthetic, synthetic_tcp


def measured(**changes: object) -> Analysis:
    return replace(synthetic.small(), tcp=replace(synthetic_tcp.one_repair(), **changes))


def told(analysis: Analysis) -> TcpAnalysis:
    part = build_report(analysis).tcp.analysis
    assert part is not None
    return part


def lines(analysis: Analysis) -> dict[str, str]:
    return {label: text.replace("\N{NO-BREAK SPACE}", " ") for label, text in tcp_lines(build_report(analysis).tcp)}


def test_marks_causes_and_limits_have_a_name_each_and_no_name_is_left_over():
    assert (*names.MARKS,) == TCP_MARKS
    assert (*names.CAUSES,) == CAUSES
    assert (*names.LIMITS,) == LIMITS


def test_marks_come_in_the_order_of_their_bits_also_those_that_did_not_occur():
    rows = told(measured()).marks
    assert tuple(row.mark for row in rows) == TCP_MARKS
    assert [(row.mark, row.client, row.server) for row in rows if row.client or row.server] == [
        ("retransmission", 0, 1),
        ("fast_retransmission", 0, 1),
        ("duplicate_ack", 3, 0),
        ("seen_twice", 0, 1),
    ]


def test_a_mark_that_has_no_name_yet_is_told_by_its_own():
    last = told(measured(client_marks={"tfo_syn": 2})).marks[-1]
    assert (last.title, last.client, last.display_filter) == ("tfo syn", 2, "tcp.analysis.tfo_syn")


def test_seen_twice_has_no_filter_because_wireshark_has_no_such_mark():
    assert [row.mark for row in told(measured()).marks if row.display_filter is None] == ["seen_twice"]


def test_spurious_and_fast_are_among_the_retransmissions_and_not_added():
    assert told(synthetic.large()).retransmissions == 6_120 + 64_811


def test_nothing_judged_is_null():
    assert build_report(synthetic.small()).tcp.analysis is None
    assert build_report(measured(segments=0)).tcp.analysis is None


def test_a_side_without_samples_is_not_measured():
    rtt = told(measured()).client_rtt
    assert (rtt.count, rtt.min_ns, rtt.mean_ns, rtt.p50_ns, rtt.max_ns) == (0, None, None, None, None)


def test_nothing_repeated_has_no_causes_and_no_limits():
    part = told(measured(causes={"rto": 0}, limited_ns={"receiver": 0}))
    assert (part.causes, part.limits) == ([], [])


def test_limits_are_told_in_a_fixed_order():
    limits = told(synthetic.large()).limits
    assert [(row.limit, row.duration_ns // synthetic.SECOND) for row in limits] == [
        ("receiver", 4_120),
        ("congestion", 21_904),
        ("application", 88_120),
    ]


def test_notes_say_what_this_capture_gives_rise_to():
    assert len(told(measured()).notes) == 2
    base = synthetic.damaged()
    unseen = replace(base.totals, handshakes=Handshakes(unseen=7))
    notes = " ".join(told(replace(base, totals=unseen)).notes).replace("\N{NO-BREAK SPACE}", " ")
    assert "IP fragments are counted (4 packets) and not put together" in notes
    assert "Of 7 connections no SYN was seen" in notes
    assert "In 1 flow a list was full" in notes
    assert "marks_exact is false): 17 flows" in notes


def test_flows_with_most_retransmissions_keep_their_order_and_have_a_filter():
    worst = build_report(synthetic.large()).flows.retransmitting
    repeated = [flow.client_tcp.retransmissions + flow.server_tcp.retransmissions for flow in worst]
    assert len(worst) == 20
    assert repeated == sorted(repeated, reverse=True)
    assert worst[0].display_filter == f"tcp.stream == {worst[0].stream}"


def test_intervals_carry_the_marks_of_each_bucket():
    analysis = synthetic.small()
    series = synthetic_tcp.series(3, retransmissions=[0, 2, 1], fast=[0, 1, 0])
    tcp = build_report(replace(analysis, intervals=replace(analysis.intervals, tcp=series))).intervals.tcp
    assert (tcp.retransmissions, tcp.fast, tcp.zero_windows) == ([0, 2, 1], [0, 1, 0], [0, 0, 0])


def test_bars_of_one_picture_are_equally_wide():
    narrow = synthetic_tcp.histogram([1_000_000, 1_100_000])
    wide = synthetic_tcp.histogram([2_000, 9_000_000_000])
    one, other = comparable(narrow, wide)
    alone = comparable(narrow)[0]
    assert len(one.bar_counts) < len(alone.bar_counts)
    assert len(other.bar_counts) <= MAX_BARS + 1
    assert (sum(one.bar_counts), sum(other.bar_counts)) == (2, 2)
    assert one.p50_ns == alone.p50_ns
    assert comparable(Histogram(), narrow)[0].count == 0


def test_the_terminal_gets_two_or_three_lines():
    assert lines(synthetic.small()) == {}
    assert lines(measured()) == {
        "Segments": "13: 1 retransmission (7.69 %; fast 1), 1 seen twice",
        "Round trips": "to clients not measured, to servers 20.1 ms (p50) 20.1 ms (p95)",
    }
    held = lines(synthetic.large())["Held up"]
    assert held.startswith("transfers waited for receiver 3.61 %, network 19.2 %, application 77.2 %; 318 zero windows")


def test_every_field_stands_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs/report.md").read_text(encoding="utf-8")
    names_of = (Report, TcpSummary, TcpAnalysis, TcpDirection)
    assert [name for part in names_of for name in part.__struct_fields__ if f"`{name}`" not in text] == []


def test_totals_that_nobody_filled_are_told_as_nothing():
    nothing = Histogram()
    bare = TcpTotals(4, 0, 0, 0, 0, 0, {}, {}, {}, nothing, nothing, 0, 0, {})
    part = told(replace(synthetic.small(), tcp=bare))
    assert (part.retransmissions, part.causes, part.limits, part.client_windows) == (0, [], [], None)
