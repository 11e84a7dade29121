"""Diagnosed problems, ordered by harm. There is no diagnosis yet, so there are none to tell."""

from __future__ import annotations

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.report.model import Finding


def findings_section(analysis: Analysis) -> list[Finding]:
    """Empty until `findings/` exists."""
    return []
