"""Every address of a capture as the table `endpoints`: summed again over all flows when it is asked for.

The report keeps the largest; here are all, most bytes first, up to the million that the kernel tells apart. What
further addresses moved stands in one last row.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer._native.scan import FlowReader
from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.summary import ADDRESS, SEED_BYTES
from pcap_analyzer.arrow_columns import text_array
from pcap_analyzer.schema import ENDPOINTS, arrow_schema, names_of

KEY_BYTES = 24
VALUES = ("flows", "packets_sent", "packets_received", "bytes_sent", "bytes_received")


def endpoint_batches(reader: FlowReader, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
    """All rows in batches. Raises KeyError for a column that the table does not have."""
    schema = arrow_schema(ENDPOINTS, names_of(columns))
    return pa.RecordBatchReader.from_batches(schema, _batches(reader, schema, batch_size))


def _batches(reader: FlowReader, schema: pa.Schema, batch_size: int) -> Iterator[pa.RecordBatch]:
    told, counted, beyond = reader.endpoints(os.urandom(SEED_BYTES))
    keys = np.frombuffer(told, np.uint8).reshape(-1, KEY_BYTES)
    values = np.frombuffer(counted, np.int64).reshape(-1, len(VALUES))
    order = _most_bytes_first(keys, values)
    for begin in range(0, len(order), batch_size):
        rows = order[begin : begin + batch_size]
        texts = [address_text(key[:ADDRESS].tobytes(), int(key[ADDRESS])) for key in keys[rows]]
        yield _batch(schema, text_array(texts), values[rows])
    rest = np.frombuffer(beyond, np.int64).reshape(1, -1)
    if rest.any():
        yield _batch(schema, pa.nulls(1, pa.string()), rest)


def _most_bytes_first(keys: NDArray[np.uint8], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order of the rows; of equals the smaller key."""
    words = np.ascontiguousarray(keys).view(">u8").astype(np.uint64)
    moved = values[:, 3] + values[:, 4]
    return np.lexsort((words[:, 2], words[:, 1], words[:, 0], -moved))


def _batch(schema: pa.Schema, addresses: pa.Array, values: NDArray[np.int64]) -> pa.RecordBatch:
    numbers = {name: values[:, place].astype(np.uint64) for place, name in enumerate(VALUES)}
    arrays = [
        addresses
        if name == "address"
        else pa.Array.from_buffers(pa.uint64(), len(values), [None, pa.py_buffer(numbers[name])])
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
