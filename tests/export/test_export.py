"""A report as bytes: JSON and back, HTML that no string from a capture can break out of."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from pcap_analyzer import export
from pcap_analyzer.analysis.model import FlowTotals
from pcap_analyzer.export import charts
from pcap_analyzer.report import build_report
from pcap_analyzer.report.definitions import DEFINITIONS
from tests.report import synthetic, synthetic_tcp

ALL = ["empty", "small", "damaged", "joined", "hostile", "large"]
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """Elements, ids, links and scripts of a page, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data


def outline(name: str, **options: str) -> tuple[str, Outline]:
    page = export.html.render(build_report(getattr(synthetic, name)()), **options).decode()
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return page, parser


@pytest.mark.parametrize("name", ALL)
def test_json_round_trip(name):
    report = build_report(getattr(synthetic, name)())
    data = export.json.encode(report)
    assert export.json.decode(data) == report
    assert json.loads(data)["schema_version"] == 1


def test_every_exporter_writes_bytes():
    report = build_report(synthetic.small())
    for exporter in export.EXPORTERS.values():
        assert exporter.suffix.startswith(".")
        assert all(isinstance(piece, bytes | memoryview) for piece in exporter.pieces(report, "en"))


@pytest.mark.parametrize("name", ALL)
def test_the_page_is_well_formed_and_every_link_has_its_target(name):
    _, page = outline(name)
    targets = {value[1:] for attribute, value in page.attributes if attribute == "href" and value.startswith("#")}
    assert targets <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("name", ALL)
def test_the_page_loads_nothing(name):
    _, page = outline(name)
    assert {"img", "link", "iframe", "object", "embed", "base", "form"}.isdisjoint(page.tags)
    assert not [attribute for attribute, _ in page.attributes if attribute in ("src", "srcset", "data", "action")]


def test_a_page_of_its_own_leads_only_to_itself_and_to_standards():
    _, page = outline("large")
    leads = [str(value) for name, value in page.attributes if name == "href"]
    assert {value.partition("/")[0] for value in leads if not value.startswith("#")} <= {"https:"}


def test_a_graph_of_few_packets_has_few_steps_and_loses_nothing():
    series = build_report(synthetic.large()).intervals
    few = charts.coarser(series, packets=800)
    assert len(few.packets) == 100
    assert few.width_ns == 19 * series.width_ns
    assert (sum(few.bytes), sum(few.packets)) == (sum(series.bytes), sum(series.packets))
    assert charts.coarser(series, packets=10**6) == series


def test_silences_are_told_in_words_where_a_graph_would_be_two_strokes():
    page, _ = outline("joined")
    section = page[page.index('id="throughput"') : page.index('id="protocols"')]
    assert "data-chart" not in section
    assert re.findall(r'<th scope="row">(2\d{3}-\d\d-\d\d)', section) == ["2024-05-06", "2029-07-25"]
    assert [row["packets"] for row in charts.stretches(build_report(synthetic.joined()).intervals)] == [600, 402]


def test_long_and_many_comments_are_folded():
    short, _ = outline("large")
    assert '<p class="comment">' in short
    assert "<details" not in short[: short.index("</header>")]
    many, _ = outline("hostile")
    head = many[: many.index("</header>")]
    assert '<details class="comment">' in head
    assert "2\N{NO-BREAK SPACE}comments" in head


def test_hostile_text_stays_text():
    page, parsed = outline("hostile")
    _, harmless = outline("damaged")
    assert set(parsed.tags) <= set(harmless.tags)
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    before_scripts = page[: page.index('<script type="application/json"')]
    assert "<img" not in before_scripts
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in before_scripts
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "49" not in re.findall(r"<h1>(.*)</h1>", page)[0]


def test_the_data_block_is_json_that_cannot_end_its_element():
    _, parsed = outline("hostile")
    block = parsed.scripts[1]
    assert not set(block) & set("<>&\u2028\u2029")
    assert json.loads(block)["protocols"][0]["path"][0].startswith("</script>")


