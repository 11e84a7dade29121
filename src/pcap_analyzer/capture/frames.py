"""Frames of a plain file, found again by their numbers when the scan is over.

The scanner notes where each of its windows began. From there the few records that somebody asks for are walked and
decoded once more: what they show was judged already, so a file that was changed meanwhile gives less, never an error.
"""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from pcap_analyzer.capture.pcap import PcapHeader
from pcap_analyzer.capture.reader import CaptureReader, ReadFile
from pcap_analyzer.capture.source import PlainSource

MAX_WINDOW_BYTES = 64 << 20  # a window is longer only where a giant record made it so
MAX_INTERFACES = 100_000
KEPT_WINDOWS = 4
NANO = 10**9
MAX_OFFSET_S = 2 * NANO

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 0x0A0D0D0A, 1, 2, 3, 6
NUMBERED = {9, 0x204, 0x216, 0x00000BAD, 0x40000BAD}
"""Blocks that are no packets and still take a frame number, see takes_number in native/walk.pxd."""


class Waypoint(NamedTuple):
    """Where a window of the file begins: offset, and what was numbered and begun before it."""

    offset: int
    frames: int
    sections: int
    big_endian: bool


class InterfaceClock(NamedTuple):
    """What a packet block needs of its interface."""

    section: int
    link_type: int
    snap_length: int
    ticks: int
    binary: bool
    offset_s: int
    packets: int


class Record(NamedTuple):
    """One record. offset: of the frame in its window.  time_ns: None without one."""

    number: int
    offset: int
    captured: int
    original: int
    link_type: int
    time_ns: int | None


class Frames:
    """Frames of one file by number; numbers begin with 1, as in Wireshark.

    descriptor: of the open file; a copy is kept.  end: where the walk ended.  header: of pcap; None: pcapng.
    """

    def __init__(
        self,
        descriptor: int,
        waypoints: Sequence[Waypoint],
        end: int,
        header: PcapHeader | None,
        interfaces: Sequence[InterfaceClock],
    ) -> None:
        self._descriptor = os.dup(descriptor)
        self._waypoints = waypoints
        self._before = [waypoint.frames for waypoint in waypoints]
        self._end = end
        self._header = header
        self._interfaces = interfaces
        self._window = lru_cache(KEPT_WINDOWS)(self._read)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def decoded(self, first: int, last: int) -> Iterator[tuple[Record, bytes]]:
        """Every packet from frame `first` to `last` with its packet_t (native/packet.pxd), in order."""
        at = max(0, bisect_right(self._before, max(0, first - 1)) - 1)
        while at < len(self._waypoints) and self._before[at] < last:
            data = self._window(at)
            yield from _decoded(data, list(self._records(data, self._waypoints[at], first, last)))
            at += 1

    def _records(self, data: bytes, waypoint: Waypoint, first: int, last: int) -> Iterator[Record]:
        if self._header is not None:
            return _pcap_records(data, waypoint.frames, self._header, first, last)
        return _Blocks(data, waypoint, self._interfaces).records(first, last)

    def _read(self, at: int) -> bytes:
        """The bytes of the window that begins at a waypoint."""
        offset = self._waypoints[at].offset
        end = self._waypoints[at + 1].offset if at + 1 < len(self._waypoints) else self._end
        if not 0 <= end - offset <= MAX_WINDOW_BYTES:
            return b""
        try:
            return os.pread(self._descriptor, end - offset, offset)
        except OSError:
            return b""


class JoinedFrames:
    """Frames of the files of a recording, which are numbered over all of them."""

    def __init__(self, parts: Sequence[Frames]) -> None:
        self._parts = parts

    def decoded(self, first: int, last: int) -> Iterator[tuple[Record, bytes]]:
        """See Frames."""
        for part in self._parts:
            yield from part.decoded(first, last)


def frames_of(reader: CaptureReader) -> Frames | JoinedFrames | None:
    """Those of a scan that is over; None where the capture cannot be read twice: a pipe, a compressed stream.

    Of a recording those of its plain files, up to a number that may stay open.
    """
    files = list(reader.read_files)
    if isinstance(reader.part, PlainSource):
        waypoints = reader.scanner.waypoints()
        files.append(ReadFile(reader.part.descriptor, waypoints, reader.bytes_walked, reader.header))
    if not files:
        return None
    described = [] if reader.header is not None else reader.scanner.interfaces(MAX_INTERFACES)
    interfaces = [InterfaceClock(*one) for one in described]
    parts = [
        Frames(one.descriptor, [Waypoint(*place) for place in one.waypoints], one.end, one.header, interfaces)
        for one in files
    ]
    return parts[0] if len(parts) == 1 else JoinedFrames(parts)


