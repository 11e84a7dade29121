"""The process that takes things out of a capture, `python -m pcap_analyzer.jobs.extraction`.

A TakingOrder comes as JSON on standard input; Taken or NotTaken goes out as JSON on standard output. It limits itself
before it opens the capture.
"""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa

from pcap_analyzer import __version__
from pcap_analyzer.dataset import Request, grouped
from pcap_analyzer.errors import CaptureError, ExportError
from pcap_analyzer.export.tables import TABLE_EXPORTERS
from pcap_analyzer.jobs.disk import is_full
from pcap_analyzer.jobs.limits import limit_this_process
from pcap_analyzer.jobs.takings import PACKETS, SLICE, NotTaken, Taken, Taking, TakingOrder
from pcap_analyzer.pipeline import open_capture, read_tables
from pcap_analyzer.slices import slice_capture

# Rows read at once when a page is asked for: with all 230 columns of `flows`, some 40 MB.
GROUP_ROWS = 1 << 15
COMPRESSION = "zstd"
DISK_FULL = "the disk of this service became full; ask whoever runs it to make room, then try again"


def take(order: TakingOrder) -> Taken:
    """Fill the files of an order. Raises CaptureError, ExportError, OSError."""
    taking = order.taking
    if taking.flow_id is None:
        return Taken(_tables(taking, order.threads))
    rows: dict[str, int] = {}
    if SLICE in taking.files:
        rows[SLICE] = _slice(taking, order)
    if PACKETS in taking.files:
        rows[PACKETS] = _packets(taking, order)
    return Taken(rows)


def _tables(taking: Taking, threads: int) -> dict[str, int]:
    """Every table that is asked for, in one reading of the capture."""
    with _table(taking, "tcp_events") as events:
        known = read_tables(taking.capture, events.add, threads=threads)
    rows = {"tcp_events": events.rows}
    for name in taking.files:
        if name not in rows:
            with _table(taking, name) as table:
                for batch in known.table(name):
                    table.add(batch)
            rows[name] = table.rows
    return rows


def _packets(taking: Taking, order: TakingOrder) -> int:
    with (
        open_capture(taking.capture, threads=order.threads, flow_limit=order.flow_limit) as capture,
        _table(taking, PACKETS) as table,
    ):
        for batch in capture.packets(flow_id=taking.flow_id):
            table.add(batch)
    return table.rows


def _slice(taking: Taking, order: TakingOrder) -> int:
    sliced = slice_capture(
        taking.capture,
        f"flow_id == {taking.flow_id}",
        str(taking.files[SLICE]),
        threads=order.threads,
        flow_limit=order.flow_limit,
    )
    return sliced.packets


class _Table:
    """A Parquet file that is filled batch by batch, in row groups of a size of our own."""

    def __init__(self, taking: Taking, name: str) -> None:
        self.rows = 0
        self._schema = Request(name, version=__version__, sources=(taking.filename,)).schema
        self._sink = pa.OSFile(str(taking.files[name]), "wb")
        self._writer = TABLE_EXPORTERS["parquet"].open(self._sink, self._schema, COMPRESSION)
        self._held: list[pa.Table] = []
        self._held_rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        self._held.append(pa.Table.from_batches([batch]).cast(self._schema))
        self._held_rows += batch.num_rows
        self.rows += batch.num_rows
        if self._held_rows >= GROUP_ROWS:
            self._write(last=False)

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        self._write(last=True)
        self._writer.close()
        self._sink.close()

    def _write(self, *, last: bool) -> None:
        groups = list(grouped(iter(self._held), GROUP_ROWS))
        self._held = [] if last or self._held_rows % GROUP_ROWS == 0 else [groups.pop()]
        self._held_rows = sum(held.num_rows for held in self._held)
        for group in groups:
            self._writer.write(group)


@contextmanager
def _table(taking: Taking, name: str) -> Iterator[_Table]:
    """The file of a table; whole only if the block ends well."""
    table = _Table(taking, name)
    yield table
    table.close()


def main() -> None:
    """Carry out the order on standard input."""
    said = os.dup(1)
    os.dup2(2, 1)  # whatever else prints goes to standard error
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=TakingOrder, dec_hook=_path)
    limit_this_process(order.memory_bytes, order.cpu_seconds)
    pa.set_cpu_count(max(1, order.threads))
    os.write(said, msgspec.json.encode(_answer(order)))


def _answer(order: TakingOrder) -> Taken | NotTaken:
    taking = order.taking
    try:
        return take(order)
    except CaptureError as error:
        told = str(error).replace(str(taking.capture), taking.filename).replace(taking.capture.name, taking.filename)
        return NotTaken(told[:2000])
    except (MemoryError, pa.ArrowMemoryError):
        return _memory(order)
    except ImportError as error:  # of a library for which there is no memory left; it could be loaded without a limit
        traceback.print_exception(error)
        return _memory(order)
    except (ExportError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return _memory(order)
        if isinstance(error, OSError) and not is_full(error):
            traceback.print_exception(error)
        return NotTaken(DISK_FULL if isinstance(error, ExportError) or is_full(error) else _OWN)
    except Exception as error:
        traceback.print_exception(error)
        return NotTaken(_OWN)


def _memory(order: TakingOrder) -> NotTaken:
    return NotTaken(f"it needs more than the {order.memory_bytes >> 20} MiB of memory that it may use")


_OWN = "the service met an error of its own; its log has the trace"


def _path(kind: type[Path], text: str) -> Path:
    # Paths are all that an order holds beside what JSON knows.
    return kind(text)


if __name__ == "__main__":
    main()
