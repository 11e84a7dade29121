"""The packets of a capture, batch by batch, as Arrow columns: the scanner stepped instead of run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer._native.decode import EXTRA_SIZE, PACKET_DTYPE
from pcap_analyzer.analysis.protocols import path_text
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.filters.compiled import compiled
from pcap_analyzer.filters.syntax import Condition, columns_of
from pcap_analyzer.packet_columns import NONE, DecodedBatch, packet_batch
from pcap_analyzer.schema import PACKETS, arrow_schema

packet_layout: Any = PACKET_DTYPE
PACKET = np.dtype(packet_layout)
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
SEGMENT = np.dtype(
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
    """Every packet of the capture, in file order, in batches of at most `batch_size` rows."""
    paths: list[tuple[str, ...]] = []
    for parts in _filled(_steps(reader, paths), 0 if reader.source.size_bytes is None else batch_size):
        yield packet_batch(_joined(parts), columns)


FoundRecords = tuple[memoryview, memoryview, memoryview, memoryview, int]


def found_records(reader: CaptureReader, condition: Condition) -> Iterator[FoundRecords]:
    """Offsets, captured and original lengths and interfaces of the records for which a condition holds, step by step.

    With the interface of the last record of each step. Any column may stand in the condition.
    """
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
    paths: list[tuple[str, ...]] = []
    scanner = reader.scanner
    frame_number, flow_id = np.empty(MAX_STEP_ROWS, np.uint64), np.empty(MAX_STEP_ROWS, np.uint32)
    stream, from_client = np.empty(MAX_STEP_ROWS, np.uint32), np.empty(MAX_STEP_ROWS, np.uint8)
    for rows in reader.batches():
        if not PATH_COLUMNS.isdisjoint(columns):
            steps = scanner.path_steps()
            paths.extend(path_text(one) for one in steps[len(paths) :])
        extras = np.frombuffer(scanner.batch_extras() if not EXTRA_COLUMNS.isdisjoint(columns) else b"", EXTRA)
        scanner.batch_numbers(frame_number, flow_id, stream, from_client)
        packets = np.frombuffer(scanner.batch_packets(), PACKET)
        segments = np.frombuffer(scanner.batch_tcp(), SEGMENT)
        batch = DecodedBatch(
            frame_number=frame_number[:rows],
            packets=packets,
            segments=segments,
            extras=extras,
            paths=paths,
            flow_id=flow_id[:rows],
            stream=stream[:rows],
            from_client=from_client[:rows],
        )
        yield packets, packet_batch(batch, columns)


def _steps(reader: CaptureReader, paths: list[tuple[str, ...]]) -> Iterator[DecodedBatch]:
    """The scanner's batches as they come: a window of the file each, a thousand packets or two."""
    for rows in reader.batches():
        steps = reader.scanner.path_steps()
        paths.extend(path_text(one) for one in steps[len(paths) :])
        yield _decoded(reader, rows, paths)


def _filled(steps: Iterator[DecodedBatch], size: int) -> Iterator[list[DecodedBatch]]:
    """As many as fit into `size` rows; size 0: each by itself, so that a slow pipe's packets are not kept back.

    Measured: a column costs some microseconds a batch, an address its text in every batch that it is in.
    """
    held: list[DecodedBatch] = []
    rows = 0
    for step in steps:
        if held and rows + len(step.packets) > size:
            yield held
            held, rows = [], 0
        held.append(step)
        rows += len(step.packets)
    if held:
        yield held


def _joined(parts: list[DecodedBatch]) -> DecodedBatch:
    """One batch of several; what points into extras points into the joined ones."""
    if len(parts) == 1:
        return parts[0]
    before = 0
    for part in parts:
        extra = part.packets["extra"]
        extra[extra != NONE] += before
        before += len(part.extras)
    return DecodedBatch(
        frame_number=np.concatenate([part.frame_number for part in parts]),
        packets=_records([part.packets for part in parts]),
        segments=_records([part.segments for part in parts]),
        extras=_records([part.extras for part in parts]),
        paths=parts[-1].paths,
        flow_id=np.concatenate([part.flow_id for part in parts]),
        stream=np.concatenate([part.stream for part in parts]),
        from_client=np.concatenate([part.from_client for part in parts]),
    )


def _records(parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Records behind each other, copied as bytes: numpy would copy them field by field."""
    octets = np.concatenate([np.ascontiguousarray(part).view(np.uint8) for part in parts])
    return octets.view(parts[0].dtype)


def _decoded(reader: CaptureReader, rows: int, paths: list[tuple[str, ...]]) -> DecodedBatch:
    """The scanner's batch, copied out: its memory is used again for the next."""
    scanner = reader.scanner
    frame_number, flow_id = np.empty(rows, np.uint64), np.empty(rows, np.uint32)
    stream, from_client = np.empty(rows, np.uint32), np.empty(rows, np.uint8)
    extras = np.frombuffer(scanner.batch_extras(), EXTRA)  # first: it makes the rows point into it
    scanner.batch_numbers(frame_number, flow_id, stream, from_client)
    return DecodedBatch(
        frame_number=frame_number,
        packets=np.frombuffer(scanner.batch_packets(), PACKET).copy(),
        segments=np.frombuffer(scanner.batch_tcp(), SEGMENT).copy(),
        extras=extras,
        paths=paths,
        flow_id=flow_id,
        stream=stream,
        from_client=from_client,
    )
