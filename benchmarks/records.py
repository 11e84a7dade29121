"""Capture files, many records at a time: frames out of a pool, joined, then patched in place.

Joining ready-made records is one memory copy; the few fields that make packets differ (time, addresses, ports,
sequence numbers) are written over it by vectorised stores. So the writer runs at about the speed of the page cache.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Format = Literal["pcap", "pcap-ns", "pcapng"]

PCAP_MAGIC = {"pcap": 0xA1B2C3D4, "pcap-ns": 0xA1B23C4D}
SNAP_LENGTH = 262144
EPB_HEADER, EPB_TRAILER = 28, 4


class Frame(NamedTuple):
    """One frame of the pool. original_length: on the wire, None where nothing was cut."""

    data: bytes
    original_length: int | None = None
    interface: int = 0


class Interface(NamedTuple):
    """A pcapng interface. resolution: the byte of if_tsresol (9: nanoseconds; bit 7: a power of two)."""

    link_type: int = 1
    resolution: int = 9


class Patch(NamedTuple):
    """Values for some packets of a batch, stored big-endian.

    offset: bytes from the start of the frame, one for all or (n,).  values: (n,).
    rows: (n,) packets of the batch in question; None means all.
    """

    offset: int | NDArray[np.integer]
    values: NDArray[np.integer]
    width: Literal[2, 4] = 4
    rows: Int64 | None = None


class Batch(NamedTuple):
    """Packets in file order. frame: (n,) index into the pool.  time_ns: (n,) since 1970."""

    frame: Int64
    time_ns: Int64
    patches: Sequence[Patch] = ()


@dataclass
class Written:
    """What the file holds so far. Times are rounded down to what the format can say."""

    packets: int = 0
    frame_bytes: int = 0
    captured_bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def add(self, original: Int64, captured: Int64, time_ns: Int64) -> None:
        """Count one batch."""
        if not len(time_ns):
            return
        self.packets += len(time_ns)
        self.frame_bytes += int(original.sum())
        self.captured_bytes += int(captured.sum())
        self.first_ns = int(time_ns[0]) if self.first_ns is None else self.first_ns
        self.last_ns = int(time_ns[-1])


class CaptureWriter:
    """Writes the file header at once, then batch after batch."""

    def __init__(
        self,
        file: BinaryIO,
        file_format: Format,
        frames: Sequence[Frame],
        interfaces: Sequence[Interface] = (Interface(),),
    ) -> None:
        self.written = Written()
        self._file = file
        self._is_pcapng = file_format == "pcapng"
        self._interfaces = interfaces
        self._unit_ns = 1000 if file_format == "pcap" else 1
        self._time_at, self._frame_at = (12, EPB_HEADER) if self._is_pcapng else (0, 16)
        make = _enhanced_packet_block if self._is_pcapng else _pcap_record
        self._records = [make(frame) for frame in frames]
        self._size = np.array([len(record) for record in self._records], np.int64)
        self._captured = np.array([len(frame.data) for frame in frames], np.int64)
        self._original = np.array([_original_length(frame) for frame in frames], np.int64)
        self._interface = np.array([frame.interface for frame in frames], np.int64)
        file.write(_section(interfaces) if self._is_pcapng else _pcap_header(file_format))

    def write(self, batch: Batch) -> None:
        """Append the packets of `batch`."""
        time_ns = batch.time_ns - batch.time_ns % self._unit_ns
        size = self._size[batch.frame]
        start = np.cumsum(size) - size
        buffer = bytearray().join(map(self._records.__getitem__, batch.frame.tolist()))
        high, low = self._clock(batch.frame, time_ns)
        _store(buffer, start + self._time_at, high.astype("<u4"))
        _store(buffer, start + self._time_at + 4, low.astype("<u4"))
        frame_start = start + self._frame_at
        for patch in batch.patches:
            at = frame_start if patch.rows is None else frame_start[patch.rows]
            _store(buffer, at + patch.offset, _big_endian(patch.values, patch.width))
        self._file.write(buffer)
        self.written.add(self._original[batch.frame], self._captured[batch.frame], time_ns)

    def _clock(self, frame: Int64, time_ns: Int64) -> tuple[Int64, Int64]:
        """The two 32-bit words of each record's time."""
        seconds, rest = np.divmod(time_ns, 1_000_000_000)
        if not self._is_pcapng:
            return seconds, rest // self._unit_ns
        ticks = np.empty_like(time_ns)
        interface = self._interface[frame]
        for number, (_, resolution) in enumerate(self._interfaces):
            mine = interface == number
            ticks[mine] = _ticks(seconds[mine], rest[mine], resolution)
        return ticks >> 32, ticks & 0xFFFFFFFF


def _ticks(seconds: Int64, rest_ns: Int64, resolution: int) -> Int64:
    """Time in units of an interface's if_tsresol."""
    if resolution & 0x80:
        bits = resolution & 0x7F
        return (seconds << bits) + (rest_ns << bits) // 1_000_000_000
    ticks: Int64 = seconds * 10**resolution + rest_ns // 10 ** (9 - resolution)
    return ticks


def _big_endian(values: NDArray[np.integer], width: int) -> NDArray[np.integer]:
    """The values' low bytes, swapped, under a little-endian type: numpy stores its own byte order fastest."""
    return values.astype(np.uint32).byteswap() if width == 4 else values.astype(np.uint16).byteswap()


def _store(buffer: bytearray, at: Int64, values: NDArray[np.integer]) -> None:
    """Put each value at its byte offset, aligned or not, in values' own byte order."""
    if len(at):
        view = np.ndarray((len(buffer) - values.itemsize + 1,), values.dtype, buffer, 0, (1,))
        view[at] = values


def _original_length(frame: Frame) -> int:
    return len(frame.data) if frame.original_length is None else frame.original_length


def _pcap_record(frame: Frame) -> bytes:
    return struct.pack("<IIII", 0, 0, len(frame.data), _original_length(frame)) + frame.data


def _enhanced_packet_block(frame: Frame) -> bytes:
    padding = bytes(-len(frame.data) % 4)
    length = EPB_HEADER + len(frame.data) + len(padding) + EPB_TRAILER
    lengths = len(frame.data), _original_length(frame)
    head = struct.pack("<IIIIIII", 6, length, frame.interface, 0, 0, *lengths)
    return head + frame.data + padding + struct.pack("<I", length)


def _pcap_header(file_format: Format) -> bytes:
    return struct.pack("<IHHiIII", PCAP_MAGIC[file_format], 2, 4, 0, 0, SNAP_LENGTH, 1)


def _section(interfaces: Iterable[Interface]) -> bytes:
    """A section header block and one description block for each interface."""
    blocks = [struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)]
    for link_type, resolution in interfaces:
        options = struct.pack("<HHB3xHH", 9, 1, resolution, 0, 0)
        length = 20 + len(options)
        head = struct.pack("<IIHHI", 1, length, link_type, 0, SNAP_LENGTH)
        blocks.append(head + options + struct.pack("<I", length))
    return b"".join(blocks)
