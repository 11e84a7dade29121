"""A view of a capture as record batches: packets summed while they pass, then flow after flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pcap_analyzer.analysis.flows import FlowTable, flow_table
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.packet_stream import decoded_batches
from pcap_analyzer.schema import arrow_schema
from pcap_analyzer.views import cicflowmeter, nfstream, zeek_conn
from pcap_analyzer.views.figures import CicFigures, Figures, NfstreamFigures, ZeekFigures
from pcap_analyzer.views.packets import FIELDS
from pcap_analyzer.views.sides import Sides
from pcap_analyzer.views.tables import VIEWS

PACKET_ROWS = 65536


class Maker(NamedTuple):
    """How a view is made: its sums, what it takes of `flows`, its columns for flows [begin, end)."""

    figures: Callable[[], Figures]
    flow_columns: tuple[str, ...]
    columns: Callable[[Sides, Any, int, int], Mapping[str, Any]]


MAKERS = {
    "zeek_conn": Maker(ZeekFigures, zeek_conn.FLOW_COLUMNS, zeek_conn.columns),
    "nfstream": Maker(NfstreamFigures, nfstream.FLOW_COLUMNS, nfstream.columns),
    "cicflowmeter": Maker(CicFigures, cicflowmeter.FLOW_COLUMNS, cicflowmeter.columns),
}


def view_schema(name: str, columns: tuple[str, ...] | None) -> pa.Schema:
    """The Arrow schema of a view. Raises KeyError for one that does not exist, or a column that it does not have."""
    return arrow_schema(VIEWS[name], columns)


def view_batches(
    reader: CaptureReader, name: str, columns: tuple[str, ...] | None, batch_size: int, tell: Callable[[], None]
) -> Iterator[pa.RecordBatch]:
    """The rows of a view in order of flow_id. tell: called at every batch of packets."""
    maker, schema = MAKERS[name], view_schema(name, columns)
    figures = maker.figures()
    for batch in decoded_batches(reader, FIELDS, PACKET_ROWS):
        packets = figures.firsts.packets(batch)
        if packets is not None:
            figures.add(packets)
        tell()
    figures.finish()
    begin = 0
    for rows in _flows(flow_table(reader.scanner), maker.flow_columns, batch_size):
        end = begin + rows.num_rows
        first = np.asarray(figures.firsts.from_client.of(begin, end) == 1)
        made = maker.columns(Sides(rows, first), figures, begin, end)
        arrays = [_array(made[field.name], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        begin = end


def _flows(table: FlowTable, columns: tuple[str, ...], batch_size: int) -> pa.RecordBatchReader:
    return table.batches(columns, batch_size)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
        return array.dictionary_encode().cast(kind)
    return array.cast(kind)
