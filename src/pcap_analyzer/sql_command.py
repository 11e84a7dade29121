"""`pcap-analyzer sql`: its options, and what they ask of `queries`. DuckDB and pyarrow are imported when it runs."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

from pcap_analyzer.ending import ended_in_order
from pcap_analyzer.errors import ExportError, QueryError
from pcap_analyzer.export.tables import TABLE_EXPORTERS
from pcap_analyzer.export.tables.endings import form_of
from pcap_analyzer.views.tables import ALL_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD = "-"
SCREEN = "table"
SHOWN_ROWS = 100
MAX_LINE = 1000  # characters of what DuckDB says
NARROW = 80  # columns of a terminal that does not say how wide it is
WIDE = 240  # of what is no terminal: lines are not broken there
TEXT = """Answer a SELECT over the tables of captures, with DuckDB (pip install 'pcap-analyzer[sql]').

FILE is pcap or pcapng, plain or compressed, or - for standard input. The tables are TABLES;
'DESCRIBE packets' lists the columns of one. Times are UTC, durations whole nanoseconds. Of several captures every table
has a column source_file; with --join they are one recording.

A capture is read while the query runs, only for the tables and columns that it names; packets and tcp_events are never
held: a query that names them twice reads the capture twice. The query reaches nothing but these tables: no files, no
network, no extensions.

examples:
  pcap-analyzer sql big.pcap "SELECT server, count(*) AS flows FROM flows GROUP BY server ORDER BY flows DESC LIMIT 10"
  pcap-analyzer sql big.pcap "SELECT frame_number, src, dst, ack_rtt / 1e6 AS ms FROM packets WHERE ack_rtt > 200000000"
  pcap-analyzer sql big.pcap "SELECT time_bucket(INTERVAL 1 second, timestamp) AS second, sum(original_length) AS bytes
                              FROM packets GROUP BY second ORDER BY second" --format csv -o - > seconds.csv
  pcap-analyzer sql *.pcapng "SELECT source_file, query_name FROM dns WHERE status = 'unanswered'" -o dns.parquet

exit codes: 0 done, damage in a capture is a warning · 2 no capture, a wrong query, or not written · 130 interrupted"""


def options(parser: ArgumentParser) -> None:
    parser.description = TEXT.replace("TABLES", ", ".join(ALL_TABLES))
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--join", action="store_true", help="the files are one recording: its flows go on over all")
    parser.add_argument("query", metavar="QUERY", help="one SELECT, in quotes")
    parser.add_argument(
        "--format",
        choices=(SCREEN, *TABLE_EXPORTERS),
        help="by default what the output's name ends in, or parquet; without an output a table to look at",
    )
    parser.add_argument("-o", "--output", metavar="FILE|-", help="where to; - is standard output")
    parser.add_argument("--compression", metavar="NAME", help="e.g. zstd or none; by default what suits the format")
    parser.add_argument(
        "--rows", type=int, default=SHOWN_ROWS, metavar="N", help=f"of a table to look at, at most ({SHOWN_ROWS})"
    )
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="memory of DuckDB (512)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads to read with (one a processor, at most 8)")


def run(given: Namespace) -> int:
    try:
        with ended_in_order():
            return _answer(given)
    except QueryError as error:  # DuckDB shows in lines of its own where the mistake is
        from pcap_analyzer.report.text import plain  # noqa: PLC0415

        lines = [plain(line, MAX_LINE) for line in str(error).splitlines()]
        print("pcap-analyzer: " + "\n".join(lines), file=sys.stderr)
        return 2


def _answer(given: Namespace) -> int:
    _check(given)
    form, compression = SCREEN, ""
    if given.format not in (None, SCREEN) or (given.output is not None and given.format is None):
        form, compression = form_of(given.output, given.format, given.compression)

    from pcap_analyzer import queries  # noqa: PLC0415 - pyarrow takes 0.3 s

    damages: dict[str, Any] = {}
    with (
        _bar(given.files[0]) as bar,
        queries.database(
            given.files,
            join=given.join,
            threads=given.threads,
            memory_mib=given.memory,
            progress=bar,
            damaged=lambda file, damage: damages.update({file: damage}),
        ) as opened,
    ):
        if form == SCREEN:
            _print(opened.query(given.query, plain=True), given.rows)
        else:
            count = _write(opened.query(given.query, plain=form == "csv"), form, compression, given.output)
            if given.output not in (None, STANDARD) and sys.stdout is not None:
                print(f"{given.output}: {count:,} rows")
    for file, damage in damages.items():
        said = f"{file} was read up to byte {damage.offset:,}: {damage.reason}"
        print(f"pcap-analyzer: warning: {said}", file=sys.stderr)
    return 0


def _check(given: Namespace) -> None:
    """Raises ExportError for options that do not go together."""
    if given.threads is not None and not 1 <= given.threads <= 16:
        raise ExportError(f"--threads is {given.threads}, expected 1 to 16")
    if not 64 <= given.memory <= 1 << 20:
        raise ExportError(f"--memory is {given.memory}, expected 64 to 1048576 MiB")
    if given.rows < 1:
        raise ExportError(f"--rows is {given.rows}, expected 1 or more")
    if given.format == SCREEN and given.output not in (None, STANDARD):
        raise ExportError("a table to look at goes to the terminal: for a file choose another --format")
    if len(given.files) == 1 and os.path.exists(given.query):
        raise ExportError(f"{given.query} is a file: the query comes last, in quotes")
    captures = [file for file in given.files if os.path.isfile(file)]
    if given.output and os.path.isfile(given.output) and any(os.path.samefile(given.output, one) for one in captures):
        raise ExportError(f"{given.output} is the capture itself: give the answer another name")


def _write(answer: pa.RecordBatchReader, form: str, compression: str, output: str | None) -> int:
    """The whole answer as a file; the number of rows."""
    import pyarrow as pa  # noqa: PLC0415

    from pcap_analyzer import dataset  # noqa: PLC0415

    exporter = TABLE_EXPORTERS[form]
    tables = (pa.Table.from_batches([batch], answer.schema) for batch in answer)
    groups = dataset.grouped(tables, exporter.group_rows)
    return dataset.write_groups(groups, output or STANDARD, answer.schema, exporter, compression)


def _print(answer: pa.RecordBatchReader, most: int) -> None:
    """The first rows as text."""
    import pyarrow as pa  # noqa: PLC0415

    from pcap_analyzer.export.tables.text import value_text  # noqa: PLC0415
    from pcap_analyzer.terminal.rows import write_rows  # noqa: PLC0415

    with closing(answer):
        first: list[tuple[str | None, ...]] = []
        for batch in answer:
            texts = [value_text(column).to_pylist() for column in batch.slice(0, most + 1 - len(first)).columns]
            first += zip(*texts, strict=True)
            if len(first) > most:
                break
    is_number = [
        pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
        for field in answer.schema
    ]
    width = shutil.get_terminal_size((NARROW, 0)).columns if sys.stdout.isatty() else WIDE
    write_rows(answer.schema.names, list(islice(first, most)), right=is_number, width=width, file=sys.stdout)
    if len(first) > most:
        print(f"the first {most:,} rows: --rows N shows more, -o FILE writes all")
    else:
        print(f"{len(first):,} {'row' if len(first) == 1 else 'rows'}")


def _bar(file: str) -> Any:
    """A progress bar where somebody watches."""
    if sys.stderr is None or not sys.stderr.isatty():
        return nullcontext()
    from pcap_analyzer.terminal.progress import ProgressBar  # noqa: PLC0415

    return ProgressBar(os.path.basename(file))
