"""Interfaces: those that pcapng describes, or the one that a pcap file is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pcap_analyzer._native.scan import Scanner
from pcap_analyzer.analysis.model import Interface
from pcap_analyzer.capture.pcapng import InterfaceNotes, resolution_words
from pcap_analyzer.capture.reader import CaptureReader

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Callable[[int, int], list[Interface]]
"""Called with the first id and how many rows at most."""


def interface_rows(reader: CaptureReader) -> Rows:
    """All interfaces of a capture that was read, in order of id; of a pcap recording one a different header."""
    if reader.header is None:
        return _described(reader.scanner, reader.notes.interfaces)
    rows = [
        Interface(
            id=number,
            name=None,
            description=None,
            link_type=header.link_type,
            snap_length=header.snap_length,
            resolution="1 ns" if header.tick_ns == 1 else "1 µs",
            packets=packets,
        )
        for number, (header, packets) in enumerate(reader.pcap_packets.items())
    ]
    return lambda first, limit: rows[first : first + limit]


def _described(scanner: Scanner, notes: Sequence[InterfaceNotes]) -> Rows:
    def rows(first: int, limit: int) -> list[Interface]:
        return [
            Interface(
                id=number,
                name=said.name,
                description=said.description,
                link_type=link_type,
                snap_length=snap_length,
                resolution=resolution_words(ticks, binary),
                packets=counted,
                received=said.received,
                dropped=said.dropped,
                section=section,
            )
            for number, (section, link_type, snap_length, ticks, binary, _offset, counted) in enumerate(
                scanner.interfaces(limit, first), first
            )
            for said in (notes[number] if number < len(notes) else InterfaceNotes(),)
        ]

    return rows


def interface_batches(rows: Rows, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
    """The table `interfaces`, all of it. Raises KeyError for a column that it does not have."""
    from pcap_analyzer.analysis.tables import interface_table  # noqa: PLC0415 - pyarrow takes 0.3 s

    return interface_table(rows, columns, batch_size)
