"""The packets of a capture, batch by batch, as Arrow columns: the scanner stepped instead of run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pcap_analyzer._native.decode import EXTRA_SIZE, PACKET_DTYPE
from pcap_analyzer.analysis.protocols import path_text
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.packet_columns import DecodedBatch, packet_batch
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


def packet_batches(reader: CaptureReader, columns: tuple[str, ...] | None) -> Iterator[pa.RecordBatch]:
    """Every packet of the capture, in file order."""
    paths: list[tuple[str, ...]] = []
    for rows in reader.batches():
        steps = reader.scanner.path_steps()
        paths.extend(path_text(one) for one in steps[len(paths) :])
        yield packet_batch(_decoded(reader, rows, paths), columns)


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
