"""The health score: 100, less what each part of the network's health takes away.

A part is as ill as the worst finding in it; its weight says how much of the score it can take. The parts are
multiplied, so that one that fails wholly is not hidden by six that are well: score = 100 · ∏ (1 - weight · harm).
Nothing in it rises with harm, so worse input never scores better; confidence is told beside findings and does not
soften the score, or a worse capture would score better. A part without evidence is not measured and takes nothing.

Weights: connections that fail and names that do not resolve stop a user (0.9); loss (0.8), delay (0.7) and slow
transfers (0.6) hold him up; the path's own faults are mostly seen through those (0.5); attacks say little about how the
network served (0.5).
"""

from __future__ import annotations

from collections.abc import Iterable

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.findings.model import Finding, Health, HealthPart, Part

WEIGHTS: dict[Part, float] = {
    "connections": 0.9,
    "names": 0.9,
    "loss": 0.8,
    "delay": 0.7,
    "transfers": 0.6,
    "path": 0.5,
    "security": 0.5,
}


def health_of(findings: Iterable[Finding], measured: set[Part]) -> Health:
    """The score and its parts, in the order of their weights. measured: the parts that there is evidence for."""
    worst: dict[Part, Finding] = {}
    for finding in findings:
        if finding.part not in worst or finding.harm > worst[finding.part].harm:
            worst[finding.part] = finding
    measured = measured | set(worst)
    if not measured:
        return Health(None, [HealthPart(part, None, weight, None) for part, weight in WEIGHTS.items()])
    left = 1.0
    parts = []
    for part, weight in WEIGHTS.items():
        harm = worst[part].harm if part in worst else 0.0
        left *= 1 - weight * harm
        score = round(100 * (1 - harm)) if part in measured else None
        parts.append(HealthPart(part, score, weight, worst[part].id if part in worst else None))
    return Health(round(100 * left), parts)


def measured_parts(analysis: Analysis) -> set[Part]:
    """Parts that this capture has evidence for; none where flows were not asked."""
    totals, tcp = analysis.totals, analysis.tcp
    parts: set[Part] = set()
    if analysis.answers is None:
        return parts
    if totals.handshakes.complete or totals.handshakes.incomplete:
        parts.add("connections")
    if tcp is not None and tcp.payload_bytes:
        parts |= {"loss", "transfers"}
    if totals.initial_rtt.total_ns or (tcp is not None and (tcp.client_rtt.total_ns or tcp.server_rtt.total_ns)):
        parts.add("delay")
    if analysis.dns_totals is not None and analysis.dns_totals.dns:
        parts.add("names")
    if totals.flows:
        parts |= {"path", "security"}
    return parts
