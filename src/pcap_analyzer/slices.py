"""Slices: the records of a capture for which a filter holds, as a pcapng file of their own.

    capture → steps of the scan → rows that match → their records, copied by place

Nothing is encoded anew: a record of pcapng stays the block that it was, one of pcap gets
the block around it that pcapng asks for. Interfaces come along as they were described, so link types, snap lengths,
time resolutions, offsets and comments are those of the capture.
"""

from __future__ import annotations

import struct
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pcap_analyzer._native.copy import RecordCopier
from pcap_analyzer._native.decode import PACKET_DTYPE
from pcap_analyzer._native.match import Matcher
from pcap_analyzer.capture.damage import Damage
from pcap_analyzer.capture.pcap import PcapHeader
from pcap_analyzer.capture.pcapng import INTERFACE, SECTION
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.capture.source import PlainSource, open_source
from pcap_analyzer.capture.source.window import unreadable
from pcap_analyzer.errors import Cancelled, CaptureError
from pcap_analyzer.export.tables.landing import landing_bytes
from pcap_analyzer.filters import parse
from pcap_analyzer.filters.matched import matcher
from pcap_analyzer.filters.syntax import Condition, columns_of
from pcap_analyzer.pipeline import FLOW_LIMIT, CapturePath, Progress, default_threads, scanning
from pcap_analyzer.schema import PACKETS

SEGMENT_COLUMNS = frozenset({"tcp_marks", "ack_rtt", "bytes_in_flight", "tcp_window"})
"""Columns for which the scanner must keep what it found of TCP segments."""
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
    damage: Damage | None
    """What ended reading before the end of the file."""


def slice_capture(
    path: CapturePath,
    filter: str,  # noqa: A002 - as the option and dataset.Request name it
    output: str,
    *,
    threads: int | None = None,
    flow_limit: int = FLOW_LIMIT,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    application: str = "pcap-analyzer",
) -> Sliced:
    """Write the packets of a capture for which `filter` holds to `output`, a pcapng file; "-" is standard output.

    One flow: "flow_id == 7".  The file has its name only when it is whole.  flow_limit: as in analyze_capture.
    progress, cancelled: called at every batch.
    Raises FilterError for a wrong filter, CaptureError for what is no capture, ExportError where the slice cannot be
    written, Cancelled.
    """
    condition = parse(filter, PACKETS)
    source = open_source(path, cancelled=cancelled)
    began = time.perf_counter()
    heads = _Heads()
    needs_tcp = not SEGMENT_COLUMNS.isdisjoint(columns_of(condition))
    threads = threads or default_threads()
    with (
        scanning(source, threads, BATCH_ROWS, flow_limit, tcp_rows=needs_tcp, blocks=heads.note) as reader,
        landing_bytes(output) as write,
    ):
        copier = _Copier(reader, heads, write, application)
        packets = 0
        for found in _found(reader, condition):
            copier.copy(found)
            packets += len(found.offset)
            if progress is not None:
                seconds = time.perf_counter() - began
                progress(Progress(reader.scanner.rows, source.bytes_read, source.size_bytes, seconds))
            if cancelled is not None and cancelled():
                raise Cancelled(f"slicing {source.name} was cancelled at byte {reader.bytes_walked}")
        copier.end()
        return Sliced(packets, reader.scanner.rows, reader.damage)


class Found(NamedTuple):
    """Records of a step of the scan that match: where their frames lie, their lengths and interfaces.

    last_interface: of the last record of the step, whether it matches or not.
    """

    offset: memoryview
    captured: memoryview
    original: memoryview
    interface_id: memoryview
    last_interface: int

    def rows(self, begin: int, end: int) -> Found:
        """Some of them."""
        offset, captured, original, interface_id = (one[begin:end] for one in self[:4])
        return Found(offset, captured, original, interface_id, self.last_interface)


def _found(reader: CaptureReader, condition: Condition) -> Iterator[Found]:
    """The records for which a condition holds, step by step; what is yielded holds until the next."""
    native = matcher(condition)
    if native is not None:
        return _natively_found(reader, native)
    from pcap_analyzer.packet_stream import found_records  # noqa: PLC0415 - pyarrow takes 0.3 s

    return (Found(*one) for one in found_records(reader, condition))


def _natively_found(reader: CaptureReader, native: Matcher) -> Iterator[Found]:
    scanner = reader.scanner
    wide, narrow, octets = ("Q", 8), ("I", 4), ("B", 1)
    kinds = (wide, narrow, narrow, octets, wide, narrow, narrow, narrow)
    numbers = [memoryview(array(kind, bytes(size * BATCH_ROWS))) for kind, size in kinds]
    interface_at = PACKET_DTYPE["offsets"][PACKET_DTYPE["names"].index("interface_id")] - PACKET_DTYPE["itemsize"]
    for _ in reader.batches():
        scanner.batch_numbers(*numbers[:4])
        packets = memoryview(scanner.batch_packets())
        count = native.match(packets, scanner.batch_tcp(), *numbers)
        offset, captured, original, interface_id = (one[:count] for one in numbers[4:])
        (last,) = struct.unpack_from("<I", packets, len(packets) + interface_at)
        yield Found(offset, captured, original, interface_id, last)


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

    def copy(self, found: Found) -> None:
        """The records that match."""
        if self._reader.header is not None:
            self._copy_rows(found, 0, len(found.offset))
            return
        begin, firsts = 0, self._heads.firsts
        while begin < len(found.offset):
            # A section's records stand together, behind its head.
            section = bisect_right(firsts, found.interface_id[begin])
            end = len(found.offset)
            if section < len(firsts):
                end = bisect_left(found.interface_id, True, begin, key=firsts[section].__le__)
            self._describe(found.interface_id[end - 1])
            self._copy_rows(found, begin, end)
            begin = end
        self._describe(found.last_interface)

    def _describe(self, interface: int) -> None:
        """Write heads up to that of an interface, and what else its section has by now."""
        if interface > self._heads.interfaces:
            raise CaptureError(f"{self._reader.source.name} has too many blocks between packets to be sliced")
        waiting = self._heads.waiting
        while waiting and (self._described <= interface or waiting[0][0] != SECTION):
            kind, block = waiting.popleft()
            self._described += kind == INTERFACE
            if kind == SECTION:
                self._records.begin_pcapng(big_endian=block[8:12] == b"\x1a\x2b\x3c\x4d")
            self._write(block)

    def _copy_rows(self, found: Found, begin: int, end: int) -> None:
        if begin == end:
            return
        if not isinstance(self._reader.source, PlainSource):
            self._records.read_memory(self._reader.window.data, self._reader.window.offset)
        part = found.rows(begin, end)
        row = 0
        while row < end - begin:
            row, blocks = self._copied(part, row)
            self._write(blocks)
        self._records.release()

    def _copied(self, found: Found, row: int) -> tuple[int, memoryview | bytes]:
        """Blocks of the rows from `row` on, and the next row."""
        try:
            return self._records.copy(found.offset, found.captured, found.original, row)
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
