"""From a scan that has ended to an Analysis: every table built from the scanner's counters, the file's notes and the
flows.
"""

from __future__ import annotations

from array import array
from typing import Any, Literal

from pcap_analyzer.analysis import summary
from pcap_analyzer.analysis.dns import dns_table
from pcap_analyzer.analysis.flow_packets import lookup_in
from pcap_analyzer.analysis.flows import FlowTable
from pcap_analyzer.analysis.model import (
    Analysis,
    CaptureInfo,
    Damage,
    Interface,
    Intervals,
    LinkTypeCount,
    Peaks,
    Quality,
    SourceInfo,
    TcpIntervals,
    no_flows,
    no_packets,
)
from pcap_analyzer.analysis.protocols import path_text, protocol_rows, unsupported_parts
from pcap_analyzer.analysis.tcp import tcp_totals
from pcap_analyzer.analysis.watches import Program
from pcap_analyzer.capture.frames import frames_of
from pcap_analyzer.capture.magic import Format
from pcap_analyzer.capture.pcapng import InterfaceNotes, resolution_words
from pcap_analyzer.capture.reader import CaptureReader

MAX_INTERFACES = 1000
BUCKET_FIELDS = 17  # of bucket_t in native/counters.pxd


def assemble(
    reader: CaptureReader, *, seconds: float, threads: int, program: Program | None = None, keep_flows: bool = True
) -> Analysis:
    """All tables of a capture whose windows have been handled.

    seconds: wall time of the scan.  program: what else is asked of every flow, for `Analysis.answers`.
    keep_flows: for `Analysis.flows()`; otherwise what they hold is given back.
    """
    scanner, source = reader.scanner, reader.source
    counters = scanner.counters()
    paths = scanner.paths()
    totals = reader.totals()
    flows = scanner.flow_reader()
    steps = [path_text(steps) for steps in scanner.path_steps()]
    frames = frames_of(reader)

    watcher = None if program is None else program.watcher()
    summed = summary.flow_summary(flows, None if watcher is None else watcher.observe, last=not keep_flows)
    names = dns_table(scanner)
    interfaces = _interfaces(reader)
    return Analysis(
        source=SourceInfo(source.name, source.size_bytes, source.compression, seconds, threads, scanner.stage_ns),
        capture=_capture(reader, counters, totals),
        quality=_quality(reader, counters, totals, interfaces, summed, unsupported_parts(paths)),
        interfaces=interfaces,
        protocols=protocol_rows(paths),
        intervals=_intervals(*scanner.intervals(), judged=bool(counters["segments"])),
        endpoints=summary.endpoints(summed),
        conversations=summary.conversations(summed),
        services=summary.services(summed),
        top_flows=summary.top_flows(summed, steps),
        totals=summary.totals(summed),
        tcp=tcp_totals(scanner, counters, summed),
        retransmitting=summary.retransmitting(summed, steps),
        marks_exact=totals["evicted_flows"] == 0,
        evicted_flows=totals["evicted_flows"],
        flow_batches=FlowTable(flows, steps).batches if keep_flows else no_flows,
        answers=None if program is None or watcher is None else program.answers(watcher),
        dns_totals=names.totals(),
        dns_batches=names.batches,
        lookup=no_packets if frames is None else lookup_in(frames),
    )


def _capture(reader: CaptureReader, counters: dict[str, Any], totals: dict[str, Any]) -> CaptureInfo:
    format_name: Literal["pcap", "pcapng"] = "pcap" if reader.format is Format.PCAP else "pcapng"
    if reader.header is not None:
        counted: dict[int, int] = {}
        for header, packets in reader.pcap_packets.items():
            counted[header.link_type] = counted.get(header.link_type, 0) + packets
    else:
        counted = reader.scanner.link_type_packets()
    link_types = [LinkTypeCount(*one) for one in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]
    return CaptureInfo(
        format=format_name,
        variant=reader.variant,
        packets=counters["packets"],
        bytes=counters["bytes"],
        captured_bytes=counters["captured_bytes"],
        first_ns=counters["first_ns"],
        last_ns=counters["last_ns"],
        link_types=link_types,
        sections=totals["sections"] or 1,
        comments=reader.notes.comments,
    )


def _interfaces(reader: CaptureReader) -> list[Interface]:
    """pcapng's interfaces, or the one that a pcap file is; of a recording one for each different header."""
    if reader.header is not None:
        return [
            Interface(
                *(number, None, None, header.link_type, header.snap_length),
                *("1 ns" if header.tick_ns == 1 else "1 µs", packets),
            )
            for number, (header, packets) in enumerate(reader.pcap_packets.items())
        ]
    described = reader.notes.interfaces
    return [
        Interface(
            id=number,
            name=notes.name,
            description=notes.description,
            link_type=link_type,
            snap_length=snap_length,
            resolution=resolution_words(ticks, binary),
            packets=counted,
            received=notes.received,
            dropped=notes.dropped,
            section=section,
        )
        for number, (section, link_type, snap_length, ticks, binary, _offset, counted) in enumerate(
            reader.scanner.interfaces(MAX_INTERFACES)
        )
        for notes in (described[number] if number < len(described) else InterfaceNotes(),)
    ]


def _quality(
    reader: CaptureReader,
    counters: dict[str, Any],
    totals: dict[str, Any],
    interfaces: list[Interface],
    summed: dict[str, Any],
    parts: list[Any],
) -> Quality:
    damage = reader.damage
    stated = [one.dropped for one in interfaces if one.dropped is not None]
    snap_lengths = [one.snap_length for one in interfaces]
    return Quality(
        damage=None if damage is None else Damage(damage.offset, damage.reason),
        cut_packets=counters["cut_packets"],
        truncated=counters["truncated"],
        malformed=counters["malformed"],
        unsupported=counters["unsupported"],
        dropped=sum(stated) if stated else totals["dropped"],
        backward_time=counters["backward_time"],
        without_time=counters["without_time"],
        fragments=counters["fragments"],
        skipped_bytes=reader.skipped_bytes,
        snap_length=max(snap_lengths) if snap_lengths and all(snap_lengths) else None,
        one_sided_flows=summed["one_sided"],
        two_sided_flows=summed["two_sided"],
        unsupported_parts=parts,
    )


def _intervals(start: int, width: int, buckets: bytes, *, judged: bool) -> Intervals:
    """The time series. judged: the capture has TCP segments."""
    table = array("q", buckets)
    columns = [table[column::BUCKET_FIELDS] for column in range(BUCKET_FIELDS)]
    packets, size, payload, tcp, udp, *marks = columns[:-4]
    other = array("q", (total - one - two for total, one, two in zip(size, tcp, udp, strict=True)))
    begin = start if len(packets) else 0
    return Intervals(
        *(begin, width, packets, size, payload, tcp, udp, other),
        tcp=TcpIntervals(*marks) if judged else None,
        peaks=Peaks(*columns[-4:]),
    )
