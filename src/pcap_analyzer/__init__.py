"""From a packet capture to a report, at the speed of the disk.

    analyze_capture(path)          everything one pass learns: quality, protocols, flows, endpoints, time series
    open_capture(path).packets()   every packet as Arrow columns

Both read pcap and pcapng, plain or compressed, from a file, a pipe or standard input. Captures are hostile bytes:
damage ends the reading, never the program.
"""

from pcap_analyzer.errors import Cancelled, CaptureError, PcapAnalyzerError
from pcap_analyzer.pipeline import Capture, Progress, analyze_capture, open_capture

__all__ = [
    "Cancelled",
    "Capture",
    "CaptureError",
    "PcapAnalyzerError",
    "Progress",
    "__version__",
    "analyze_capture",
    "open_capture",
]

__version__ = "0.1.0"
