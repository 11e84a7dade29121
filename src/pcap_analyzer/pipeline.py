"""The product on one page: open a capture, read its packets as columns, analyse it whole.

    analyze_capture   bytes → records → packets → flows and counters → Analysis
    open_capture      the same scan, handing out every packet as Arrow columns
    read_tables       the same once more, for those who keep the tables

numpy and what needs it are imported while the native scan is already running: a small capture is analysed in the time
that importing takes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from pcap_analyzer.capture.damage import Damage
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.capture.source import Limits, Source, open_source
from pcap_analyzer.errors import Cancelled
from pcap_analyzer.unnamed import unnamed_file

if TYPE_CHECKING:
    import pyarrow as pa

    from pcap_analyzer.analysis.dns import DnsTable
    from pcap_analyzer.analysis.flows import FlowTable
    from pcap_analyzer.analysis.model import Analysis, FirstResults

CapturePath = str | os.PathLike[str] | BinaryIO
Recording = Sequence[str | os.PathLike[str]]
"""The files of one recording, e.g. rotated captures, in any order."""

MAX_THREADS = 8  # by default; more bring little
MAX_WANTED_THREADS = 16
MAX_ROWS = 65536
ROWS_PER_EVENT_STEP = 8192
ROWS_ALONE = 1024  # measured: more brings one thread nothing; rows have 128 bytes, and stay in the cache
ROWS_PER_THREAD = 4096  # of several: with 1,024 they meet so often that it costs 2 to 4 %
FLOW_LIMIT = 1_000_000
CAPTURE_TABLES = frozenset({"packets", "tcp_events", "flows", "dns"})
"""Tables that a Capture gives, by methods of these names; all others an Analysis knows."""
LATE_IMPORTS = ("pcap_analyzer.analysis.assembly", "pcap_analyzer.findings")


class Progress(NamedTuple):
    """How far a scan has come. bytes_read: of the file as it lies on disk; bytes_total: None for a pipe."""

    packets: int
    bytes_read: int
    bytes_total: int | None
    seconds: float


def analyze_capture(
    path: CapturePath | Recording,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    threads: int | None = None,
    batch_size: int | None = None,
    flow_limit: int = FLOW_LIMIT,
    limits: Limits | None = None,
    meanwhile: Callable[[], object] | None = None,
    keep_flows: bool = True,
) -> Analysis:
    """Analyse a capture: a path, "-" for standard input, or a binary stream; or a list of files that are one recording.

    Files of a recording are joined in order of time: flows go on from one to the next, frames are counted on.
    progress: called about twenty times a second, at least once.  cancelled: asked as often; True raises Cancelled.
    threads: None for as many as there are processors, at most 8.  batch_size: packets handled at a time.  flow_limit:
    flows held in memory.  None of them changes the result.  meanwhile: called once, on another thread while the scan
    runs, for what the caller wants to have ready at its end.  keep_flows: False where `Analysis.flows()` is not asked
    for: more than 262,144 flows then need less memory at the end.  Raises CaptureError when there is nothing that can
    be read as a capture.
    """
    analysis = analyze_source(
        _opened(path, limits or Limits(), cancelled),
        progress=progress,
        cancelled=cancelled,
        threads=threads,
        batch_size=batch_size,
        flow_limit=flow_limit,
        meanwhile=meanwhile,
        keep_flows=keep_flows,
    )
    if not _can_be_read_again(path):
        return analysis
    from msgspec.structs import replace

    again = partial(open_capture, path, threads=threads, flow_limit=flow_limit)
    return replace(analysis, stream=partial(_streamed, again))


def analyze_source(
    source: Source,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    threads: int | None = None,
    batch_size: int | None = None,
    flow_limit: int = FLOW_LIMIT,
    meanwhile: Callable[[], object] | None = None,
    keep_flows: bool = True,
    first_results: Callable[[FirstResults], None] | None = None,
) -> Analysis:
    """The same for a source that is already open; closes it. See analyze_capture.

    first_results: told of what is known so far, about twice a second, less often where there are many flows.
    """
    threads = _wanted(threads, MAX_WANTED_THREADS, "threads", default_threads())
    rows = _wanted(batch_size, MAX_ROWS, "batch_size", _rows_at_a_time(threads))
    began = time.perf_counter()
    with scanning(source, threads, rows, flow_limit) as reader:
        prepared = _beside(meanwhile)  # not earlier: importing would hold up the start of the scan
        look = _looks(reader, first_results)
        for _ in reader.turns():
            if progress is not None:
                progress(
                    Progress(reader.scanner.rows, source.bytes_read, source.size_bytes, time.perf_counter() - began)
                )
            look()
            if cancelled is not None and cancelled():
                raise Cancelled(f"the analysis of {source.name} was cancelled at byte {reader.bytes_walked}")
        seconds = time.perf_counter() - began
        prepared()
        from pcap_analyzer.analysis.assembly import assemble
        from pcap_analyzer.findings import program

        return assemble(reader, seconds=seconds, threads=threads, program=program(), keep_flows=keep_flows)


def _streamed(
    again: Callable[[], Capture], name: str, columns: Sequence[str] | None, batch_size: int
) -> pa.RecordBatchReader:
    """A table of a capture that is opened for it, and closed at its end or when nobody has it any more."""
    capture = again()
    try:
        reader: pa.RecordBatchReader = getattr(capture, name)(columns, batch_size=batch_size)
    except BaseException:
        capture.close()
        raise
    return reader


def _can_be_read_again(path: CapturePath | Recording) -> bool:
    """Whether a path, or each of several, leads to a file; not to a pipe."""
    paths = path if isinstance(path, list | tuple) else [path]
    return all(isinstance(one, str | os.PathLike) and os.path.isfile(one) for one in paths)


def _looks(reader: CaptureReader, tell: Callable[[FirstResults], None] | None) -> Callable[[], None]:
    """What is to be called whenever the scan rests."""
    if tell is None:
        return lambda: None
    from pcap_analyzer.analysis.first_results import Diagnosing, FirstLooks
    from pcap_analyzer.analysis.model import EarlyFinding
    from pcap_analyzer.findings import found_so_far, program

    def judge(analysis: Analysis) -> list[EarlyFinding]:
        return [EarlyFinding(one.id, one.severity, one.title, one.flows_total) for one in found_so_far(analysis)]

    return FirstLooks(reader, tell, Diagnosing(program(), judge)).look


def _opened(path: CapturePath | Recording, limits: Limits, cancelled: Callable[[], bool] | None) -> Source:
    """One capture, or the files of a recording as one."""
    if isinstance(path, list | tuple):
        from pcap_analyzer.capture.recording import open_recording

        return open_recording(path, limits=limits, cancelled=cancelled)
    return open_source(cast("CapturePath", path), limits=limits, cancelled=cancelled)


def read_tables(
    path: CapturePath, on_events: Callable[[pa.RecordBatch], object], *, threads: int | None = None
) -> Analysis:
    """Read a capture once for every table but `packets`; the answer has them all but `tcp_events`.

    on_events: called with the rows of `tcp_events`, batch by batch, as they are met.  Otherwise as analyze_capture;
    nothing is diagnosed.
    """
    threads = _wanted(threads, MAX_WANTED_THREADS, "threads", default_threads())
    from pcap_analyzer.analysis.assembly import assemble
    from pcap_analyzer.event_stream import event_batches

    began = time.perf_counter()
    with scanning(open_source(path), threads, ROWS_PER_EVENT_STEP, FLOW_LIMIT, tcp_events=True) as reader:
        for batch in event_batches(reader, None, MAX_ROWS):
            on_events(batch)
        return assemble(reader, seconds=time.perf_counter() - began, threads=threads)


def open_capture(
    path: CapturePath | Recording,
    *,
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    flow_limit: int = FLOW_LIMIT,
) -> Capture:
    """Open a capture for reading its packets, or a list of files that are one recording. Raises CaptureError when it is
    none.

    threads, flow_limit: as in analyze_capture.  progress, cancelled: asked at every batch, in the thread that reads.
    """
    threads = _wanted(threads, MAX_WANTED_THREADS, "threads", default_threads())
    source = _opened(path, Limits(), cancelled)
    return Capture(source, threads, progress=progress, cancelled=cancelled, flow_limit=flow_limit)


class Capture:
    """A capture that is open for one pass: over its packets or its TCP events, or to its flows.

    Behind packets or events the flows are known too. It is an Arrow stream of its packets: duckdb, polars, pandas and
    pyarrow take it as it is.
    """

    def __init__(
        self,
        source: Source,
        threads: int,
        *,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        flow_limit: int = FLOW_LIMIT,
    ) -> None:
        self._source = source
        self._threads = threads
        self._flow_limit = flow_limit
        self._progress = progress
        self._cancelled = cancelled
        self._began = time.perf_counter()
        self._reader: CaptureReader | None = None
        self._flows: FlowTable | None = None
        self._dns: DnsTable | None = None
        self._closed = False

    def packets(
        self, columns: Sequence[str] | None = None, *, batch_size: int = 65536, flow_id: int | None = None
    ) -> pa.RecordBatchReader:
        """The table `packets` (schema.py) as a stream of record batches of at most `batch_size` rows.

        columns: those wanted, in the order of the table; None for all.  flow_id: only the packets of this flow; of
        the others no column is made.  The stream ends normally where a damaged file cannot be read further: see
        `damage`.  It can be taken once.  Raises KeyError for a column that does not exist, ValueError for a batch size
        outside 1 to 65,536.
        """
        import pyarrow as pa

        from pcap_analyzer.packet_stream import packet_schema
        from pcap_analyzer.schema import names_of

        self._check(batch_size)
        wanted = names_of(columns)
        schema = packet_schema(wanted)
        return pa.RecordBatchReader.from_batches(schema, self._batches(wanted, batch_size, flow_id))

    def _batches(
        self, columns: tuple[str, ...] | None, batch_size: int, flow_id: int | None
    ) -> Iterator[pa.RecordBatch]:
        from pcap_analyzer.packet_stream import flow_batches, packet_batches

        with scanning(self._source, self._threads, batch_size, self._flow_limit, tcp_rows=True) as reader:
            self._reader = reader
            if flow_id is None:
                batches = packet_batches(reader, columns, batch_size)
            else:
                batches = flow_batches(reader, columns, flow_id)
            for batch in batches:
                self._tell(reader)
                yield batch
            self._keep_tables(reader)

    def flows(self, columns: Sequence[str] | None = None, *, batch_size: int = 16_384) -> pa.RecordBatchReader:
        """The table `flows` (schema.py) as a stream of record batches of at most `batch_size` rows, by flow_id.

        Reads the capture to its end, unless its packets were: then it is known already. It can be taken again. Memory
        is held for one batch and what the flows themselves need. Raises KeyError for a column that does not exist,
        ValueError for a batch size outside 1 to 65,536, or while the packets are being read.
        """
        self._read_to_the_end()
        assert self._flows is not None
        return self._flows.batches(columns, batch_size)

    def dns(self, columns: Sequence[str] | None = None, *, batch_size: int = 16_384) -> pa.RecordBatchReader:
        """The table `dns` (schema.py) as a stream of record batches, in order of frame_number; otherwise as `flows`."""
        self._read_to_the_end()
        assert self._dns is not None
        return self._dns.batches(columns, batch_size)

    def _read_to_the_end(self) -> None:
        """Unless that was done before."""
        if self._closed or (self._reader is not None and self._flows is None):
            raise ValueError("the packets of this capture were not read to their end, or it was closed: open it again")
        if self._flows is not None:
            return
        rows = _rows_at_a_time(self._threads)
        with scanning(self._source, self._threads, rows, self._flow_limit) as reader:
            self._reader = reader
            for _ in reader.turns():
                self._tell(reader)
            self._keep_tables(reader)

    def _tell(self, reader: CaptureReader) -> None:
        """Say how far reading has come, and ask whether to go on."""
        if self._progress is not None:
            seconds = time.perf_counter() - self._began
            read, size = self._source.bytes_read, self._source.size_bytes
            self._progress(Progress(reader.scanner.rows, read, size, seconds))
        if self._cancelled is not None and self._cancelled():
            raise Cancelled(f"reading {self._source.name} was cancelled at byte {reader.bytes_walked}")

    def _keep_tables(self, reader: CaptureReader) -> None:
        """What is known of flows and DNS when the last packet was read; it outlives the reader."""
        from pcap_analyzer.analysis.dns import dns_table
        from pcap_analyzer.analysis.flows import flow_table

        self._flows = flow_table(reader.scanner)
        self._dns = dns_table(reader.scanner)

    def tcp_events(self, columns: Sequence[str] | None = None, *, batch_size: int = 65536) -> pa.RecordBatchReader:
        """The table `tcp_events` (schema.py) as a stream of record batches of `batch_size` rows, but for the last.

        What every segment that is marked was judged by, in the order of frames.  Everything else as for `packets`; of
        the two one can be taken, once, and `flows` behind it.
        """
        import pyarrow as pa

        from pcap_analyzer.event_stream import event_schema
        from pcap_analyzer.schema import names_of

        self._check(batch_size)
        wanted = names_of(columns)
        return pa.RecordBatchReader.from_batches(event_schema(wanted), self._event_batches(wanted, batch_size))

    def view(
        self, name: str, columns: Sequence[str] | None = None, *, batch_size: int = 16_384
    ) -> pa.RecordBatchReader:
        """Flows in the columns of another tool: zeek_conn, nfstream or cicflowmeter (docs/views.md), by flow_id.

        Reads the capture to its end before the first batch, in a pass of its own; memory is about a kilobyte a flow.
        Everything else as for `packets`.
        """
        import pyarrow as pa

        from pcap_analyzer.schema import names_of
        from pcap_analyzer.views.stream import view_schema

        self._check(batch_size)
        wanted = names_of(columns)
        return pa.RecordBatchReader.from_batches(
            view_schema(name, wanted), self._view_batches(name, wanted, batch_size)
        )

    def _view_batches(self, name: str, columns: tuple[str, ...] | None, batch_size: int) -> Iterator[pa.RecordBatch]:
        from pcap_analyzer.views.stream import view_batches

        rows = _rows_at_a_time(self._threads)
        with scanning(self._source, self._threads, rows, FLOW_LIMIT) as reader:
            self._reader = reader
            yield from view_batches(reader, name, columns, batch_size, lambda: self._tell(reader))
            self._keep_tables(reader)

    def _event_batches(self, columns: tuple[str, ...] | None, batch_size: int) -> Iterator[pa.RecordBatch]:
        from pcap_analyzer.event_stream import event_batches

        rows = ROWS_PER_EVENT_STEP
        with scanning(self._source, self._threads, rows, self._flow_limit, tcp_events=True) as reader:
            self._reader = reader
            for batch in event_batches(reader, columns, batch_size):
                self._tell(reader)
                yield batch
            self._keep_tables(reader)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """All columns of the packets by the Arrow PyCapsule interface, as packets() would give them."""
        return self.packets().__arrow_c_stream__(requested_schema)

    def _check(self, batch_size: int) -> None:
        """Raises ValueError where nothing can be taken, or not in such batches."""
        if self._reader is not None or self._closed:
            raise ValueError("the packets of this capture have been taken, or it was closed: open it again")
        _wanted(batch_size, MAX_ROWS, "batch_size", MAX_ROWS)

    @property
    def damage(self) -> Damage | None:
        """What ended reading before the end of the file; None where nothing did, or nothing was read yet."""
        return None if self._reader is None else self._reader.damage

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        self._closed = True
        self._flows = self._dns = None
        self._source.close()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _wanted(number: int | None, most: int, name: str, default: int) -> int:
    """A number that a caller gave, or the default for None. Raises ValueError outside 1 to `most`."""
    if number is None:
        return default
    if not 1 <= number <= most:
        raise ValueError(f"{name} is {number}, expected 1 to {most}")
    return number


def _rows_at_a_time(threads: int) -> int:
    return ROWS_ALONE if threads == 1 else min(MAX_ROWS, ROWS_PER_THREAD * threads)


def default_threads() -> int:
    """As many threads as this process may use processors, at most 8."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MAX_THREADS)


