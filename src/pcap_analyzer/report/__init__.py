"""What the reader is told: an `Analysis` in, the versioned `Report` out. No HTML here, no numpy, nothing from a file.

Each section is one module with one function from `Analysis` to its part of the model. A section bounds its own lists,
so the report is small whatever the capture; what is left out is counted. Sections do not know each other. The
order of the JSON is that of `Report`; the diagnosis makes two parts of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.report.capture import capture_section
from pcap_analyzer.report.conversations import conversations_section
from pcap_analyzer.report.dns import dns_section
from pcap_analyzer.report.endpoints import endpoints_section
from pcap_analyzer.report.findings import diagnosis_section
from pcap_analyzer.report.flows import flows_section
from pcap_analyzer.report.interfaces import interfaces_section
from pcap_analyzer.report.intervals import intervals_section
from pcap_analyzer.report.model import SCHEMA_VERSION, Report
from pcap_analyzer.report.protocols import protocols_section
from pcap_analyzer.report.quality import quality_section
from pcap_analyzer.report.services import services_section
from pcap_analyzer.report.source import source_section
from pcap_analyzer.report.tcp import tcp_section
from pcap_analyzer.report.timelines import timelines

__all__ = ["SCHEMA_VERSION", "SECTIONS", "Report", "build_report"]

SECTIONS: dict[str, Callable[[Analysis], Any]] = {
    "source": source_section,
    "capture": capture_section,
    "quality": quality_section,
    "intervals": intervals_section,
    "protocols": protocols_section,
    "endpoints": endpoints_section,
    "conversations": conversations_section,
    "services": services_section,
    "flows": flows_section,
    "tcp": tcp_section,
    "dns": dns_section,
    "interfaces": interfaces_section,
}


def build_report(analysis: Analysis) -> Report:
    """The report on one capture."""
    diagnosis = diagnosis_section(analysis)
    sections = {name: section(analysis) for name, section in SECTIONS.items()}
    # In `source`, because a pipe cannot be read again for them.
    sections["source"] = replace(sections["source"], timelines=timelines(analysis, diagnosis.findings))
    return Report(schema_version=SCHEMA_VERSION, findings=diagnosis.findings, health=diagnosis.health, **sections)
