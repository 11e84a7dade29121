"""From a scan that has ended to an Analysis: every table built from the scanner's counters, the file's notes and the
flows.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pcap_analyzer._native.scan import FlowReader
from pcap_analyzer.analysis import summary
from pcap_analyzer.analysis.dns import dns_table
from pcap_analyzer.analysis.flow_packets import lookup_in
from pcap_analyzer.analysis.flows import FlowTable
from pcap_analyzer.analysis.interfaces import interface_batches, interface_rows
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
from pcap_analyzer.analysis.protocols import PathTexts, protocol_rows, unsupported_parts
from pcap_analyzer.analysis.tcp import tcp_totals
from pcap_analyzer.analysis.watches import Program
from pcap_analyzer.capture.frames import frames_of
from pcap_analyzer.capture.magic import Format
from pcap_analyzer.capture.reader import CaptureReader

if TYPE_CHECKING:
    import pyarrow as pa

MAX_INTERFACES = 1000  # of the report; the table has all
BUCKET_FIELDS = 17  # of bucket_t in native/counters.pxd
MANY_FLOWS = 1 << 18  # hold about 260 MiB


def assemble(
    reader: CaptureReader, *, seconds: float, threads: int, program: Program | None = None, keep_flows: bool = True
) -> Analysis:
    """All tables of a capture whose windows have been handled.

    seconds: wall time of the scan.  program: what else is asked of every flow, for `Analysis.answers`.
    keep_flows: for `Analysis.flows()`; otherwise what many of them hold is given back while they are summed. (Of few it
    stays: a process that ends then need not free it flow by flow.)
    """
    scanner, source = reader.scanner, reader.source
    counters = scanner.counters()
    paths = scanner.paths()
    totals = reader.totals()
    flows = scanner.flow_reader()
    steps = PathTexts(scanner)
    frames = frames_of(reader)

    watcher = None if program is None else program.watcher()
    summed = summary.flow_summary(
        flows,
        watcher,
        last=not keep_flows and len(flows) > MANY_FLOWS,
        threads=threads,
    )
    names = dns_table(scanner)
    described = interface_rows(reader)
    interfaces = described(0, MAX_INTERFACES)
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
        endpoint_batches=partial(_endpoints, flows) if keep_flows else no_flows,
        interface_batches=partial(interface_batches, described),
        answers=None if program is None or watcher is None else program.answers(watcher),
        dns_totals=names.totals(),
        dns_batches=names.batches,
        lookup=no_packets if frames is None else lookup_in(frames),
        memory=flows,
    )


def _endpoints(flows: FlowReader, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
    from pcap_analyzer.analysis.endpoint_columns import endpoint_batches  # noqa: PLC0415 - pyarrow takes 0.3 s

    return endpoint_batches(flows, columns, batch_size)


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
        first_fragment=counters["first_fragment"] or None,
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
