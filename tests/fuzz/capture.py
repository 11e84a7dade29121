"""Any bytes, read as a file: an analysis and every packet, or a CaptureError. Never anything else."""

from io import BytesIO

from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import analyze_capture


def one(data: bytes) -> None:
    try:
        analysis = analyze_capture(BytesIO(data), threads=1)
    except CaptureError:
        return
    quality = analysis.quality
    assert quality.truncated + quality.malformed + quality.unsupported <= analysis.capture.packets
