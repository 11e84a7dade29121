"""Slices: the records of a capture for which a filter holds, as a pcapng file of their own.

    captures → batches of the columns that the filter reads → rows that match → their records, copied by place

Nothing is decoded again and nothing is encoded anew: a record of pcapng stays the block that it was, one of pcap gets
the block around it that pcapng asks for. Interfaces come along as they were described, so link types, snap lengths,
time resolutions, offsets and comments are those of the capture.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer._native.copy import RecordCopier
from pcap_analyzer.capture.pcap import PcapHeader
from pcap_analyzer.capture.pcapng import INTERFACE, SECTION
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.capture.source import PlainSource, open_source
from pcap_analyzer.capture.source.window import unreadable
from pcap_analyzer.errors import Cancelled, CaptureError
from pcap_analyzer.export.tables.landing import landing_file
from pcap_analyzer.filters import parse
from pcap_analyzer.filters.compiled import compiled
from pcap_analyzer.filters.syntax import columns_of
from pcap_analyzer.packet_stream import SEGMENT_COLUMNS, PacketStep, packet_steps
from pcap_analyzer.pipeline import FLOW_LIMIT, CapturePath, Progress, default_threads, scanning
from pcap_analyzer.schema import PACKETS

NAMES, SECRETS = 4, 10
KEPT_BLOCKS = {SECTION, INTERFACE, NAMES, SECRETS}
"""Blocks that say how packets are to be read. Statistics are not: they are those of the whole capture."""
BATCH_ROWS = 65536
NANO_TICKS, MICRO_TICKS = 9, 6
OPTION_APPLICATION, OPTION_RESOLUTION, OPTION_FRAME_CHECK = 4, 9, 13


class Sliced(NamedTuple):
    """What a slice has of its capture."""

    packets: int
    of_packets: int


def slice_capture(
    path: CapturePath,
    filter: str,  # noqa: A002 - as the option and dataset.Request name it
    output: str,
    *,
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    application: str = "pcap-analyzer",
) -> Sliced:
    """Write the packets of a capture for which `filter` holds to `output`, a pcapng file; "-" is standard output.

    One flow: "flow_id == 7".  The file has its name only when it is whole.  progress, cancelled: called at every batch.
    Raises FilterError for a wrong filter, CaptureError for what is no capture, ExportError where the slice cannot be
    written, Cancelled.
    """
    condition = parse(filter, PACKETS)
    columns = tuple(name for name in PACKETS.columns if name in columns_of(condition))
    source = open_source(path, cancelled=cancelled)
    began = time.perf_counter()
    heads = _Heads()
    with (
        scanning(
            source,
            threads or default_threads(),
            BATCH_ROWS,
            FLOW_LIMIT,
            tcp_rows=not SEGMENT_COLUMNS.isdisjoint(columns),
            blocks=heads.note,
        ) as reader,
        landing_file(output) as sink,
    ):
        copier = _Copier(reader, heads, sink.write, application)
        keep = compiled(condition)
        packets = 0
        for step in packet_steps(reader, columns):
            packets += copier.copy(step, keep)
            if progress is not None:
                seconds = time.perf_counter() - began
                progress(Progress(reader.scanner.rows, source.bytes_read, source.size_bytes, seconds))
            if cancelled is not None and cancelled():
                raise Cancelled(f"slicing {source.name} was cancelled at byte {reader.bytes_walked}")
        copier.end()
        return Sliced(packets, reader.scanner.rows)


class _Heads:
    """Blocks that say how packets are to be read, from when they were met until they are written."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.firsts: list[int] = []  # the first interface of each section
        self.interfaces = 0

    def note(self, kind: int, block: bytes) -> None:
        """A block that is no packet; it comes before every packet behind it."""
        if kind not in KEPT_BLOCKS:
            return
        if kind == SECTION:
            self.firsts.append(self.interfaces)
            block = block[:16] + b"\xff" * 8 + block[24:]  # the section's length: not said
        self.interfaces += kind == INTERFACE
        self.waiting.append((kind, block))


