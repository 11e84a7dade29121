"""Tables to files: one module a format, one line each in TABLE_EXPORTERS; command line and media types follow.

Importing this is cheap: a format imports pyarrow when it is asked for. A writer is given whole row groups, so its
memory is that of one; what is put where a reader may look is `landing`'s, not the format's.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TABLE_EXPORTERS", "TableExporter", "TableWriter"]


class TableWriter(Protocol):
    """One table on its way into one file."""

    def write(self, group: pa.Table) -> None:
        """Write a row group; all have the schema that the writer was made with."""

    def close(self) -> None:
        """Write what stands at the end of a file. Without it the file is not whole."""


Open = Callable[["pa.NativeFile", "pa.Schema", str], TableWriter]


class TableExporter(NamedTuple):
    """One format that a table can be written in."""

    suffix: str
    media_type: str
    compressions: tuple[str, ...]
    """Names that `open` takes; the first is meant where none is named."""
    group_rows: int
    """Rows given to the writer at once."""
    open: Open
    """The sink, the schema with the file's metadata, a compression: a writer."""


def _of(module: str) -> Open:
    """The writer of a module of this package, imported when it is opened."""

    def open_writer(sink: pa.NativeFile, schema: pa.Schema, compression: str) -> TableWriter:
        return cast("TableWriter", import_module(f"{__name__}.{module}").Writer(sink, schema, compression))

    return open_writer


TABLE_EXPORTERS = {
    "parquet": TableExporter(
        ".parquet", "application/vnd.apache.parquet", ("zstd", "snappy", "lz4", "gzip", "none"), 1 << 18, _of("parquet")
    ),
    "arrow": TableExporter(
        ".arrows", "application/vnd.apache.arrow.stream", ("none", "zstd", "lz4"), 1 << 16, _of("arrow")
    ),
    "csv": TableExporter(".csv", "text/csv; charset=utf-8", ("none", "gzip", "zstd"), 1 << 16, _of("csv")),
    "jsonl": TableExporter(".jsonl", "application/x-ndjson", ("none", "gzip", "zstd"), 1 << 15, _of("jsonl")),
}
