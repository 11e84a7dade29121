"""How the capture was given: the one section that may differ between two runs over the same packets."""

from __future__ import annotations

from pcap_analyzer import __version__
from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.report.model import Source
from pcap_analyzer.report.text import plain


def source_section(analysis: Analysis) -> Source:
    """Name, size on disk, time taken."""
    source = analysis.source
    return Source(
        name=plain(source.name),
        size_bytes=source.size_bytes,
        compression=source.compression,
        seconds=source.seconds,
        threads=source.threads,
        program=f"pcap-analyzer {__version__}",
    )
