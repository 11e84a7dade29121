"""CSV as RFC 4180 has it: a line of names, null as nothing, an empty text as a pair of quotes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv

from pcap_analyzer.export.tables.text import compressed, is_text, value_text


class Writer:
    """See TableWriter."""

    def __init__(self, sink: pa.NativeFile, schema: pa.Schema, compression: str) -> None:
        self._sink = compressed(sink, compression)
        self._schema = pa.schema(
            [(field.name, pa.string() if _as_text(field.type) else field.type) for field in schema]
        )
        self._file = pyarrow.csv.CSVWriter(self._sink, self._schema)

    def write(self, group: pa.Table) -> None:
        for batch in group.to_batches():
            arrays = [value_text(one) if _as_text(one.type) else one for one in batch.columns]
            self._file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._file.close()
        if not self._sink.closed:
            self._sink.close()


def _as_text(kind: pa.DataType) -> bool:
    """Types that Arrow's writer does not know, or would write otherwise."""
    return is_text(kind) or bool(pa.types.is_temporal(kind))
