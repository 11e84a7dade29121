"""Arrow IPC, the stream format: dictionaries may grow from batch to batch, and a reader may begin before the end."""

from __future__ import annotations

import pyarrow as pa


class Writer:
    """See TableWriter."""

    def __init__(self, sink: pa.NativeFile, schema: pa.Schema, compression: str) -> None:
        options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
        self._file = pa.ipc.new_stream(sink, schema, options=options)

    def write(self, group: pa.Table) -> None:
        self._file.write_table(group.unify_dictionaries().combine_chunks())

    def close(self) -> None:
        self._file.close()
