"""Reports as files, made in this process: what is looked at in a browser without a service."""

from pathlib import Path

from msgspec.structs import replace

from pcap_analyzer import export
from pcap_analyzer.findings.model import AffectedFlow, Evidence, Finding, Measure, Span
from pcap_analyzer.pipeline import analyze_capture
from pcap_analyzer.report import build_report
from pcap_analyzer.report.model import Report

CAPTURES = Path(__file__).parent.parent / "captures"
MARKUP = '<img src=x onerror="document.title=1">&lt;</script><b>'


def report_on(case: str, end: str = "client") -> Report:
    """The report on one of the recorded captures."""
    return build_report(analyze_capture(CAPTURES / case / f"{end}.pcap"))


def written(report: Report, folder: Path, **options: str) -> str:
    """The address of the page of a report."""
    path = folder / "report.html"
    path.write_bytes(export.html.render(report, **options))
    return path.as_uri()


def hostile(report: Report) -> Report:
    """The same with markup wherever a capture may bring its own words."""
    flow = AffectedFlow(1, 0, 6, MARKUP, 1, MARKUP, 2, 1.0, 1, 2)
    finding = Finding(
        id="dns_errors",
        severity="critical",
        confidence=0.5,
        direction="both",
        measure=Measure("share", 0.5, MARKUP),
        title=f"Names below {MARKUP} fail.",
        cause=MARKUP,
        remedy=MARKUP,
        flows=[flow],
        flows_total=1,
        share=0.5,
        span=Span(report.intervals.start_ns, report.intervals.start_ns + 10**9),
        evidence=[Evidence(1, 1, MARKUP)],
        filter=f'dns.qry.name == "{MARKUP}"',
        source=MARKUP,
        part="names",
        harm=1.0,
    )
    source = replace(report.source, name=MARKUP, timelines=[])
    return replace(report, source=source, findings=[finding, *report.findings])
