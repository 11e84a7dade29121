"""The packets of a capture, batch by batch, as Arrow columns: the scanner stepped instead of run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer._native.decode import EXTRA_SIZE, PACKET_DTYPE
from pcap_analyzer._native.fields import FieldSpreader
from pcap_analyzer._native.scan import Scanner
from pcap_analyzer.analysis.protocols import PathTexts
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.filters.syntax import Condition, columns_of
from pcap_analyzer.packet_columns import NONE, DecodedBatch, packet_batch
from pcap_analyzer.schema import PACKETS, arrow_schema

packet_layout: Any = PACKET_DTYPE
PACKET: Any = np.dtype(packet_layout)
EXTRA = np.dtype(
    {
        "names": ["outer_src", "outer_dst", "outer_version"],
        "formats": ["V16", "V16", "u1"],
        "offsets": [0, 16, 32],
        "itemsize": EXTRA_SIZE,
    }
)
MAX_STEP_ROWS = 65536
PATH_COLUMNS = frozenset({"tunnel", "protocols"})
EXTRA_COLUMNS = frozenset({"outer_src", "outer_dst"})
# tcp_row_t of native/batch.pxd
SEGMENT: Any = np.dtype(
    {
        "names": ["ack_rtt", "tcp_marks", "bytes_in_flight", "tcp_window", "judged"],
        "formats": ["<i8", "<u4", "<u4", "<u4", "u1"],
        "offsets": [0, 8, 12, 16, 20],
        "itemsize": 24,
    }
)


def packet_schema(columns: tuple[str, ...] | None) -> pa.Schema:
    """The Arrow schema of the columns asked for. Raises KeyError for one that the table does not have."""
    return arrow_schema(PACKETS, columns)


def packet_batches(reader: CaptureReader, columns: tuple[str, ...] | None, batch_size: int) -> Iterator[pa.RecordBatch]:
    """Every packet of the capture, in file order, in batches of at most `batch_size` rows.

    Of a pipe every step of the scan by itself, so that a slow one keeps none back. Otherwise as many as fit:
    a column costs some microseconds a batch, an address its text in every batch that it is in.
    """
    for batch in decoded_batches(reader, _fields_of(PACKETS.columns if columns is None else columns), batch_size):
        yield packet_batch(batch, columns)


def decoded_batches(reader: CaptureReader, fields: Sequence[str], batch_size: int) -> Iterator[DecodedBatch]:
    """The same, with these fields of packet_t as they are."""
    filling = reader.source.size_bytes is not None
    paths: list[tuple[str, ...]] = []
    group: _Group | None = None
    for rows in reader.batches():
        if group is not None and not group.has_room(rows):
            yield group.batch()
            group = None
        if group is None:
            group = _Group(fields, batch_size if filling else rows, paths)
        group.add(reader.scanner, rows)
        if not filling:
            yield group.batch()
            group = None
    if group is not None:
        yield group.batch()


def flow_batches(reader: CaptureReader, columns: tuple[str, ...] | None, flow_id: int) -> Iterator[pa.RecordBatch]:
    """The packets of one flow, in file order: a batch for each step of the scan in which it has any."""
    for batch in _steps(reader, columns is None or not PATH_COLUMNS.isdisjoint(columns), extras=True):
        rows = np.flatnonzero(batch.flow_id == flow_id)
        if len(rows):
            yield packet_batch(_rows_of(batch, rows), columns)


def _rows_of(batch: DecodedBatch, rows: NDArray[np.intp]) -> DecodedBatch:
    """Some rows of a step of the scan, whose records are whole."""
    assert isinstance(batch.packets, np.ndarray)
    assert isinstance(batch.segments, np.ndarray)
    return DecodedBatch(
        frame_number=batch.frame_number[rows],
        packets=batch.packets[rows],
        segments=batch.segments[rows],
        extras=batch.extras,
        paths=batch.paths,
        flow_id=batch.flow_id[rows],
        stream=batch.stream[rows],
        from_client=batch.from_client[rows],
    )


def _fields_of(columns: Sequence[str]) -> list[str]:
    """The fields of packet_t that columns are made of."""
    wanted = {"present", *columns, *(field for column in columns for field in MADE_OF.get(column, ()))}
    return [name for name in packet_layout["names"] if name in wanted]


MADE_OF = {
    **dict.fromkeys(("dscp", "ecn"), ("traffic_class",)),
    **dict.fromkeys(("src", "dst"), ("ip_version",)),
    **dict.fromkeys(("outer_src", "outer_dst"), ("extra",)),
    **dict.fromkeys(("tunnel", "protocols"), ("path",)),
    "tcp_window_raw": ("tcp_window",),
    "payload_length": ("decode_status", "transport_length"),
}
"""Fields of packet_t beside the one of the same name."""


class _Group:
    """Rows of several steps as one batch: each field an array, filled while the step is in cache."""

    def __init__(self, fields: Sequence[str], size: int, paths: list[tuple[str, ...]]) -> None:
        self._size, self._rows, self._paths = size, 0, paths
        self._packets = {name: np.empty(size, PACKET.fields[name][0]) for name in fields}
        self._segments = {name: np.empty(size, SEGMENT.fields[name][0]) for name in SEGMENT.names}
        self._packet_spreader = _spreader(PACKET, self._packets)
        self._segment_spreader = _spreader(SEGMENT, self._segments)
        self._frame_number, self._flow_id = np.empty(size, np.uint64), np.empty(size, np.uint32)
        self._stream, self._from_client = np.empty(size, np.uint32), np.empty(size, np.uint8)
        self._extras: list[NDArray[np.void]] = []
        self._extra_count = 0

    def has_room(self, rows: int) -> bool:
        return self._rows + rows <= self._size

    def add(self, scanner: Scanner, rows: int) -> None:
        """What the scanner handled last."""
        begin, end = self._rows, self._rows + rows
        self._rows = end
        self._paths += PathTexts(scanner)[len(self._paths) :]
        extras = np.frombuffer(scanner.batch_extras(), EXTRA)  # first: it makes the rows point into it
        scanner.batch_numbers(
            self._frame_number[begin:end],
            self._flow_id[begin:end],
            self._stream[begin:end],
            self._from_client[begin:end],
        )
        self._packet_spreader.add(scanner.batch_packets())
        self._segment_spreader.add(scanner.batch_tcp())
        if len(extras) and "extra" in self._packets:
            extra = self._packets["extra"][begin:end]
            extra[extra != NONE] += self._extra_count
            self._extras.append(extras)
            self._extra_count += len(extras)

    def batch(self) -> DecodedBatch:
        rows = self._rows
        return DecodedBatch(
            frame_number=self._frame_number[:rows],
            packets={name: values[:rows] for name, values in self._packets.items()},
            segments={name: values[:rows] for name, values in self._segments.items()},
            extras=np.concatenate(self._extras) if self._extras else np.empty(0, EXTRA),
            paths=self._paths,
            flow_id=self._flow_id[:rows],
            stream=self._stream[:rows],
            from_client=self._from_client[:rows],
        )


def _spreader(record: Any, arrays: dict[str, NDArray[Any]]) -> FieldSpreader:
    """What fills one array a field."""
    fields = [(record.fields[name][1], record.fields[name][0].itemsize, array) for name, array in arrays.items()]
    return FieldSpreader(record.itemsize, [(at, size, array.view(np.uint8)) for at, size, array in fields])


FoundRecords = tuple[memoryview, memoryview, memoryview, memoryview, int]


def found_records(reader: CaptureReader, condition: Condition) -> Iterator[FoundRecords]:
    """Offsets, captured and original lengths and interfaces of the records for which a condition holds, step by step.

    With the interface of the last record of each step. Any column may stand in the condition.
    """
    from pcap_analyzer.filters.compiled import compiled  # noqa: PLC0415 - Arrow's functions take a while to import

    keep, names = compiled(condition), columns_of(condition)
    columns = tuple(name for name in PACKETS.columns if name in names)
    for packets, batch in _columns_of_steps(reader, columns):
        rows = keep(batch).fill_null(False).to_numpy(zero_copy_only=False)
        offset, captured, original, interface = (
            np.ascontiguousarray(packets[name][rows]).data
            for name in ("offset", "captured_length", "original_length", "interface_id")
        )
        yield offset, captured, original, interface, int(packets["interface_id"][-1])


def _columns_of_steps(
    reader: CaptureReader, columns: tuple[str, ...]
) -> Iterator[tuple[NDArray[np.void], pa.RecordBatch]]:
    """Every packet of the capture, in file order, as the scanner comes to it; nothing is copied but the columns."""
    paths, extras = not PATH_COLUMNS.isdisjoint(columns), not EXTRA_COLUMNS.isdisjoint(columns)
    for batch in _steps(reader, paths, extras=extras):
        assert isinstance(batch.packets, np.ndarray)
        yield batch.packets, packet_batch(batch, columns)


def _steps(reader: CaptureReader, with_paths: bool, *, extras: bool) -> Iterator[DecodedBatch]:
    """What the scanner handled last, step by step; a step's records hold until the next."""
    paths: list[tuple[str, ...]] = []
    scanner = reader.scanner
    frame_number, flow_id = np.empty(MAX_STEP_ROWS, np.uint64), np.empty(MAX_STEP_ROWS, np.uint32)
    stream, from_client = np.empty(MAX_STEP_ROWS, np.uint32), np.empty(MAX_STEP_ROWS, np.uint8)
    for rows in reader.batches():
        if with_paths:
            paths += PathTexts(scanner)[len(paths) :]
        found = np.frombuffer(scanner.batch_extras() if extras else b"", EXTRA)  # makes the rows point into it
        scanner.batch_numbers(frame_number, flow_id, stream, from_client)
        yield DecodedBatch(
            frame_number=frame_number[:rows],
            packets=np.frombuffer(scanner.batch_packets(), PACKET),
            segments=np.frombuffer(scanner.batch_tcp(), SEGMENT),
            extras=found,
            paths=paths,
            flow_id=flow_id[:rows],
            stream=stream[:rows],
            from_client=from_client[:rows],
        )
