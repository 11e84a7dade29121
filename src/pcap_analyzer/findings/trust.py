"""What the capture can be trusted with: the first thing to be judged, and what every later confidence rests on."""

from __future__ import annotations

import msgspec

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.findings.doubts import doubts_of
from pcap_analyzer.findings.thresholds import ENOUGH


class Trust(msgspec.Struct, frozen=True):
    """Factors 0–1, by what a finding leans on."""

    complete: float
    """That every packet at this point is in the file."""
    times: float
    """That times between packets are what they were."""
    both_sides: float
    """That both directions passed here."""
    marks: float
    """That each flow was judged from its beginning in one piece, by whole headers, as it was on the wire."""


def trust_of(analysis: Analysis) -> Trust:
    quality, packets = analysis.quality, max(analysis.capture.packets, 1)
    dropped = (quality.dropped or 0) / packets
    flows = quality.one_sided_flows + quality.two_sided_flows
    doubts = doubts_of(analysis)
    begun = doubts.midstream / doubts.flows if doubts.flows else 0.0
    return Trust(
        complete=max(0.3, 1 - 20 * dropped) * (0.9 if quality.damage else 1.0),
        times=max(0.3, 1 - 5 * (quality.backward_time + quality.without_time) / packets)
        * (0.7 if doubts.step_flows else 1.0),
        both_sides=1 - 0.5 * quality.one_sided_flows / flows if flows else 1.0,
        marks=(1.0 if analysis.marks_exact else 0.8)
        * (1 - 0.3 * begun)
        * (1 - 0.5 * quality.truncated / packets)
        * (0.95 if doubts.long_flows else 1.0)
        * (0.9 if doubts.doubled else 1.0),
    )


def sure(cases: int) -> float:
    """How far so many cases convince: one by half, `ENOUGH` wholly."""
    return min(1.0, 0.5 + 0.5 * (cases - 1) / (ENOUGH - 1)) if cases > 0 else 0.0
