"""SQL over captures, with DuckDB: a table is read from the capture while a query runs over it.

    query → DuckDB → scans (a table, its columns, a filter) → batches of the capture → DuckDB → rows of the answer

Only tables that a query names are read, and of them only the columns that it names. Packets and TCP events are
streamed and never held: a query that names packets twice reads the capture twice. All other tables come of one
analysis, which is made when the first of them is named.

The database lies in memory and reaches nothing else: no files, no network, no extensions, no Python variables, and no
statement can change that. What does not fit into its memory goes to a temporary folder of its own.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset

from pcap_analyzer.ahead import ahead
from pcap_analyzer.analysis import model
from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.capture.damage import Damage
from pcap_analyzer.dataset import SOURCE_FILE, SOURCE_NOTE, Input, first_file, source_names
from pcap_analyzer.errors import CaptureError, QueryError
from pcap_analyzer.pipeline import Progress, analyze_capture, open_capture
from pcap_analyzer.schema import SPAN, TIME, Table, arrow_schema
from pcap_analyzer.views.tables import ALL_TABLES, VIEWS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

STANDARD = "-"
STREAMED = frozenset({"packets", "tcp_events", *VIEWS})
"""Tables that are read from the capture again by every scan."""
MEMORY_MIB = 512
BATCHES_AHEAD = 2
ANSWER_ROWS = 16384  # rows of an answer that are made at a time
INSTALL = "pip install 'pcap-analyzer[sql]'"
# What DuckDB has no type for, or a type without functions: every time is UTC, every duration counts nanoseconds.
PLAIN_TYPES = {TIME: pa.timestamp("ns"), SPAN: pa.int64()}
Report = Callable[[Progress], None]
Cancelled = Callable[[], bool]
Damaged = Callable[[str, Damage | model.Damage], None]


@contextmanager
def database(
    captures: Sequence[str | os.PathLike[str]],
    *,
    join: bool = False,
    threads: int | None = None,
    memory_mib: int = MEMORY_MIB,
    progress: Report | None = None,
    cancelled: Cancelled | None = None,
    damaged: Damaged | None = None,
) -> Iterator[Database]:
    """The tables of captures in a DuckDB that is closed with the block.

    captures: of several, every table has a column source_file.  join: they are one recording.
    threads: as in analyze_capture.  memory_mib: what DuckDB may take beside what reading needs.
    progress, cancelled: asked at every batch, on a thread of DuckDB's.
    damaged: told, there too, of a capture that could not be read to its end, once for each time that it was read.
    Raises QueryError where DuckDB is not installed.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError:
        raise QueryError(f"queries need DuckDB, which is not installed: {INSTALL}") from None
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pcap-analyzer-"))
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_mib}MiB",
            "temp_directory": folder,
            "allow_community_extensions": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        connection = stack.enter_context(duckdb.connect(":memory:", config=settings))
        names = [os.fspath(one) for one in captures]
        for name in names:  # a query that names no table would not find out
            if name != STANDARD and not os.path.exists(name):
                raise CaptureError(f"there is no file {name}")
        read = _Captures([tuple(names)] if join else list(names), threads, progress, cancelled, damaged)
        for table in ALL_TABLES.values():
            connection.register(table.name, _Scanned(read, table))
        connection.execute("SET TimeZone = 'UTC'; SET enable_external_access = false; SET lock_configuration = true")
        opened = Database(connection, read)
        stack.callback(opened.end)
        yield opened


