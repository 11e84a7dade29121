"""What is stored of an analysis."""

from pcap_analyzer.export import EXPORTERS
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.jobs.ports import Blobs


def delete_files(blobs: Blobs, analysis: Analysis) -> None:
    """Remove its capture, its reports and its tables."""
    for name in (analysis.upload, *map(analysis.artifact, EXPORTERS), *blobs.names(analysis.tables)):
        blobs.delete(name)