class _Copier:
    """Writes a pcapng file: heads of sections and interfaces before the first record that needs them."""

    def __init__(self, reader: CaptureReader, heads: _Heads, write: Callable[[Any], object], application: str) -> None:
        self._reader = reader
        self._heads = heads
        self._write = write
        self._records = RecordCopier()
        self._described = 0  # interfaces that were written
        if isinstance(reader.source, PlainSource):
            self._records.read_file(reader.source.descriptor)
        if reader.header is not None:
            self._begin_pcap(reader.header, application)

    def _begin_pcap(self, header: PcapHeader, application: str) -> None:
        self._records.begin_pcap(
            big_endian=header.big_endian, record_header=header.record_header, tick_ns=header.tick_ns
        )
        self._write(_section(application) + _interface(header))

    def copy(self, step: PacketStep, keep: Callable[[pa.RecordBatch], pa.Array]) -> int:
        """The records of the rows that match; how many."""
        rows = np.flatnonzero(keep(step.columns).fill_null(False).to_numpy(zero_copy_only=False))
        if self._reader.header is None:
            self._copy_sections(step, rows)
        else:
            self._copy_rows(step, rows)
        return len(rows)

    def _copy_sections(self, step: PacketStep, rows: NDArray[np.intp]) -> None:
        """Each section's records behind its head; heads are written also where no record matches."""
        interfaces = step.packets["interface_id"]
        if int(interfaces.max(initial=0)) >= self._heads.interfaces:
            raise CaptureError(f"{self._reader.source.name} has too many interfaces close together to be sliced")
        sections = np.searchsorted(self._heads.firsts, interfaces[rows], "right")
        for section in np.unique(sections):
            mine = rows[sections == section]
            self._describe(int(interfaces[mine[-1]]))
            self._copy_rows(step, mine)
        self._describe(int(interfaces[-1]))

    def _describe(self, interface: int) -> None:
        """Write heads up to that of an interface, and what else its section has by now."""
        waiting = self._heads.waiting
        while waiting and (self._described <= interface or waiting[0][0] != SECTION):
            kind, block = waiting.popleft()
            self._described += kind == INTERFACE
            if kind == SECTION:
                self._records.begin_pcapng(big_endian=block[8:12] == b"\x1a\x2b\x3c\x4d")
            self._write(block)

    def _copy_rows(self, step: PacketStep, rows: NDArray[np.intp]) -> None:
        if not len(rows):
            return
        if not isinstance(self._reader.source, PlainSource):
            self._records.read_memory(self._reader.window.data, self._reader.window.offset)
        offset, captured, original = (
            np.ascontiguousarray(step.packets[name][rows]) for name in ("offset", "captured_length", "original_length")
        )
        row = 0
        while row < len(rows):
            row, blocks = self._copied(offset, captured, original, row)
            self._write(blocks)
        self._records.release()

    def _copied(self, offset: Any, captured: Any, original: Any, row: int) -> tuple[int, memoryview | bytes]:
        """Blocks of the rows from `row` on, and the next row."""
        try:
            return self._records.copy(offset, captured, original, row)
        except (EOFError, ValueError) as error:
            raise CaptureError(f"{self._reader.source.name} changed while it was sliced: {error}") from None
        except OSError as error:
            raise unreadable(self._reader.source.name, error) from None

    def end(self) -> None:
        """Write what heads are left: a slice without a packet is a capture, too."""
        self._describe(self._heads.interfaces)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _section(application: str) -> bytes:
    options = _option(OPTION_APPLICATION, application.encode()) + _option(0, b"")
    return _block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)


def _interface(header: PcapHeader) -> bytes:
    """The interface that a pcap file is from: what its head says."""
    options = _option(OPTION_RESOLUTION, bytes([NANO_TICKS if header.tick_ns == 1 else MICRO_TICKS]))
    if header.frame_check is not None:
        options += _option(OPTION_FRAME_CHECK, bytes([header.frame_check]))
    body = struct.pack("<HxxI", header.link_type & 0xFFFF, header.snap_length)
    return _block(INTERFACE, body + options + _option(0, b""))
