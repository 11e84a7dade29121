"""DNS in the report: figures, rows that can be found again, what limits them, a line where there is trouble."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pcap_analyzer import export
from pcap_analyzer.analysis.model import DnsDomain, DnsExample, DnsTotals
from pcap_analyzer.report import build_report
from pcap_analyzer.report.dns import RCODES, dns_line
from pcap_analyzer.report.model import CodeRow, DnsFigures, DnsResolverRow, DnsRow, DnsSummary
from tests.report import synthetic, synthetic_dns
from tests.report.synthetic_dns import MS, resolver


def told(dns: DnsTotals | None) -> DnsSummary | None:
    return build_report(replace(synthetic.small(), dns_totals=dns)).dns


def summary(dns: DnsTotals) -> DnsSummary:
    part = told(dns)
    assert part is not None
    return part


def line(dns: DnsTotals | None) -> str | None:
    text = dns_line(told(dns))
    return text and text.replace("\N{NO-BREAK SPACE}", " ")


def test_no_dns_is_null_and_no_section():
    assert told(None) is None
    page = export.html.render(build_report(synthetic.small())).decode()
    assert 'id="dns"' not in page
    assert "#dns" not in page


def test_figures_are_those_of_all_resolvers():
    part = summary(synthetic_dns.busy())
    assert (part.transactions, part.unanswered, part.failed, part.retried) == (20_180, 180, 310, 210)
    assert part.latency.count == 20_000
    assert sum(part.latency.bar_counts) == 20_000
    assert {len(one.latency.bar_counts) for one in part.resolvers} == {0}
    assert part.latency.max_ns == max(one.latency.max_ns for one in synthetic_dns.busy().resolvers if one.p50_ns)


def test_codes_come_with_most_responses_first_and_unknown_ones_without_a_meaning():
    every = resolver("", [MS], rcodes={"RCODE12": 3, "NXDOMAIN": 3, "NOERROR": 9})
    assert summary(synthetic_dns.totals(every, [])).rcodes == [
        CodeRow("NOERROR", RCODES["NOERROR"], 9),
        CodeRow("NXDOMAIN", RCODES["NXDOMAIN"], 3),
        CodeRow("RCODE12", "", 3),
    ]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (resolver("10.0.0.53", [MS]), "dns && ip.addr == 10.0.0.53"),
        (resolver("2001:db8::53", [MS]), "dns && ipv6.addr == 2001:db8::53"),
        (resolver("10.0.0.9", [MS], port=5353, service="mdns"), "mdns && ip.addr == 10.0.0.9"),
    ],
)
def test_a_resolver_can_be_found_in_wireshark(one, text):
    (row,) = summary(synthetic_dns.totals(one, [one])).resolvers
    assert row.display_filter == text


def test_a_query_can_be_found_in_wireshark():
    (row,) = summary(synthetic_dns.quiet()).slowest_rows
    assert row.display_filter == "udp.stream == 1 && dns.id == 0x0001"


def test_what_limits_the_figures_is_said():
    assert summary(synthetic_dns.quiet()).notes == []
    assert len(summary(synthetic_dns.hostile("x")).notes) == 6


def test_the_terminal_gets_a_line_only_where_there_is_trouble():
    assert line(None) is None
    assert line(synthetic_dns.quiet()) is None
    assert line(synthetic_dns.hostile("x")) == (
        "2 queries to 2 resolvers, 1.00 ms (p50) 1.00 ms (p95): 1 unanswered (50 %), 1 failed (50 %), "
        "1 asked again (50 %)"
    )


def test_a_name_is_text_on_the_page():
    text = "<script>alert(1)</script>.example"
    page = export.html.render(build_report(replace(synthetic.small(), dns_totals=synthetic_dns.hostile(text)))).decode()
    section = page[page.index('<section id="dns"') :]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.example" in section
    assert "<script>alert(1)" not in page


def test_every_field_stands_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs/report.md").read_text(encoding="utf-8")
    names_of = (DnsFigures, DnsSummary, DnsResolverRow, DnsRow, DnsExample, DnsDomain)
    assert [name for part in names_of for name in part.__struct_fields__ if f"`{name}`" not in text] == []