def test_scripts_are_the_ones_the_policy_names():
    page, parsed = outline("small")
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[0]
    assert policy.count("sha256-") == 3
    assert "unsafe-eval" not in policy
    assert policy.startswith("default-src &#39;none&#39;")
    assert len(parsed.scripts) == 4


def test_a_nonce_stands_on_every_script_that_runs():
    _, parsed = outline("small", nonce='a"b')
    assert [value for name, value in parsed.attributes if name == "nonce"] == ['a"b', 'a"b']


def test_the_page_without_plotly_is_small_whatever_the_capture():
    page = export.html.render(build_report(synthetic.large()))
    assert len(page) - len(export.scripts.chart_script().text) < 600_000


def test_an_empty_capture_has_a_friendly_page():
    page, parsed = outline("empty")
    assert "This capture holds no packets." in page
    assert "data-chart" not in page[: page.index('<script type="application/json"')].replace("[data-chart", "")
    assert "throughput" not in parsed.ids


def test_no_box_promises_findings_where_there_are_none():
    _, parsed = outline("damaged")
    assert "findings" not in parsed.ids


def section(page: str) -> str:
    begin = page.index('id="tcp"')
    return page[begin : page.index("</section>", begin)]


def test_tcp_has_its_charts_and_numbers():
    page, _ = outline("large")
    tcp = section(page).replace("\N{NO-BREAK SPACE}", " ")
    assert re.findall(r'data-chart="(\w+)"', tcp) == ["handshakes", "rtt", "retransmissions"]
    for text in ("9,411,207", "70,931", "0.75 %", "104 MB", "31.4 MB that must have passed", "receiver", "tail loss"):
        assert text in tcp
    assert tcp.count("tcp.stream == ") == 20


def test_what_was_not_measured_is_said_and_never_a_zero():
    page, _ = outline("damaged")
    tcp = section(page)
    assert tcp.count("not measured") == 2  # round trips to clients: in the figures and in the table
    assert "Not measured: no transfer was long enough to tell." in tcp
    assert 'data-chart="rtt"' not in tcp
    assert "marks_exact is false" in tcp
    page, _ = outline("small")
    assert "Retransmissions, round trips and windows: not measured." in section(page)


def test_a_capture_without_tcp_says_so():
    analysis = synthetic.small()
    report = build_report(replace(analysis, totals=FlowTotals(flows=1, udp=1)))
    page = export.html.render(report).decode()
    assert "There is no TCP in this capture." in section(page)


def test_bars_over_time_exclude_each_other_and_hold_every_segment():
    series = build_report(synthetic.large()).intervals
    drawn = charts.retransmissions(series)
    assert len(drawn["others"]) <= charts.MAX_COUNT_STEPS
    assert sum(map(sum, (drawn["others"], drawn["fast"], drawn["spurious"]))) == sum(series.tcp.retransmissions)


def test_no_mark_over_time_is_no_graph():
    analysis = synthetic.small()
    assert charts.retransmissions(build_report(analysis).intervals) is None
    unmarked = replace(analysis.intervals, tcp=synthetic_tcp.series(3))
    assert charts.retransmissions(build_report(replace(analysis, intervals=unmarked)).intervals) is None


def test_every_definition_is_on_the_page():
    _, parsed = outline("small")
    assert {f"def-{entry.id}" for entry in DEFINITIONS} <= set(parsed.ids)


def test_every_table_has_a_caption_and_every_chart_a_name():
    page, parsed = outline("large")
    assert parsed.tags.count("table") == parsed.tags.count("caption")
    charts = re.findall(r"<figure [^>]*>", page)
    assert len(charts) == 7
    assert all("aria-label=" in chart for chart in charts)


def test_the_same_report_is_the_same_page():
    report = build_report(synthetic.large())
    assert export.html.render(report) == export.html.render(report)
