"""The small tables of an Analysis as Arrow: protocols, intervals, interfaces, capture.

What a row means stands in schema.py. Imports pyarrow: only who asks for tables comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pcap_analyzer.analysis.interfaces import Rows
from pcap_analyzer.analysis.model import Analysis, Interface, Intervals
from pcap_analyzer.schema import INTERFACES, TABLES, arrow_schema, names_of

Columns = Mapping[str, Any]


def summary_table(analysis: Analysis, name: str, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
    """One of SUMMARIES as a stream. Raises KeyError for another table, or a column that it does not have."""
    made = SUMMARIES[name](analysis)
    schema = arrow_schema(TABLES[name], names_of(columns))
    arrays = [pa.array(made[field.name], field.type) for field in schema]
    return pa.RecordBatchReader.from_batches(schema, [pa.RecordBatch.from_arrays(arrays, schema=schema)])


def _attributes(rows: Sequence[Any], *names: str) -> dict[str, list[Any]]:
    """Columns that are simply the attributes of these names."""
    return {name: [getattr(row, name) for row in rows] for name in names}


def _protocols(analysis: Analysis) -> Columns:
    rows = analysis.protocols
    return {"path": [":".join(row.path) for row in rows], **_attributes(rows, "packets", "bytes")}


def _intervals(analysis: Analysis) -> Columns:
    found: Intervals = analysis.intervals
    count = len(found.packets)
    return {
        "start": pa.array(found.start_ns + found.width_ns * np.arange(count, dtype=np.int64)),
        "packets": found.packets,
        "bytes": found.bytes,
        "payload_bytes": found.payload,
        "tcp_bytes": found.tcp_bytes,
        "udp_bytes": found.udp_bytes,
        "other_bytes": found.other_bytes,
        "retransmissions": [None] * count if found.tcp is None else found.tcp.retransmissions,
    }


def interface_table(rows: Rows, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
    """The table `interfaces`, a batch of its rows at a time."""
    schema = arrow_schema(INTERFACES, names_of(columns))

    def batches() -> Iterator[pa.RecordBatch]:
        first = 0
        while found := rows(first, batch_size):
            made = _interfaces(found)
            arrays = [pa.array(made[field.name], field.type) for field in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            first += len(found)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _interfaces(rows: Sequence[Interface]) -> Columns:
    same = ("section", "name", "description", "link_type", "resolution", "packets", "received", "dropped")
    return {
        "interface_id": [row.id for row in rows],
        "snap_length": [row.snap_length or None for row in rows],
        **_attributes(rows, *same),
    }


def _capture(analysis: Analysis) -> Columns:
    capture, quality = analysis.capture, analysis.quality
    known = capture.first_ns is not None and capture.last_ns is not None
    return {
        "size": [analysis.source.size_bytes],
        "first_seen": [capture.first_ns],
        "last_seen": [capture.last_ns],
        "duration": [(capture.last_ns or 0) - (capture.first_ns or 0) if known else None],
        **_attributes([capture], "format", "variant", "packets", "bytes", "captured_bytes"),
        **_attributes([quality], "cut_packets", "truncated", "malformed", "unsupported", "dropped"),
        **_attributes([quality], "backward_time", "one_sided_flows", "skipped_bytes"),
    }


SUMMARIES: dict[str, Callable[[Analysis], Columns]] = {
    "protocols": _protocols,
    "intervals": _intervals,
    "capture": _capture,
}
