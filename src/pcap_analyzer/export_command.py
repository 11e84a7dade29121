"""`pcap-analyzer export`: its options, and what they ask of `dataset`. pyarrow is imported when it runs, not before."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from contextlib import nullcontext
from typing import Any

from pcap_analyzer import __version__
from pcap_analyzer.ending import ended_in_order
from pcap_analyzer.errors import ExportError, FilterError
from pcap_analyzer.export.tables import TABLE_EXPORTERS
from pcap_analyzer.export.tables.endings import form_of
from pcap_analyzer.views.tables import ALL_TABLES, VIEWS

STANDARD = "-"
TEXT = """Write a table of captures as Parquet, Arrow, CSV or JSON Lines.

FILE is pcap or pcapng, plain or compressed, or - for standard input. Several captures become one dataset with a column
source_file, or with --join one recording in order of time, whose flows are then one. A file has its name only when
it is whole.

examples:
  pcap-analyzer export big.pcap                                 big.pcap.packets.parquet
  pcap-analyzer export big.pcap --table flows --format csv -o - | head
  pcap-analyzer export *.pcapng --table dns -o dns.parquet
  pcap-analyzer export big.pcap --columns timestamp,src,dst,original_length -o sizes.arrows --format arrow
  pcap-analyzer export big.pcap --filter 'port == 443 and ack_rtt > 200ms'
  pcap-analyzer export big.pcap --partition-by protocol -o packets/
  pcap-analyzer export big.pcap --table nfstream -o flows.csv   flows in the columns of another tool
  pcap-analyzer export --join ring_*.pcapng --table flows       one recording in several files

exit codes: 0 done, damage in a capture is a warning · 2 no capture, wrong use, or not written · 130 interrupted"""


def options(parser: ArgumentParser) -> None:
    parser.description = TEXT
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--join", action="store_true", help="the files are one recording: its flows go on over all")
    parser.add_argument(
        "--table",
        choices=ALL_TABLES,
        metavar="NAME",
        default="packets",
        help=f"{', '.join(name for name in ALL_TABLES if name not in VIEWS)}; or flows in the columns of another tool: "
        f"{', '.join(VIEWS)} (packets)",
    )
    parser.add_argument(
        "--format", choices=TABLE_EXPORTERS, help="by default what the output's name ends in, or parquet"
    )
    parser.add_argument("-o", "--output", metavar="FILE|DIR|-", help="where to; - is standard output")
    parser.add_argument(
        "--filter", metavar="TEXT", help="only rows for which this holds, e.g. 'host in 10.0.0.0/8 and retransmission'"
    )
    parser.add_argument("--columns", metavar="NAME,…", help="these columns in this order; by default all")
    parser.add_argument(
        "--partition-by", metavar="NAME,…", help="divide the rows by these columns into DIR/NAME=value/"
    )
    parser.add_argument("--compression", metavar="NAME", help="e.g. zstd or none; by default what suits the format")
    parser.add_argument("--threads", type=int, metavar="N", help="threads to read with (one a processor, at most 8)")


def run(given: Namespace) -> int:
    try:
        with ended_in_order():
            return _export(given)
    except FilterError as error:  # has lines of its own, in which the mistake is shown
        print(f"pcap-analyzer: {error}", file=sys.stderr)
        return 2


def _export(given: Namespace) -> int:
    folder = bool(given.partition_by) or _is_folder(given.output)
    form, compression = form_of(None if folder else given.output, given.format, given.compression)
    exporter = TABLE_EXPORTERS[form]
    if given.threads is not None and not 1 <= given.threads <= 16:
        raise ExportError(f"--threads is {given.threads}, expected 1 to 16")
    columns, partitions = _names("--columns", given.columns), _names("--partition-by", given.partition_by) or ()

    from pcap_analyzer import dataset  # noqa: PLC0415 - pyarrow takes 0.3 s

    captures: list[dataset.Input] = [tuple(given.files)] if given.join else list(given.files)
    damages: list[str] = []
    request = dataset.Request(
        table=given.table,
        columns=columns,
        filter=given.filter,
        named=len(captures) > 1 or dataset.SOURCE_FILE in partitions,
        threads=given.threads,
        version=__version__,
        sources=tuple(given.files),
        damaged=lambda file, damage: damages.append(f"{file} was read up to byte {damage.offset:,}: {damage.reason}"),
    )
    path = _path(given, exporter.suffix, bool(partitions))
    for file in given.files:
        if path != STANDARD and os.path.isfile(path) and os.path.isfile(file) and os.path.samefile(path, file):
            raise ExportError(f"{path} is the capture itself: give the table another name")
    with _bar(given.files[0]) as bar:
        if partitions:
            count = dataset.write_dataset(request, captures, path, exporter, compression, partitions, bar)
        else:
            count = dataset.write_file(request, captures, path, exporter, compression, bar)
    for damage in damages:
        print(f"pcap-analyzer: warning: {damage}", file=sys.stderr)
    if path != STANDARD and sys.stdout is not None:
        print(f"{path}: {count:,} rows of {given.table}")
    return 0


def _names(option: str, text: str | None) -> tuple[str, ...] | None:
    """What an option names; None where it is not given."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ExportError(
            f"{option} names no column: leave it out for {'all' if option == '--columns' else 'one file'}"
        )
    return names


def _is_folder(output: str | None) -> bool:
    return output is not None and (output.endswith(os.sep) or os.path.isdir(output))


def _path(given: Namespace, suffix: str, divided: bool) -> str:
    """Where the table goes: what was asked for, or a name of its own in the folder asked for."""
    base = "standard-input" if given.files[0] == STANDARD else os.path.basename(given.files[0])
    name = f"{base if len(given.files) == 1 else 'captures'}.{given.table}"
    output: str | None = given.output
    if divided:
        if output == STANDARD:
            raise ExportError("a dataset of several files needs a folder: use -o DIR")
        return output or name
    if output is None:
        return name + suffix
    if _is_folder(output):
        return os.path.join(output, name + suffix)
    return output


def _bar(file: str) -> Any:
    """A progress bar where somebody watches."""
    if sys.stderr is None or not sys.stderr.isatty():
        return nullcontext()
    from pcap_analyzer.terminal.progress import ProgressBar  # noqa: PLC0415

    return ProgressBar(os.path.basename(file))