@contextmanager
def scanning(
    source: Source,
    threads: int,
    batch_rows: int,
    flow_limit: int,
    *,
    tcp_rows: bool = False,
    tcp_events: bool = False,
    blocks: Callable[[int, bytes], None] | None = None,
) -> Iterator[CaptureReader]:
    """A reader whose surplus flows and DNS transactions go to temporary files that vanish with it."""
    with ExitStack() as files:
        files.callback(source.close)
        spill, dns = (files.enter_context(unnamed_file()) for _ in range(2))
        reader = CaptureReader(
            source,
            threads=threads,
            batch_rows=batch_rows,
            flow_limit=flow_limit,
            spill_descriptor=spill.fileno(),
            dns_descriptor=dns.fileno(),
            tcp_rows=tcp_rows,
            tcp_events=tcp_events,
            blocks=blocks,
        )
        files.callback(reader.close)
        yield reader


def _beside(meanwhile: Callable[[], object] | None) -> Callable[[], None]:
    """Call `meanwhile` and import what the end of an analysis needs, on a thread; the answer waits for its end."""
    if all(module in sys.modules for module in LATE_IMPORTS) and meanwhile is None:
        return lambda: None

    def prepare() -> None:
        if meanwhile is not None:
            meanwhile()
        for module in LATE_IMPORTS:
            import_module(module)

    thread = threading.Thread(target=prepare, daemon=True)
    thread.start()
    return thread.join
