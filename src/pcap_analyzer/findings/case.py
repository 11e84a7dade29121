"""What a finding is judged on, and how one is put together: flows named, evidence picked, filters written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.flows import has_ports, stream_of
from pcap_analyzer.analysis.model import TCP_MARKS, Analysis, DnsResolver
from pcap_analyzer.analysis.watches import Answers, Group, Groups, Tally, Told
from pcap_analyzer.findings.model import (
    AffectedFlow,
    Direction,
    Evidence,
    Finding,
    Measure,
    Part,
    Span,
    severity_of,
)
from pcap_analyzer.findings.thresholds import FILTER_STREAMS, SHOWN_EVIDENCE, SHOWN_FLOWS
from pcap_analyzer.findings.trust import Trust, sure

TCP, UDP, IPV4 = 6, 17, 4
Question = Tally | Groups
Row = Mapping[str, Any]
T = TypeVar("T")


class Case(msgspec.Struct, frozen=True):
    """One capture, as findings see it."""

    analysis: Analysis
    answers: Answers
    trust: Trust
    shared: dict[Callable[[Case], Any], Any] = {}
    """What `once` has found."""

    def once(self, find: Callable[[Case], T]) -> T:
        """What `find` says of this capture; several findings that rest on it find it once."""
        if find not in self.shared:
            self.shared[find] = find(self)
        return cast("T", self.shared[find])

    def tally(self, name: str) -> Told:
        return self.answers.tally(name)

    def resolvers(self) -> list[DnsResolver]:
        """Those that were asked on port 53."""
        dns = self.analysis.dns_totals
        return [] if dns is None else [one for one in dns.resolvers if one.service == "dns"]


class Rule(msgspec.Struct, frozen=True):
    """One finding: what it asks of flows, by name, and what it makes of the answers.

    by_silence: it rests on what has not come by the end, so nothing can be said of a capture that still arrives.
    """

    questions: Mapping[str, Question]
    judge: Callable[[Case], Iterable[Finding]]
    by_silence: bool = False


class Words(msgspec.Struct, frozen=True):
    """What is said of it."""

    title: str
    cause: str
    remedy: str
    source: str


def make(
    case: Case,
    name: str,
    part: Part,
    *,
    direction: Direction,
    measure: Measure,
    harm: float,
    confidence: float,
    words: Words,
    told: Sequence[Told],
    evidence: Sequence[Evidence],
    filter: str,  # noqa: A002 - the name in the report
    flow_bytes: int | None = None,
    value: Callable[[Row], float] | None = None,
) -> Finding:
    """A finding about the flows of one or more tallies. flow_bytes: of affected flows; value: of one flow."""
    worst = sorted((row for one in told for row in one.worst), key=lambda row: (-row["score"], row["flow_id"]))
    rows = list({row["flow_id"]: row for row in reversed(worst)}.values())[::-1]
    size = sum(one.sums.get("bytes", 0) for one in told) if flow_bytes is None else flow_bytes
    return Finding(
        id=name,
        severity=severity_of(harm),
        confidence=round(min(1.0, max(0.0, confidence)), 2),
        direction=direction,
        measure=measure,
        title=words.title,
        cause=words.cause,
        remedy=words.remedy,
        flows=[affected(row, value) for row in rows[:SHOWN_FLOWS]],
        flows_total=max((one.flows for one in told), default=0),
        share=min(1.0, round(size / case.analysis.capture.bytes, 4)) if case.analysis.capture.bytes else 0.0,
        span=span_of(told),
        evidence=list(evidence)[:SHOWN_EVIDENCE],
        filter=filter,
        source=words.source,
        part=part,
        harm=round(harm, 3),
    )


def of_groups(
    case: Case,
    name: str,
    part: Part,
    groups: Sequence[Group],
    *,
    measure: Measure,
    harm: float,
    confidence: float,
    words: Words,
    filter: str,  # noqa: A002
    seen: str,
    direction: Direction = "client_to_server",
) -> Finding:
    """A finding about flows that are known per key only. seen: what the first frame of each group shows."""
    size = sum(group.values.get("bytes", 0) for group in groups)
    first = [group.first_ns for group in groups if group.first_ns is not None]
    last = [group.last_ns for group in groups if group.last_ns is not None]
    return Finding(
        id=name,
        severity=severity_of(harm),
        confidence=round(min(1.0, max(0.0, confidence)), 2),
        direction=direction,
        measure=measure,
        title=words.title,
        cause=words.cause,
        remedy=words.remedy,
        flows=[],
        flows_total=sum(group.flows for group in groups),
        share=min(1.0, round(size / case.analysis.capture.bytes, 4)) if case.analysis.capture.bytes else 0.0,
        span=Span(min(first), max(last)) if first and last else None,
        evidence=[Evidence(group.values["frame"], None, seen) for group in groups[:SHOWN_EVIDENCE]],
        filter=filter,
        source=words.source,
        part=part,
        harm=round(harm, 3),
    )


def of_names(
    case: Case,
    name: str,
    *,
    measure: Measure,
    harm: float,
    words: Words,
    cases: int,
    seen: str,
    frames: Sequence[tuple[int, int, int]],
    span: tuple[int | None, int | None],
    size: int,
    filter: str,  # noqa: A002
    part: Part = "names",
    direction: Direction = "none",
    confidence: float = 1.0,
) -> Finding:
    """A finding about DNS transactions. cases: how many.  frames: (frame, flow_id, …).  size: bytes of messages."""
    capture = case.analysis.capture
    first, last = span
    return Finding(
        id=name,
        severity=severity_of(harm),
        confidence=round(confidence * sure(cases) * case.trust.complete, 2),
        direction=direction,
        measure=measure,
        title=words.title,
        cause=words.cause,
        remedy=words.remedy,
        flows=[],
        flows_total=cases,
        share=min(1.0, round(size / capture.bytes, 4)) if capture.bytes else 0.0,
        span=Span(first, last) if first is not None and last is not None else None,
        evidence=[Evidence(frame, flow, seen) for frame, flow, *_ in frames],
        filter=filter,
        source=words.source,
        part=part,
        harm=round(harm, 3),
    )


def resolver_filter(resolver: DnsResolver) -> str:
    """The packets of a resolver."""
    return f"{'ip' if resolver.ip_version == IPV4 else 'ipv6'}.addr == {resolver.address}"


def address(group: Group, side: str) -> str:
    """The address of a group's key."""
    return address_text(group.key[side], group.key["ip_version"])