class Database:
    """Captures as tables: see `database`."""

    def __init__(self, connection: DuckDBPyConnection, captures: _Captures) -> None:
        self._connection = connection
        self._captures = captures
        self._answers: list[Generator[Any]] = []

    def end(self) -> None:
        """End queries whose answers were not read to their end."""
        for answer in self._answers:
            answer.close()

    def query(self, text: str, *, plain: bool = False) -> pa.RecordBatchReader:
        """The answer to one SELECT, made while it is read; times are UTC.

        plain: what is no number, text, truth or time (a list, an interval, bytes) comes as text.
        Raises QueryError for what DuckDB does not understand, what is no SELECT, and columns of the same name.  Reading
        raises QueryError where the query fails on the way, and what reading the capture raises.
        """
        import duckdb  # noqa: PLC0415

        try:
            statements = self._connection.extract_statements(text)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise QueryError("expected one SELECT: the tables of a capture can be read, nothing else")
            relation = self._connection.sql(text)
            names = relation.columns
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise QueryError(f"two columns of the answer are called {twice!r}: give one another name with AS")
            shown = [_shown(place, relation, plain=plain) for place in range(len(names))]
            answer = self._answer(relation.project(", ".join(shown)))
            self._answers.append(answer)
            schema = next(answer)
        except duckdb.Error as error:
            raise self._reason(error) from None
        return pa.RecordBatchReader.from_batches(schema, answer)

    def _answer(self, relation: DuckDBPyRelation) -> Generator[Any]:
        """The schema of the answer, then its batches."""
        import duckdb  # noqa: PLC0415

        def made(_: Cancelled) -> Iterator[Any]:
            reader = relation.to_arrow_reader(ANSWER_ROWS)
            yield _in_utc(reader.schema)
            yield from reader

        try:
            # On a thread: whoever waits inside DuckDB hears no Ctrl-C.
            with ahead(made, BATCHES_AHEAD) as parts:
                try:
                    schema = next(parts)
                    yield schema
                    for batch in parts:
                        yield batch.cast(schema)
                except BaseException:
                    self._connection.interrupt()
                    raise
        except (duckdb.Error, pa.ArrowException) as error:
            raise self._reason(error) from None

    def _reason(self, error: Exception) -> BaseException:
        """What DuckDB says, or why the capture could not be read, which DuckDB puts into words of its own."""
        said, _, advice = str(error).partition("\n\nPossible solutions:")
        return self._captures.failure or QueryError(f"{said}: give DuckDB more of it" if advice else said)


SIMPLE = frozenset({"boolean", "varchar", "date", "time", "decimal", "hugeint", "uhugeint", "float", "double"})
NESTED = frozenset({"list", "struct", "map", "array", "union"})


def _shown(place: int, relation: DuckDBPyRelation, *, plain: bool) -> str:
    """A column of the answer, as text where the format has nothing for its type."""
    base = relation.types[place].id
    known = base in SIMPLE or base.startswith("timestamp") or base.endswith(("int", "integer"))
    name = '"' + relation.columns[place].replace('"', '""') + '"'
    if known or (base in NESTED and not plain):
        return f"#{place + 1} AS {name}"
    return f"CAST(#{place + 1} AS VARCHAR) AS {name}"


def _in_utc(schema: pa.Schema) -> pa.Schema:
    """Times say that they are UTC."""
    fields = [
        field.with_type(pa.timestamp(field.type.unit, "UTC")) if pa.types.is_timestamp(field.type) else field
        for field in schema
    ]
    return pa.schema(fields)