def _decoded(data: bytes, records: list[Record]) -> Iterator[tuple[Record, bytes]]:
    from pcap_analyzer._native.decode import EXTRA_SIZE, PACKET_DTYPE, Paths, decode_frames  # noqa: PLC0415

    if not records:
        return
    size = PACKET_DTYPE["itemsize"]
    # Of array: 8-byte words, because the decoder wants its records aligned.
    packets = memoryview(array("Q", bytes(size * len(records)))).cast("B")
    decode_frames(
        memoryview(data),
        array("Q", [record.offset for record in records]),
        array("I", [record.captured for record in records]),
        array("I", [record.original for record in records]),
        array("H", [record.link_type for record in records]),
        packets,
        memoryview(array("Q", bytes(-(-EXTRA_SIZE // 8) * 8 * len(records)))).cast("B"),
        Paths(),
    )
    decoded = packets.tobytes()
    for row, record in enumerate(records):
        yield record, decoded[row * size : (row + 1) * size]


def _pcap_records(data: bytes, number: int, header: PcapHeader, first: int, last: int) -> Iterator[Record]:
    """See step_pcap in native/walk.pxd."""
    from pcap_analyzer._native.decode import skip_pcap_records  # noqa: PLC0415

    order = ">" if header.big_endian else "<"
    pair = struct.Struct(f"{order}2I").unpack_from
    end, length = len(data) - header.record_header, header.record_header
    before = max(0, first - 1 - number)
    at, skipped = skip_pcap_records(data, 0, before, header.big_endian, length, header.swapped_lengths)
    if skipped < before:
        return
    number += skipped
    while at <= end and number < last:
        captured, original = pair(data, at + 8)
        if header.swapped_lengths == 1 or (header.swapped_lengths and captured > original):
            captured, original = original, captured
        start = at
        at += length
        if captured > len(data) - at:
            return
        number += 1
        seconds, fraction = pair(data, start)
        time = seconds * NANO + fraction * header.tick_ns
        yield Record(number, at, captured, original, header.link_type, time)
        at += captured


class _Blocks:
    """The blocks of a pcapng window. See step_pcapng in native/walk.pxd, which checked them all before."""

    def __init__(self, data: bytes, waypoint: Waypoint, interfaces: Sequence[InterfaceClock]) -> None:
        self._data = data
        self._number = waypoint.frames
        self._section = waypoint.sections - 1
        self._order = ">" if waypoint.big_endian else "<"
        self._interfaces = interfaces
        self._firsts = [interface.section for interface in interfaces]

    def records(self, first: int, last: int) -> Iterator[Record]:
        data, at, size = self._data, 0, len(self._data)
        while size - at >= 12 and self._number < last:
            if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
                self._section += 1
                self._order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            kind, length = struct.unpack_from(f"{self._order}II", data, at)
            padded = (length + 3) & ~3
            if padded < 12 or padded > size - at:
                return
            if kind in NUMBERED:
                self._number += 1
            elif kind in (PACKET, OLD_PACKET, SIMPLE_PACKET):
                self._number += 1
                if self._number >= first and (record := self._record(kind, at, padded)) is not None:
                    yield record
            at += padded

    def _record(self, kind: int, at: int, padded: int) -> Record | None:
        if padded < (16 if kind == SIMPLE_PACKET else 32):
            return None
        if kind == SIMPLE_PACKET:
            (original,) = struct.unpack_from(f"{self._order}I", self._data, at + 8)
            number, high, low, start = 0, None, 0, at + 12
            interface = self._interface(0)
            captured = original
            if interface is not None and 0 < interface.snap_length < captured:
                captured = interface.snap_length
        else:
            wide = kind == PACKET
            number, high, low, captured, original = struct.unpack_from(
                f"{self._order}{'I' if wide else 'Hxx'}4I", self._data, at + 8
            )
            start = at + 28
            interface = self._interface(number)
        if interface is None or captured > at + padded - 4 - start:
            return None
        time = None if high is None else _time_ns(interface, high << 32 | low)
        return Record(self._number, start, captured, original, interface.link_type, time)

    def _interface(self, number: int) -> InterfaceClock | None:
        """By its number in the section."""
        at = bisect_right(self._firsts, self._section - 1) + number
        found = self._interfaces[at] if at < len(self._interfaces) else None
        return found if found is not None and found.section == self._section else None


def _time_ns(interface: InterfaceClock, ticks: int) -> int | None:
    """See to_ns in native/walk.pxd."""
    ns = ticks * NANO >> interface.ticks if interface.binary else ticks * NANO // max(interface.ticks, 1)
    shifted = ns + interface.offset_s * NANO
    if ns >= 1 << 63 or shifted >= 1 << 63 or abs(interface.offset_s) >= MAX_OFFSET_S:
        return None
    return shifted