def field(group: Group, name: str) -> str:
    """A display filter's field for addresses of the group's IP version: ip.src, ipv6.src, …"""
    return f"{'ip' if group.key['ip_version'] == IPV4 else 'ipv6'}.{name}"


def affected(row: Row, value: Callable[[Row], float] | None) -> AffectedFlow:
    ports = has_ports(row)
    return AffectedFlow(
        row["flow_id"],
        stream_of(row),
        row["protocol"],
        address_text(row["client"], row["ip_version"]),
        row["client_port"] if ports else None,
        address_text(row["server"], row["ip_version"]),
        row["server_port"] if ports else None,
        round(row["score"] if value is None else value(row), 6),
        first_frame=row["first_frame"],
        last_frame=row["last_frame"],
    )


def span_of(told: Sequence[Told]) -> Span | None:
    first = [one.first_ns for one in told if one.first_ns is not None]
    last = [one.last_ns for one in told if one.last_ns is not None]
    return Span(min(first), max(last)) if first and last else None


def first_frames(rows: Iterable[Row], text: str) -> list[Evidence]:
    """The first frame of each flow."""
    return [Evidence(row["first_frame"], row["flow_id"], text) for row in rows]


def last_frames(rows: Iterable[Row], text: str) -> list[Evidence]:
    """The last frame of each flow."""
    return [Evidence(row["last_frame"], row["flow_id"], text) for row in rows]


def mark_evidence(rows: Iterable[Row], side: str, marks: Mapping[str, str]) -> list[Evidence]:
    """The first frame of each flow with each of these marks. marks: what is to be seen, by name."""
    return [
        Evidence(frame, row["flow_id"], text)
        for row in rows
        for name, text in marks.items()
        if (frame := row[f"{side}_tcp"]["mark_frames"][TCP_MARKS.index(name)])
    ]


def stream_filter(rows: Sequence[Row], condition: str = "") -> str:
    """The streams of a few flows, and a condition on their packets; of many flows the condition alone."""
    streams: dict[str, list[int]] = {"tcp": [], "udp": []}
    for row in rows:
        kind = {TCP: "tcp", UDP: "udp"}.get(row["protocol"])
        if kind is None or row["stream"] == 0xFFFFFFFF:
            return condition or "frame"
        streams[kind].append(row["stream"])
    if condition and len(rows) > FILTER_STREAMS:
        return condition
    parts = [_streams(kind, numbers) for kind, numbers in streams.items() if numbers]
    whole = " || ".join(parts)
    if not condition:
        return whole or "frame"
    return f"({whole}) && ({condition})" if whole else condition


def _streams(kind: str, numbers: Sequence[int]) -> str:
    shown = sorted(set(numbers))[:FILTER_STREAMS]
    if len(shown) == 1:
        return f"{kind}.stream == {shown[0]}"
    return f"{kind}.stream in {{{', '.join(map(str, shown))}}}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """(1, "segment") → 1 segment; (2000, "segment") → 2,000 segments."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def lasting(ns: float) -> str:
    """A duration with two digits: 40 ms, 1.5 s."""
    for step, unit in ((3600 * 10**9, "h"), (60 * 10**9, "min"), (10**9, "s"), (10**6, "ms")):
        if ns >= step:
            return f"{_two_digits(ns / step)} {unit}"
    return f"{_two_digits(ns / 1000)} µs"


def _two_digits(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"


def percent(share: float) -> str:
    """0.0159 → 1.6 %."""
    shown = 100 * share
    return f"{shown:.2g} %" if shown < 10 else f"{shown:.0f} %"
