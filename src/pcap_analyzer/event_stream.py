"""The TCP events of a capture, batch by batch, as Arrow columns: the scanner stepped instead of run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pcap_analyzer._native.rows import tcp_event_layout
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.event_columns import Events, event_batch
from pcap_analyzer.schema import TCP_EVENTS, arrow_schema

event_layout: Any = tcp_event_layout()
EVENT = np.dtype(event_layout)


def event_schema(columns: tuple[str, ...] | None) -> pa.Schema:
    """The Arrow schema of the columns asked for. Raises KeyError for one that the table does not have."""
    return arrow_schema(TCP_EVENTS, columns)


def event_batches(reader: CaptureReader, columns: tuple[str, ...] | None, batch_size: int) -> Iterator[pa.RecordBatch]:
    """Every event, in the order of frames: batches of `batch_size` rows, but for the last."""
    for events in _filled(_found(reader), batch_size):
        yield event_batch(events, columns)


def _found(reader: CaptureReader) -> Iterator[Events]:
    """The events of each of the scanner's batches that has any."""
    for _ in reader.batches():
        count = reader.scanner.batch_event_count
        if count:
            events: Events = np.empty(count, EVENT)
            reader.scanner.batch_tcp_events(events.view(np.uint8))
            yield events


def _filled(parts: Iterator[Events], size: int) -> Iterator[Events]:
    """The same rows in arrays of `size`, but for the last: how a capture was scanned does not show."""
    held: list[Events] = []
    rows = 0
    for part in parts:
        held.append(part)
        rows += len(part)
        if rows < size:
            continue
        joined: Events = np.concatenate(held)
        whole = rows - rows % size
        for begin in range(0, whole, size):
            yield joined[begin : begin + size]
        held, rows = [joined[whole:].copy()], rows - whole
    if rows:
        yield np.concatenate(held)
