"""Diagnosed problems, ordered by harm, and the health score: `findings/` judges, here its words are made fit to send.

Names out of the capture may stand in titles and filters.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcap_analyzer.analysis.model import Analysis, FirstResults
from pcap_analyzer.findings import diagnose
from pcap_analyzer.findings.model import Diagnosis, Finding
from pcap_analyzer.report.text import plain

MAX_FILTER = 1_000


def diagnosis_section(analysis: Analysis) -> Diagnosis:
    """Findings and health."""
    diagnosis = diagnose(analysis)
    return Diagnosis([_plain(finding) for finding in diagnosis.findings], diagnosis.health)


def fit_to_send(first: FirstResults) -> FirstResults:
    """What is known so far, the words of its findings likewise."""
    return replace(first, findings=[replace(one, title=plain(one.title)) for one in first.findings])


def _plain(finding: Finding) -> Finding:
    return replace(
        finding,
        title=plain(finding.title),
        cause=plain(finding.cause, 600),
        remedy=plain(finding.remedy, 600),
        filter=plain(finding.filter, MAX_FILTER),
        evidence=[replace(one, text=plain(one.text)) for one in finding.evidence],
    )
