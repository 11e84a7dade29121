"""Frames of a plain file, found again by their numbers when the scan is over.

The scanner notes waypoints (native/waypoints.pxd). From the last one before them the few records that somebody asks for
are walked and decoded once more: what they show was judged already, so a file that was changed meanwhile gives less,
never an error.
"""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import msgspec

from pcap_analyzer.capture.pcap import PcapHeader
from pcap_analyzer.capture.reader import CaptureReader, ReadFile
from pcap_analyzer.capture.source import PlainSource

if TYPE_CHECKING:
    from pcap_analyzer._native.decode import Paths

MAX_STRETCH_BYTES = 64 << 20  # longer only where a giant record made it so
MAX_INTERFACES = 100_000
KEPT_STRETCHES = 4
NANO = 10**9
MAX_OFFSET_S = 2 * NANO

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 0x0A0D0D0A, 1, 2, 3, 6
NUMBERED = {9, 0x204, 0x216, 0x00000BAD, 0x40000BAD}
"""Blocks that are no packets and still take a frame number, see takes_number in native/walk.pxd."""


class Waypoint(msgspec.Struct, frozen=True):
    """Where a stretch of the file begins: offset, and what was numbered and begun before it."""

    offset: int
    frames: int
    sections: int
    big_endian: int


WAYPOINT = struct.Struct("=QQII")  # waypoint_t of native/waypoints.pxd, as the scanner keeps them


class InterfaceClock(msgspec.Struct, frozen=True):
    """What a packet block needs of its interface."""

    section: int
    link_type: int
    snap_length: int
    ticks: int
    binary: bool
    offset_s: int
    packets: int


class Record(msgspec.Struct, frozen=True):
    """One record. offset: of the frame in its stretch.  time_ns: None without one."""

    number: int
    offset: int
    captured: int
    original: int
    link_type: int
    time_ns: int | None


class Records(msgspec.Struct, frozen=True):
    """Some records of a stretch, as the decoder wants them: offset, captured, original, link_type. record: one of them,
    by its place.
    """

    offset: array[int]
    captured: array[int]
    original: array[int]
    link_type: array[int]
    record: Callable[[int], Record]


class Frames:
    """Frames of one file by number; numbers begin with 1, as in Wireshark.

    descriptor: of the open file; a copy is kept.  waypoints: see Scanner.  end: where the walk ended.  header: of pcap;
    None: pcapng.
    """

    def __init__(
        self,
        descriptor: int,
        waypoints: bytes,
        end: int,
        header: PcapHeader | None,
        interfaces: Sequence[InterfaceClock],
    ) -> None:
        self._descriptor = os.dup(descriptor)
        self._waypoints = waypoints
        self._before = memoryview(waypoints).cast("Q")[1 :: WAYPOINT.size // 8]
        self._end = end
        self._header = header
        self._interfaces = interfaces
        self._stretch = lru_cache(KEPT_STRETCHES)(self._read)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def holding(self, first: int, last: int, at: int, wanted: Sequence[bytes]) -> Iterator[tuple[Record, bytes]]:
        """Packets from frame `first` to `last` with their packet_t (native/packet.pxd), in order.

        at, wanted: only those with one of these texts at this place of their packet_t.
        """
        number = max(0, bisect_right(self._before, max(0, first - 1)) - 1)
        while number < len(self._before) and self._before[number] < last:
            data = self._stretch(number)
            yield from _holding(data, self._records(data, self._waypoint(number), first, last), at, wanted)
            number += 1

    def _records(self, data: bytes, waypoint: Waypoint, first: int, last: int) -> Records:
        if self._header is not None:
            return _pcap_records(data, waypoint.frames, self._header, first, last)
        return _listed(list(_Blocks(data, waypoint, self._interfaces).records(first, last)))

    def _waypoint(self, at: int) -> Waypoint:
        return Waypoint(*WAYPOINT.unpack_from(self._waypoints, at * WAYPOINT.size))

    def _read(self, at: int) -> bytes:
        """The bytes of the stretch that begins at a waypoint."""
        offset = self._waypoint(at).offset
        end = self._waypoint(at + 1).offset if at + 1 < len(self._before) else self._end
        if not 0 <= end - offset <= MAX_STRETCH_BYTES:
            return b""
        try:
            return os.pread(self._descriptor, end - offset, offset)
        except OSError:
            return b""


class JoinedFrames:
    """Frames of the files of a recording, which are numbered over all of them."""

    def __init__(self, parts: Sequence[Frames]) -> None:
        self._parts = parts

    def holding(self, first: int, last: int, at: int, wanted: Sequence[bytes]) -> Iterator[tuple[Record, bytes]]:
        """See Frames."""
        for part in self._parts:
            yield from part.holding(first, last, at, wanted)


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
    parts = [Frames(one.descriptor, one.waypoints, one.end, one.header, interfaces) for one in files]
    return parts[0] if len(parts) == 1 else JoinedFrames(parts)


def _holding(data: bytes, records: Records, at: int, wanted: Sequence[bytes]) -> Iterator[tuple[Record, bytes]]:
    """See Frames.holding."""
    from pcap_analyzer._native.decode import find_frames  # noqa: PLC0415

    frames = records.offset, records.captured, records.original, records.link_type
    for row, packet in find_frames(data, *frames, at, wanted, _paths()):
        yield records.record(row), packet


@cache
def _paths() -> Paths:
    """Protocol paths that nobody asks for; to make them anew for each stretch costs more than to decode it."""
    from pcap_analyzer._native.decode import Paths  # noqa: PLC0415

    return Paths()


def _listed(records: Sequence[Record]) -> Records:
    return Records(
        array("Q", [record.offset for record in records]),
        array("I", [record.captured for record in records]),
        array("I", [record.original for record in records]),
        array("H", [record.link_type for record in records]),
        records.__getitem__,
    )


def _pcap_records(data: bytes, number: int, header: PcapHeader, first: int, last: int) -> Records:
    """See step_pcap in native/walk.pxd."""
    from pcap_analyzer._native.decode import find_pcap_records, skip_pcap_records  # noqa: PLC0415

    length, big_endian, swapped = header.record_header, header.big_endian, header.swapped_lengths
    before = max(0, first - 1 - number)
    at, skipped = skip_pcap_records(data, 0, before, big_endian, length, swapped)
    number += skipped
    most = max(0, last - number) if skipped == before else 0
    _, most = skip_pcap_records(data, at, most, big_endian, length, swapped)
    offset, captured, original = (array(kind, bytes(most * array(kind).itemsize)) for kind in "QII")
    found = find_pcap_records(data, at, big_endian, length, swapped, offset, captured, original)
    pair = struct.Struct(f"{'>' if big_endian else '<'}2I").unpack_from

    def record(row: int) -> Record:
        seconds, fraction = pair(data, offset[row] - length)
        time = seconds * NANO + fraction * header.tick_ns
        return Record(number + row + 1, offset[row], captured[row], original[row], header.link_type, time)

    link_type = array("H", [header.link_type]) * found
    return Records(offset[:found], captured[:found], original[:found], link_type, record)


class _Blocks:
    """The blocks of a stretch of pcapng. See step_pcapng in native/walk.pxd, which checked them all before."""

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
