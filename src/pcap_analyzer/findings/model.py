"""What a diagnosis says: the public shape of a finding and of the health score, and how harm becomes a severity."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt
from typing import Literal

import msgspec

from pcap_analyzer.findings.thresholds import CRITICAL, NOTICE, WARNING, Table

Severity = Literal["info", "notice", "warning", "critical"]
Direction = Literal["client_to_server", "server_to_client", "both", "none"]
Part = Literal["loss", "connections", "delay", "transfers", "names", "path", "security"]


class Measure(msgspec.Struct, frozen=True):
    """The number that a finding rests on."""

    name: str
    value: float
    unit: str
    """ratio (of 1), ms, s, packets, flows, …"""


class Span(msgspec.Struct, frozen=True):
    """When, ns since 1970 UTC."""

    first_ns: int
    last_ns: int


class AffectedFlow(msgspec.Struct, frozen=True):
    """One of the flows that a finding is about, and how bad it is there."""

    flow_id: int
    stream: int | None
    protocol: int
    client: str
    client_port: int | None
    server: str
    server_port: int | None
    value: float
    """In the unit of the finding's measure, or a count."""
    first_frame: int | None = None
    """Wireshark's frame.number of its first packet."""
    last_frame: int | None = None


class Evidence(msgspec.Struct, frozen=True):
    """A frame that shows it."""

    frame: int
    """Wireshark's frame.number."""
    flow_id: int | None
    text: str
    """What is to be seen there."""


class Finding(msgspec.Struct, frozen=True):
    """A diagnosed problem."""

    id: str
    """Stable name, e.g. packet_loss."""
    severity: Severity
    confidence: float
    """0–1: how sure it is that this is so; what the capture can show gates it."""
    direction: Direction
    measure: Measure
    title: str
    """One sentence a person understands."""
    cause: str
    """Why it happens, as far as the packets tell."""
    remedy: str
    """What to do next."""
    flows: list[AffectedFlow]
    """Worst first, at most 20."""
    flows_total: int
    share: float
    """Of all bytes of the capture, those in affected flows."""
    span: Span | None
    """Null: none of them has a time."""
    evidence: list[Evidence]
    """At most 10."""
    filter: str
    """Wireshark display filter that shows it."""
    source: str
    """Where the definition comes from."""
    part: Part
    """Of the health score."""
    harm: float
    """0–1, to users of the network: the order of findings."""
    alike: int = 0
    """Others of this id, less harmful, that are not listed."""


class HealthPart(msgspec.Struct, frozen=True):
    """One side of a network's health."""

    part: Part
    score: int | None
    """0–100; null: not measured, there is no evidence."""
    weight: float
    """How much of the score this part can take away."""
    worst: str | None
    """Id of the finding that costs most; null: none."""


class Health(msgspec.Struct, frozen=True):
    """How well the network did, as far as this capture shows."""

    score: int | None
    """0–100; null: nothing was measured."""
    parts: list[HealthPart]


class Diagnosis(msgspec.Struct, frozen=True):
    findings: list[Finding]
    """Ordered by harm."""
    health: Health


def reaching(harm: float, reach: float) -> float:
    """The harm of what touches only a part (0–1) of its kind of traffic: a tenth of it counts by six tenths."""
    return harm * (0.4 + 0.6 * sqrt(min(1.0, max(0.0, reach))))


def severity_of(harm: float) -> Severity:
    if harm >= CRITICAL:
        return "critical"
    if harm >= WARNING:
        return "warning"
    return "notice" if harm >= NOTICE else "info"


def harm_of(value: float, table: Table) -> float:
    """The harm of a measure by a table of thresholds.py; below its first row that of the first row, never falling."""
    if value <= table[0][0]:
        return table[0][1]
    for (low, mild), (high, bad) in pairwise(table):
        if value < high:
            return mild + (bad - mild) * log(value / low) / log(high / low)
    return table[-1][1]