class _Captures:
    """Captures, each read where a scan comes to it; an analysis is made once."""

    def __init__(
        self,
        captures: Sequence[Input],
        threads: int | None,
        progress: Report | None,
        cancelled: Cancelled | None,
        damaged: Damaged | None,
    ) -> None:
        self._captures = captures
        self._damaged = damaged
        self._settings: dict[str, Any] = {"threads": threads, "progress": progress, "cancelled": cancelled}
        self._analyses: dict[Input, Analysis] = {}
        self._lock = threading.Lock()
        self._taken = False
        self.failure: BaseException | None = None
        """What ended the last scan early, Ctrl-C as well."""

    @property
    def named(self) -> bool:
        """Whether rows say which capture they are from."""
        return len(self._captures) > 1

    def batches(self, table: Table, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """The rows of all captures, one after the other, in the plain types of `plain_schema`."""
        schema = plain_schema(table, columns, named=self.named)
        try:
            names = source_names(self._captures)
            for capture in self._captures:
                for batch in self._read(capture, table, columns):
                    arrays = [_plain(column) for column in batch.columns]
                    if self.named:
                        arrays.append(pa.repeat(names[first_file(capture)], batch.num_rows))
                    yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        except GeneratorExit:  # enough was read
            raise
        except BaseException as error:
            self.failure = error
            raise

    def _read(self, capture: Input, table: Table, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        if table.name not in STREAMED:
            found = self._analysis(capture)
            yield from found.table(table.name, columns)
            self._tell(capture, found.quality.damage)
            return
        self._take(capture)
        with open_capture(capture, **self._settings) as opened:
            if table.name in VIEWS:
                yield from opened.view(table.name, columns)
            else:
                yield from opened.packets(columns) if table.name == "packets" else opened.tcp_events(columns)
        self._tell(capture, opened.damage)

    def _tell(self, capture: Input, damage: Damage | model.Damage | None) -> None:
        if damage is not None and self._damaged is not None:
            self._damaged(first_file(capture), damage)

    def _analysis(self, capture: Input) -> Analysis:
        with self._lock:  # scans run on threads of DuckDB's
            if capture not in self._analyses:
                self._take(capture)
                self._analyses[capture] = analyze_capture(capture, **self._settings)
            return self._analyses[capture]

    def _take(self, capture: Input) -> None:
        """Raises CaptureError where standard input would be read twice."""
        if capture == STANDARD and self._taken:
            raise CaptureError("standard input can be read once, and this query reads it again: give it as a file")
        self._taken |= capture == STANDARD


def plain_schema(table: Table, columns: tuple[str, ...], *, named: bool) -> pa.Schema:
    """The columns as DuckDB is given them: times without the zone, which is UTC, durations as nanoseconds."""
    fields = [one.with_type(PLAIN_TYPES.get(table[one.name].kind, one.type)) for one in arrow_schema(table, columns)]
    if named:
        fields.append(pa.field(SOURCE_FILE, pa.string(), nullable=False, metadata=SOURCE_NOTE))
    return pa.schema(fields)


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return column.view(pa.timestamp("ns"))
    return column.view(pa.int64()) if pa.types.is_duration(column.type) else column


class _Scanned(pa.dataset.Dataset):  # type: ignore[misc]  # pyarrow has no types
    """A table as DuckDB asks for it: by `schema`, and by `scanner` with the columns and the filter of one scan."""

    def __init__(self, captures: _Captures, table: Table) -> None:
        self._captures, self._table = captures, table

    @property
    def schema(self) -> pa.Schema:
        return plain_schema(self._table, self._table.columns, named=self._captures.named)

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> _Scan:  # noqa: A002 - its name
        names = self.schema.names
        wanted = names if columns is None else list(columns)
        # An expression does not tell its columns; every one that it has stands in its text.
        needed = [] if filter is None else [name for name in names if name in str(filter) and name not in wanted]
        return _Scan(self._captures, self._table, wanted, needed, filter)


class _Scan:
    """One scan of a table."""

    def __init__(
        self, captures: _Captures, table: Table, wanted: Sequence[str], needed: Sequence[str], condition: Any
    ) -> None:
        self._captures, self._table, self._condition = captures, table, condition
        self._wanted = list(wanted)
        # One at least: a batch without columns does not say how many rows it has.
        self._read = tuple(name for name in table.columns if name in {*wanted, *needed}) or table.columns[:1]

    @property
    def projected_schema(self) -> pa.Schema:
        whole = plain_schema(self._table, self._read, named=self._captures.named)
        return pa.schema([whole.field(name) for name in self._wanted])

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self._captures.batches(self._table, self._read):
            if self._condition is None:
                yield batch.select(self._wanted)
            else:
                kept = pa.Table.from_batches([batch]).filter(self._condition)
                yield from kept.select(self._wanted).to_batches()
