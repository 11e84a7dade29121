"""Tables of captures into files: what to read, which rows and columns of it, and where to.

    captures → record batches → filter → columns → row groups → a writer of export.tables

One thread makes columns while another encodes them, two row groups apart at most: memory does not grow with the
capture.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pcap_analyzer.ahead import ahead
from pcap_analyzer.analysis import model
from pcap_analyzer.capture.damage import Damage
from pcap_analyzer.errors import ExportError
from pcap_analyzer.export.tables import TableExporter, TableWriter
from pcap_analyzer.export.tables.landing import landing_file, landing_folder
from pcap_analyzer.export.tables.text import value_text
from pcap_analyzer.filters import parse
from pcap_analyzer.filters.syntax import columns_of
from pcap_analyzer.pipeline import CAPTURE_TABLES, Progress, analyze_capture, default_threads, open_capture
from pcap_analyzer.schema import VERSION, VERSION_KEY, WORD, arrow_schema, arrow_type
from pcap_analyzer.views.tables import ALL_TABLES, VIEWS

SOURCE_FILE = "source_file"
SOURCE_NOTE = {"meaning": "name of the capture file that the row is from; its path where two have one name"}
AHEAD = 2  # row groups
ABSENT = "__HIVE_DEFAULT_PARTITION__"  # null in the name of a folder
MAX_PARTITIONS = 1024  # files that are open at once
Report = Callable[[Progress], None]
Input = str | Sequence[str]
"""A capture, or the files of one that is a recording of several."""
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Request:
    """What to export. Raises ExportError for a table or column that does not exist, FilterError for a wrong filter.

    columns: those wanted, in this order; None: all.  named: the rows say which capture they are from.
    damaged: told of a capture that could not be read to its end, on the thread that reads it.
    """

    table: str
    columns: tuple[str, ...] | None = None
    filter: str | None = None
    named: bool = False
    threads: int | None = None
    version: str = ""
    sources: tuple[str, ...] = ()
    damaged: Callable[[str, Damage | model.Damage], None] | None = None
    wanted: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.table not in ALL_TABLES:
            raise ExportError(f"there is no table {self.table!r}; there are {', '.join(ALL_TABLES)}")
        known = ALL_TABLES[self.table].columns
        for name in self.columns or ():
            if name not in known:
                raise ExportError(f"{self.table} has no column {name!r}; it has {', '.join(known)}")
        if len(set(self.columns or ())) < len(self.columns or ()):
            raise ExportError("a column is asked for twice")
        object.__setattr__(self, "wanted", self.columns or known)
        _filter(self)

    @property
    def schema(self) -> pa.Schema:
        """The columns that are written, with what a reader may want to know of their origin."""
        schema = arrow_schema(ALL_TABLES[self.table], self.wanted)
        if self.named:
            schema = schema.append(pa.field(SOURCE_FILE, arrow_type(WORD), nullable=False, metadata=SOURCE_NOTE))
        notes = {
            VERSION_KEY: VERSION,
            "pcap_analyzer.version": self.version,
            "pcap_analyzer.table": self.table,
            "pcap_analyzer.source_files": json.dumps([os.path.basename(name) for name in self.sources]),
            "pcap_analyzer.settings": json.dumps({"columns": self.columns, "filter": self.filter}),
        }
        return schema.with_metadata(notes)


def rows(
    request: Request,
    capture: Input,
    progress: Report | None = None,
    cancelled: Cancelled | None = None,
    source: str | None = None,
) -> Iterator[pa.Table]:
    """The rows of one capture that are asked for, batch by batch, with the schema of the request.

    source: what stands in source_file; None: the name of the file.
    """
    keep, needed = _filter(request)
    schema = request.schema
    named = os.path.basename(first_file(capture)) if source is None else source
    columns = [name for name in ALL_TABLES[request.table].columns if name in {*request.wanted, *needed}]
    with closing(_batches(request, capture, columns, progress, cancelled)) as batches:
        for batch in batches:
            kept = batch if keep is None else batch.filter(keep(batch))
            if kept.num_rows:
                arrays = [kept.column(name) for name in request.wanted]
                if request.named:
                    arrays.append(_repeated(named, kept.num_rows))
                yield pa.Table.from_arrays(arrays, schema=schema)


def _filter(request: Request) -> tuple[Callable[[pa.RecordBatch], pa.Array] | None, Sequence[str]]:
    """The filter as a function of a batch, and the columns that it reads. Raises FilterError."""
    if request.filter is None:
        return None, ()
    from pcap_analyzer.filters.compiled import compiled  # noqa: PLC0415 - Arrow's functions take a while to import

    condition = parse(request.filter, ALL_TABLES[request.table])
    return compiled(condition), sorted(columns_of(condition))


def _batches(
    request: Request, capture: Input, columns: Sequence[str], progress: Report | None, cancelled: Cancelled | None
) -> Generator[pa.RecordBatch]:
    if request.table not in CAPTURE_TABLES and request.table not in VIEWS:
        found = analyze_capture(capture, threads=request.threads, progress=progress, cancelled=cancelled)
        yield from found.table(request.table, columns)
        _tell(request, capture, found.quality.damage)
        return
    threads = request.threads
    if threads is None and request.table in model.STREAMED:  # written while the capture is still read
        threads = max(1, default_threads() - 1)  # one more encodes what these make
    with open_capture(capture, threads=threads, progress=progress, cancelled=cancelled) as opened:
        if request.table in VIEWS:
            yield from opened.view(request.table, columns)
        else:
            yield from getattr(opened, request.table)(columns)
        _tell(request, capture, opened.damage)


def _tell(request: Request, capture: Input, damage: Damage | model.Damage | None) -> None:
    if damage is not None and request.damaged is not None:
        request.damaged(first_file(capture), damage)


def first_file(capture: Input) -> str:
    """The file that a capture, or a recording of several files, is called by."""
    return capture if isinstance(capture, str) else capture[0]


def source_names(captures: Sequence[Input]) -> dict[str, str]:
    """What stands in source_file, by the first file of each capture.

    The name of the file; where others in the same call have that name too, the path as it was given.
    """
    paths = {first_file(capture) for capture in captures}
    count = Counter(os.path.basename(path) for path in paths)
    return {path: os.path.basename(path) if count[os.path.basename(path)] == 1 else path for path in paths}


def _repeated(name: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.nulls(count, pa.int32()).fill_null(0), pa.array([name], pa.string()))


def grouped(tables: Iterator[pa.Table], size: int) -> Iterator[pa.Table]:
    """The same rows in tables of `size`, but for the last: how a capture was read does not show in a file."""
    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table)
        count += table.num_rows
        while count >= size:
            joined = pa.concat_tables(held)
            yield joined.slice(0, size)
            held, count = [joined.slice(size)], count - size
    if count:
        yield pa.concat_tables(held)


def _groups(
    request: Request, captures: Sequence[Input], size: int, progress: Report | None, cancelled: Cancelled
) -> Iterator[pa.Table]:
    """Row groups of all captures."""
    names = source_names(captures)
    tables = (table for one in captures for table in rows(request, one, progress, cancelled, names[first_file(one)]))
    with closing(tables):
        yield from grouped(tables, size)


def write_file(
    request: Request,
    captures: Sequence[Input],
    path: str,
    exporter: TableExporter,
    compression: str,
    progress: Report | None,
) -> int:
    """All captures into one file, or to standard output ("-"); the number of rows."""

    def groups_of(cancelled: Cancelled) -> Iterator[pa.Table]:
        return _groups(request, captures, exporter.group_rows, progress, cancelled)

    with ahead(groups_of, AHEAD) as groups:
        return write_groups(groups, path, request.schema, exporter, compression)


def write_groups(
    groups: Iterator[pa.Table], path: str, schema: pa.Schema, exporter: TableExporter, compression: str
) -> int:
    """Row groups into one file, or to standard output ("-"); the number of rows."""
    count = 0
    with landing_file(path) as sink:
        writer = exporter.open(sink, schema, compression)
        for group in groups:
            writer.write(group)
            count += group.num_rows
        writer.close()
    return count


def write_dataset(
    request: Request,
    captures: Sequence[Input],
    folder: str,
    exporter: TableExporter,
    compression: str,
    partitions: Sequence[str],
    progress: Report | None,
) -> int:
    """All captures into a folder of files, one below `column=value/` for each value of the partition columns."""

    def groups_of(cancelled: Cancelled) -> Iterator[pa.Table]:
        return _groups(request, captures, exporter.group_rows, progress, cancelled)

    missing = [name for name in partitions if name not in request.schema.names]
    if missing:
        known = ", ".join(request.schema.names)
        raise ExportError(f"a dataset is divided by columns that it has, and {missing[0]!r} is none of them: {known}")
    if len(set(partitions)) < len(partitions):
        raise ExportError("a dataset is divided by a column only once")
    if len(partitions) == len(request.schema.names):
        raise ExportError("a dataset that is divided by all its columns has none left for its files")
    count = 0
    with landing_folder(folder) as place, ExitStack() as files:
        parts = _Parts(request, place, exporter, compression, partitions, files)
        with ahead(groups_of, AHEAD) as groups:
            for group in groups:
                parts.write(group)
                count += group.num_rows
        parts.close()
    return count


class _Parts:
    """The files of a dataset: every row goes to that of its values."""

    def __init__(
        self,
        request: Request,
        place: str,
        exporter: TableExporter,
        compression: str,
        partitions: Sequence[str],
        files: ExitStack,
    ) -> None:
        self._schema = pa.schema(
            [one for one in request.schema if one.name not in partitions], metadata=request.schema.metadata
        )
        self._open: Callable[[str], TableWriter] = lambda path: exporter.open(
            files.enter_context(landing_file(path)), self._schema, compression
        )
        self._place, self._suffix, self._columns = place, exporter.suffix, list(partitions)
        self._writers: dict[tuple[Any, ...], TableWriter] = {}

    def write(self, group: pa.Table) -> None:
        keys = pa.table([_plain(group.column(name)) for name in self._columns], names=self._columns)
        numbered = keys.append_column("row", _numbers(len(keys)))
        found = numbered.group_by(self._columns, use_threads=False).aggregate([("row", "list")])
        kept = group.drop_columns(self._columns)
        for row in range(found.num_rows):
            values = tuple(found.column(name)[row].as_py() for name in self._columns)
            self._writer(values).write(kept.take(found.column("row_list")[row].values).cast(self._schema))

    def _writer(self, values: tuple[Any, ...]) -> TableWriter:
        if values not in self._writers:
            if len(self._writers) == MAX_PARTITIONS:
                raise ExportError(
                    f"there are more than {MAX_PARTITIONS} values of {', '.join(self._columns)}: "
                    "partition by something coarser"
                )
            steps = [f"{name}={_step(value)}" for name, value in zip(self._columns, values, strict=True)]
            self._writers[values] = self._open(os.path.join(self._place, *steps, f"part-0{self._suffix}"))
        return self._writers[values]

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values that can be grouped: of words the texts themselves, of times all nanoseconds (Python's have none)."""
    if pa.types.is_temporal(column.type):
        return pa.chunked_array([value_text(chunk) for chunk in column.chunks], pa.string())
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _numbers(count: int) -> pa.Array:
    import numpy as np  # noqa: PLC0415 - only where a dataset is divided

    return pa.array(np.arange(count))


def _step(value: object) -> str:
    """A value in the name of a folder, as Hive writes it; text of a capture cannot leave the folder."""
    from urllib.parse import quote  # noqa: PLC0415

    if value is None:
        return ABSENT
    step = quote(str(value), safe="").replace(".", "%2E")
    return step.replace("_", "%5F") if step == ABSENT else step  # a text that looks like null is not in its file
