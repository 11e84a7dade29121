"""Walking two descriptions of one capture side by side, by frame number."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pcap_analyzer.comparison.expected import TCP_STREAM, UDP_STREAM, expected
from pcap_analyzer.comparison.golden import recorded_packets
from pcap_analyzer.comparison.layers import TsharkPacket
from pcap_analyzer.comparison.marks import mark_columns
from pcap_analyzer.comparison.model import ColumnAgreement, Comparison, Difference
from pcap_analyzer.comparison.reasons import reason
from pcap_analyzer.comparison.streams import StreamNumbers
from pcap_analyzer.comparison.tshark import TsharkRun

Row = dict[str, Any]
TIMES = ("timestamp", "ack_rtt")


def compare_with_tshark(capture: str | os.PathLike[str], batches: Iterable[pa.RecordBatch]) -> Comparison:
    """Run tshark over `capture` and compare with our `packets` batches of it, which need the columns in COLUMNS.

    Raises TsharkError when tshark is missing or cannot read the capture.
    """
    run = TsharkRun(capture)
    comparison = compare(Path(capture).name, batches, run)
    comparison.message = run.message
    return comparison


def compare_with_golden(table: str | os.PathLike[str], batches: Iterable[pa.RecordBatch]) -> Comparison:
    """Compare with a recorded answer of tshark, a `packets.tsv.gz`."""
    return compare(Path(table).name, batches, recorded_packets(table))


def compare(name: str, batches: Iterable[pa.RecordBatch], theirs: Iterable[TsharkPacket]) -> Comparison:
    """Compare our batches with tshark's packets; both are in order of frame number and read once, as streams."""
    comparison = Comparison(name)
    streams = {TCP_STREAM: StreamNumbers(), UDP_STREAM: StreamNumbers()}
    for row, packet in _side_by_side(_rows(batches), iter(theirs)):
        if row is None:
            comparison.only_theirs.add(packet.frame_number)  # type: ignore[union-attr]
        elif packet is None:
            comparison.only_ours.add(row["frame_number"])
        else:
            comparison.packets += 1
            _compare_packet(comparison, streams, row, packet)
    return comparison


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    """Our packets one by one, times as integers, streams of TCP and UDP apart."""
    for batch in batches:
        names = batch.schema.names
        columns = [(batch[name].cast(pa.int64()) if name in TIMES else batch[name]).to_pylist() for name in names]
        for values in zip(*columns, strict=True):
            row = dict(zip(names, values, strict=True))
            stream = row.pop("stream", None)
            row[TCP_STREAM] = stream if row.get("protocol") == 6 else None
            row[UDP_STREAM] = stream if row.get("protocol") != 6 else None
            if "tcp_marks" in row:
                row.update(mark_columns(row.pop("tcp_marks")))
            yield row


def _side_by_side(
    ours: Iterator[Row], theirs: Iterator[TsharkPacket]
) -> Iterator[tuple[Row | None, TsharkPacket | None]]:
    """Pairs with the same frame number; None beside a frame that only one side has."""
    row, packet = next(ours, None), next(theirs, None)
    while row is not None or packet is not None:
        lead = _lead(row, packet)
        yield (row if lead <= 0 else None), (packet if lead >= 0 else None)
        if lead <= 0:
            row = next(ours, None)
        if lead >= 0:
            packet = next(theirs, None)


def _lead(row: Row | None, packet: TsharkPacket | None) -> int:
    """Negative: our frame comes first; positive: tshark's; 0: they are the same."""
    if row is None:
        return 1
    if packet is None:
        return -1
    lead: int = row["frame_number"] - packet.frame_number
    return lead


def _compare_packet(comparison: Comparison, streams: dict[str, StreamNumbers], row: Row, packet: TsharkPacket) -> None:
    """Compare every column that both sides have."""
    for name, theirs in expected(packet).items():
        if name not in row:
            continue
        ours = row[name]
        renumbered = streams[name].observe(packet, ours, theirs) if name in streams else None
        if ours is None and (theirs is None or _numbered_by_tshark_alone(name, theirs)):
            continue
        column = comparison.columns.setdefault(name, ColumnAgreement(name))
        column.compared += 1
        if ours == theirs:
            column.equal += 1
            continue
        known = renumbered or reason(name, packet, ours, theirs)
        column.differs(Difference(packet.frame_number, ours, theirs, ":".join(packet.layers), known))


def _numbered_by_tshark_alone(name: str, theirs: Any) -> bool:
    """A pcap file has no interfaces; tshark says 0 for all its packets."""
    return name == "interface_id" and theirs == 0
