"""Tables of an analysis: pages of them as JSON, whole ones as files. The web process reads Parquet of our own only."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from anyio.to_thread import run_sync
from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from pcap_analyzer.audit import note
from pcap_analyzer.export.tables import TABLE_EXPORTERS, TableExporter
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.jobs.refusals import UnknownTable
from pcap_analyzer.jobs.takings import KEPT_TABLES
from pcap_analyzer.schema import TABLES
from pcap_analyzer.table_pages import MAX_LIMIT, MAX_OFFSET, Query, page, rows_of
from pcap_analyzer.web.injected import Service, TablesOfService, TaskId
from pcap_analyzer.web.reading import DOWNLOADS, file_pieces, read, tables_of

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]
Offset = Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET)]
MAX_TEXT = 10_000
Text = Annotated[str, QueryParameter(max_length=MAX_TEXT)]


class Column(msgspec.Struct, frozen=True):
    """type: Arrow's.  null: what an absent value means; null itself where none is absent."""

    name: str
    type: str
    meaning: str
    unit: str | None
    null: str | None
    source: str | None


class TableInfo(msgspec.Struct, frozen=True):
    """A table that can be asked for. row: what one is."""

    name: str
    row: str
    rows: int
    columns: list[Column]


class TableInfos(msgspec.Struct, frozen=True):
    """All tables of an analysis. schema_version: raised when the meaning of a column changes."""

    schema_version: str
    tables: list[TableInfo]


class TablePage(msgspec.Struct, frozen=True):
    """Some rows of a table. total: how many match in all.

    rows: an object each. Times are text, ISO 8601 with nine digits; durations whole nanoseconds.
    """

    table: str
    total: int
    limit: int
    offset: int
    rows: list[dict[str, Any]]


@get("/api/analyses/{task_id:uuid}/tables")
async def listing(task_id: TaskId, service: Service, tables: TablesOfService) -> TableInfos:
    """Which tables there are, how many rows they have, and what their columns mean."""
    known = await tables_of(tables, await run_sync(service.results_of, str(task_id)))
    return TableInfos(known.schema_version, [_described(name, rows) for name, rows in known.rows.items()])


@get("/api/analyses/{task_id:uuid}/tables/{table:str}")
async def table(
    task_id: TaskId,
    table: FromPath[str],
    service: Service,
    tables: TablesOfService,
    columns: Text = "",
    where: Text = "",
    sort: Text = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response[bytes] | Stream:
    """A page of a table as JSON; with .csv, .jsonl, .parquet or .arrow behind its name, the whole table as a file.

    columns: names with commas between; all where none is named.  where: a condition, see docs/filters.md, for files
    too.  sort: names with commas between, a minus before one for the largest first; files are in the table's order.
    """
    name, _, form = table.partition(".")
    if name not in KEPT_TABLES:
        raise UnknownTable(f"there is no table {name!r}; there are {', '.join(KEPT_TABLES)}")
    analysis = await run_sync(service.results_of, str(task_id))
    await tables_of(tables, analysis)
    path = await run_sync(tables.path, analysis, name)
    query = Query(name, names(columns), where, names(sort))
    if form:
        return await _file(analysis, path, query, form)
    return await page_of(path, query, offset, limit)


async def page_of(path: Path, query: Query, offset: int, limit: int) -> Response[bytes]:
    """A page as JSON."""
    return Response(await read(_page_json, path, query, offset, limit), media_type="application/json")


def names(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def _described(name: str, rows: int) -> TableInfo:
    known = TABLES[name]
    columns = [Column(one.name, one.kind, one.meaning, one.unit, one.null, one.source) for one in known.fields]
    return TableInfo(name, known.row, rows, columns)


def _page_json(path: Path, query: Query, offset: int, limit: int) -> bytes:
    found = page(path, query, offset, limit)
    head = msgspec.json.encode({"table": query.table, "total": found.total, "limit": limit, "offset": offset})
    # Lines of JSON, in whose texts every line feed is escaped.
    rows = rows_json(found.rows).rstrip(b"\n").replace(b"\n", b",")
    return head[:-1] + b',"rows":[' + rows + b"]}"


def rows_json(rows: pa.Table) -> bytes:
    """A line of JSON for every row."""
    sink = pa.BufferOutputStream()
    writer = TABLE_EXPORTERS["jsonl"].open(sink, rows.schema, "none")
    writer.write(rows)
    text: bytes = sink.getvalue().to_pybytes()
    writer.close()
    return text


async def _file(analysis: Analysis, path: Path, query: Query, form: str) -> Stream:
    if form not in TABLE_EXPORTERS:
        raise NotFoundException(f"there is no table as {form!r}; there is {', '.join(TABLE_EXPORTERS)}")
    DOWNLOADS.require_room()
    note(f"table.exported.{form}", analysis=analysis.id, table=query.table)
    exporter = TABLE_EXPORTERS[form]
    if form == "parquet" and not query.where and query.wanted == TABLES[query.table].columns:
        return download(await run_sync(os.open, path, os.O_RDONLY), exporter.media_type, f"{query.table}.parquet")
    headers = attachment(f"{query.table}{exporter.suffix}")
    return Stream(DOWNLOADS.pieces(_made(path, query, exporter)), media_type=exporter.media_type, headers=headers)


def download(descriptor: int, media_type: str, name: str) -> Stream:
    """An open file, whole."""
    headers = attachment(name) | {"Content-Length": str(os.fstat(descriptor).st_size)}
    return Stream(DOWNLOADS.pieces(file_pieces(descriptor)), media_type=media_type, headers=headers)


def attachment(name: str) -> dict[str, str]:
    """name: one of ours, which needs no quoting."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


class _Pieces:
    """A file that hands on what is written to it."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        return len(self._held[-1])

    def taken(self) -> bytes:
        """What was written since."""
        held, self._held = b"".join(self._held), []
        return held

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        self.closed = True


def _made(path: Path, query: Query, exporter: TableExporter) -> Iterator[bytes]:
    """A table as a file, a piece for every row group that has rows."""
    from pcap_analyzer.schema import arrow_schema  # noqa: PLC0415

    schema = arrow_schema(TABLES[query.table], query.wanted)
    pieces = _Pieces()
    writer = exporter.open(pa.PythonFile(pieces, "w"), schema, exporter.compressions[0])
    for group in rows_of(path, query):
        writer.write(group.cast(schema))
        if piece := pieces.taken():
            yield piece
    writer.close()
    yield pieces.taken()
