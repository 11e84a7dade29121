"""Diagnosed problems, ordered by harm, and the health score: `findings/` judges, here its words are made fit to send.

Names out of the capture may stand in titles and filters.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcap_analyzer.analysis.model import Analysis, EarlyFinding
from pcap_analyzer.findings import diagnose, found_so_far
from pcap_analyzer.findings.model import Diagnosis, Finding
from pcap_analyzer.report.text import plain

MAX_FILTER = 1_000


def diagnosis_section(analysis: Analysis) -> Diagnosis:
    """Findings and health."""
    diagnosis = diagnose(analysis)
    return Diagnosis([_plain(finding) for finding in diagnosis.findings], diagnosis.health)


def findings_so_far(analysis: Analysis) -> list[EarlyFinding]:
    """Of a capture of which more may come: the most harmful first, each kind once."""
    return [
        EarlyFinding(one.id, one.severity, plain(one.title), one.flows_total)
        for one in map(_plain, found_so_far(analysis))
    ]


def _plain(finding: Finding) -> Finding:
    return replace(
        finding,
        title=plain(finding.title),
        cause=plain(finding.cause, 600),
        remedy=plain(finding.remedy, 600),
        filter=plain(finding.filter, MAX_FILTER),
        evidence=[replace(one, text=plain(one.text)) for one in finding.evidence],
    )
