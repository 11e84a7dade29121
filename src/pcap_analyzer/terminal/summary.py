"""A report in a screenful, and what a capture is: parts out of numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TextIO

from pcap_analyzer.report import words
from pcap_analyzer.report.dns import dns_line
from pcap_analyzer.report.model import Report
from pcap_analyzer.report.tcp.lines import tcp_lines
from pcap_analyzer.report.text import plain
from pcap_analyzer.terminal.parts import Part, Remarks, Span, Table, Words
from pcap_analyzer.terminal.rates import rates

LEVEL_STYLES = {"problem": "bold red", "caution": "yellow", "note": "dim"}
SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow", "notice": "cyan", "info": "dim"}
WELL, ILL = 90, 50
MAX_FINDINGS = 8
MAX_TALKERS = 5
MAX_PROTOCOLS = 12
MAX_SERVICES = 5
Writer = Callable[[Iterable[Part], TextIO], None]


def print_summary(report: Report, written: Sequence[str] = (), *, file: TextIO | None = None) -> None:
    """The report in a screenful. written: names of the files that were made from it."""
    parts = (
        Words(_capture(report)),
        _quality(report),
        Words(_health(report)),
        _findings(report),
        _talkers(report),
        _protocols(report),
        _services(report),
        _connections(report),
        _closing(report, written),
    )
    _print(parts, file)


def print_info(report: Report, *, file: TextIO | None = None) -> None:
    """What the capture is: format, times, link types, interfaces, comments, and whether it can be trusted."""
    capture = _capture(report)
    for comment in report.capture.comments:
        capture += [Span("\nComment     ", "bold"), Span(comment)]
    _print((Words(capture), _quality(report), _interfaces(report)), file)


def writer(file: TextIO | None) -> Writer:
    """How parts are written to `file`: its module takes a while to import where that is a terminal."""
    style = "styled" if file is not None and file.isatty() else "plain"
    chosen: Writer = import_module(f"pcap_analyzer.terminal.{style}").write
    return chosen


def _print(parts: Iterable[Part | None], file: TextIO | None) -> None:
    stream = file or sys.stdout
    if stream is not None:  # closed by who started us
        writer(stream)([part for part in parts if part is not None], stream)


def _capture(report: Report) -> list[Span]:
    capture = report.capture
    facts = [capture.variant or capture.format, words.plural(capture.packets, "packet"), words.size(capture.bytes)]
    if capture.duration_ns is not None:
        facts += [words.duration(capture.duration_ns), words.bit_rate(capture.bytes, capture.duration_ns)]
    spans = [Span(report.source.name, "bold"), Span("  "), Span(" · ".join(facts))]
    if capture.first_ns is not None:
        spans.append(Span(f"\n{words.moment(capture.first_ns)} to {words.moment(capture.last_ns)}", "dim"))
    if not capture.packets:
        spans.append(Span("\nThis capture holds no packets."))
    return spans


def _quality(report: Report) -> Part:
    if not report.quality.remarks:
        return Words([Span("Quality: nothing was found that limits what this capture can show.", "green")])
    return Remarks([(Span(remark.level, LEVEL_STYLES[remark.level]), remark.text) for remark in report.quality.remarks])


def _health(report: Report) -> list[Span]:
    health = report.health
    if health.score is None:
        return [Span("Health      ", "bold"), Span("not measured: there is no evidence", "dim")]
    ill = [f"{part.part} {part.score}" for part in health.parts if part.score is not None and part.score < WELL]
    style = "green" if health.score >= WELL else "yellow" if health.score >= ILL else "bold red"
    spans = [Span("Health      ", "bold"), Span(f"{health.score} of 100", style)]
    if ill:
        return [*spans, Span(f"; {', '.join(ill)}")]
    return spans if report.findings else [*spans, Span("; no trouble was found")]


def _findings(report: Report) -> Part | None:
    """The worst of them, a sentence each."""
    shown = report.findings[:MAX_FINDINGS]
    if not shown:
        return None
    rows = [(Span(finding.severity, SEVERITY_STYLES[finding.severity]), finding.title) for finding in shown]
    more = sum(1 + one.alike for one in report.findings) - len(shown)
    if more:
        rows.append((Span("", "dim"), f"and {more} more in the report"))
    return Remarks(rows)


def _interfaces(report: Report) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            f"{row.id} {row.name or ''}",
            row.link_type_name,
            words.count(row.snap_length) if row.snap_length else "unlimited",
            row.resolution,
            words.count(row.packets),
            "–" if row.dropped is None else words.count(row.dropped),
        )
        for row in report.interfaces.rows
    ]
    if report.interfaces.total > len(rows):
        rows.append((f"and {words.count(report.interfaces.total - len(rows))} more",))
    return Table(("Interfaces", "link type", "snap length", "resolution", "packets", "dropped"), rows)


def _talkers(report: Report) -> Table | None:
    rows: list[tuple[str, ...]] = [
        (
            row.address,
            words.size(row.bytes_sent + row.bytes_received),
            words.size(row.bytes_sent),
            words.size(row.bytes_received),
            words.count(row.packets_sent + row.packets_received),
            words.count(row.flows),
        )
        for row in report.endpoints.rows[:MAX_TALKERS]
    ]
    return Table(("Top talkers", "bytes", "sent", "received", "packets", "flows"), rows) if rows else None


def _protocols(report: Report) -> Table | None:
    rows = report.protocols.rows
    # The largest rows, shown in the order of the hierarchy: a parent is never smaller than its child.
    order = sorted(range(len(rows)), key=lambda row: (-rows[row].packets, row))
    shown: list[tuple[str, ...]] = [
        (
            "  " * (len(row.path) - 1) + row.path[-1],
            words.count(row.packets),
            words.share(row.packets, report.capture.packets),
            words.size(row.bytes),
        )
        for row in (rows[place] for place in sorted(order[:MAX_PROTOCOLS]))
    ]
    return Table(("Protocols", "packets", "share", "bytes"), shown) if shown else None


def _services(report: Report) -> Table | None:
    rows: list[tuple[str, ...]] = [
        (
            f"{row.protocol_name} {row.port}" + (f" ({row.name})" if row.name else ""),
            words.size(row.bytes),
            words.count(row.packets),
            words.count(row.flows),
        )
        for row in report.services[:MAX_SERVICES]
    ]
    return Table(("Services", "bytes", "packets", "flows"), rows) if rows else None


def _connections(report: Report) -> Words | None:
    flows, tcp = report.flows, report.tcp
    if not flows.total:
        return None
    kinds = {"TCP": flows.tcp, "UDP": flows.udp, "ICMP": flows.icmp, "SCTP": flows.sctp, "other": flows.other}
    lines = [("Flows       ", f"{words.count(flows.total)}: {_named(kinds)}")]
    if tcp.flows:
        hands = tcp.handshakes
        parts = {"complete": hands.complete, "incomplete": hands.incomplete, "not seen": hands.unseen}
        lines.append(("Handshakes  ", _named(parts)))
        if tcp.handshake_network.p50_ns is not None:
            median, late = words.duration(tcp.handshake_network.p50_ns), words.duration(tcp.handshake_network.p95_ns)
            lines[-1] = ("Handshakes  ", f"{_named(parts)}; SYN to SYN/ACK {median} (p50), {late} (p95)")
        lines.append(("States      ", _named({row.state: row.flows for row in tcp.conn_states})))
        lines += [(f"{label:<12}", text) for label, text in tcp_lines(tcp)]
    names = dns_line(report.dns)
    if names is not None:
        lines.append(("DNS         ", names))
    spans = []
    for place, (label, value) in enumerate(lines):
        spans += [Span(("\n" if place else "") + label, "bold"), Span(value, "not bold")]
    return Words(spans)


def _closing(report: Report, written: Sequence[str]) -> Words:
    source = report.source
    spans = []
    if written:
        spans += [Span("Written     ", "bold"), Span(", ".join(map(plain, written)) + "\n")]
    octets = report.capture.captured_bytes if source.size_bytes is None else source.size_bytes
    told = f"Read in {words.duration(int(source.seconds * words.SECOND))}: "
    spans.append(Span(told + rates(report.capture.packets, octets, source.seconds), "dim"))
    return Words(spans)


def _named(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {words.count(number)}" for name, number in numbers.items() if number)
