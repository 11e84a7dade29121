"""Parquet: column by column the encoding that is small and quick to read, statistics in every row group.

Words (addresses, states) keep their dictionary; numbers that grow from row to row (frames, times) are written as
differences, which costs less than a byte a row; small numbers of every packet byte by byte, all first bytes first (byte
stream split, Parquet 2.11); everything else by the values that a row group has.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# Whoever exports waits for the writing: the fastest level that compresses.
LEVELS = {"zstd": 1}
# Rows are in the order of these, or near it.
GROWING = {"frame_number", "timestamp", "flow_id", "stream", "first_seen", "last_seen", "start", "response_frame"}
# Measured against a dictionary: half the time to encode, between a sixth less and a quarter more bytes. (Not so the
# sequence numbers, which would double.)
SPLIT = {
    *("captured_length", "original_length", "payload_length", "bytes_in_flight", "ip_version", "protocol", "ttl"),
    *("dscp", "ecn", "ip_id", "src_port", "dst_port", "tcp_flags", "tcp_window_raw", "tcp_marks"),
}
# Of these every stretch of a capture has nearly all values: their least and greatest let no reader skip anything, and
# to find them costs a fifth of the encoding.
EVERYWHERE = {
    *("captured_length", "original_length", "decode_status", "decode_layer", "protocols", "src", "dst", "ttl", "dscp"),
    *("ecn", "ip_id", "payload_length", "tcp_flags", "tcp_seq", "tcp_ack", "tcp_window", "tcp_window_raw"),
    "bytes_in_flight",
}
# Values handed to an encoder at once: measured against the 1,024 of pyarrow, an eighth less time.
ENCODED_ROWS = 1 << 16


class _File(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
    """One that is not closed stays without its end: pyarrow's own would write it, into a sink that may be gone."""

    def __del__(self) -> None:
        pass


class Writer:
    """See TableWriter."""

    def __init__(self, sink: pa.NativeFile, schema: pa.Schema, compression: str) -> None:
        # The answer to a query may give these names to anything.
        growing = [field.name for field in schema if field.name in GROWING and _is_counted(field.type)]
        encodings = dict.fromkeys(growing, "DELTA_BINARY_PACKED")
        encodings |= {one.name: "BYTE_STREAM_SPLIT" for one in schema if one.name in SPLIT and _is_number(one.type)}
        settings: dict[str, Any] = {
            "compression": compression,
            "compression_level": LEVELS.get(compression),
            "version": "2.6",  # nanoseconds and unsigned numbers keep their types
            "data_page_version": "1.0",  # read by every tool
            "use_dictionary": [name for name in schema.names if name not in encodings] or False,
            "column_encoding": encodings or None,
            "write_statistics": [name for name in schema.names if name not in EVERYWHERE] or False,
            "write_batch_size": ENCODED_ROWS,
        }
        self._file = _File(sink, schema, **settings)

    def write(self, group: pa.Table) -> None:
        # A dictionary that changes inside a row group would make Arrow write the words out one by one.
        self._file.write_table(group.unify_dictionaries(), row_group_size=max(group.num_rows, 1))

    def close(self) -> None:
        self._file.close()


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind))


def _is_counted(kind: pa.DataType) -> bool:
    """Whether differences of such values can be written."""
    return bool(pa.types.is_integer(kind) or pa.types.is_temporal(kind)) and kind.bit_width in (32, 64)
