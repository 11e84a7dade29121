"""The tables of analyses: written once a report is out, found by name, and what is taken of single flows on demand.

The list of tables is a file that is committed last: without it there are none, whatever was killed. What is missing is
made when somebody asks; of flows only the last asked for is kept.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from pcap_analyzer.jobs.files import delete_files
from pcap_analyzer.jobs.model import Analysis, State
from pcap_analyzer.jobs.ports import Blobs, NewBlob, Store
from pcap_analyzer.jobs.refusals import Expired, NoReport, NotTakeable, TooManyReadings, UnknownFlow, UnknownTable
from pcap_analyzer.jobs.takings import KEPT_TABLES, PACKETS, SLICE, Extractor, NotTaken, Taking
from pcap_analyzer.schema import VERSION

log = logging.getLogger(__name__)

ALL_FILES = {name: f"{name}.parquet" for name in KEPT_TABLES}
LIST = "tables.json"
SUFFIXES = {PACKETS: ".packets.parquet", SLICE: ".pcapng"}
# One at a time reads captures for those who look at flows; so many may wait.
MAX_WAITING = 20
KEPT_FLOWS = 100
"""Files taken of single flows that are kept, of all analyses."""
# Why something could not be taken is told so long before it is tried again.
_REMEMBERED_S = 60.0
_MAX_REMEMBERED = 1000


class TableList(msgspec.Struct, frozen=True):
    """The tables of an analysis: rows by name, and the version of their columns."""

    schema_version: str
    rows: dict[str, int]


class Tables:
    """tabulating: what writes all tables, in the place of an analysis.  looking: what reads for those who look."""

    def __init__(self, store: Store, blobs: Blobs, tabulating: Extractor, looking: Extractor) -> None:
        self._store = store
        self._blobs = blobs
        self._tabulating = tabulating
        self._looking = looking
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="looking")
        self._lock = threading.Lock()
        self._running: dict[str, Future[None]] = {}
        self._failed: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._flow_files: OrderedDict[str, None] = OrderedDict()

    # ------------------------------------------------------------ all tables

    def tabulate(self, analysis: Analysis) -> None:
        """Write the tables of an analysis that has just succeeded; why they could not be stands in the log."""
        key, future = _all_tables(analysis), Future[None]()
        with self._lock:
            if key in self._running:
                return
            self._running[key] = future
        try:
            self._take(analysis, ALL_FILES, None, self._tabulating)
        except Exception as error:
            future.set_exception(error)
            if not isinstance(error, NotTakeable):
                log.exception("the tables of analysis %s", analysis.id)
        else:
            future.set_result(None)
        finally:
            self._forget(key)

    def listed(self, analysis: Analysis) -> TableList | None:
        """The tables there are; None where they are not written yet. Raises NoReport, Expired."""
        require_results(analysis)
        try:
            return msgspec.json.decode(self._blobs.path(analysis.table(LIST)).read_bytes(), type=TableList)
        except FileNotFoundError:
            return None

    def writing(self, analysis: Analysis) -> Future[None]:
        """The tables on their way; begun, where nobody is at it. Raises NoReport, Expired, TooManyReadings."""
        require_results(analysis)
        return self._begin(_all_tables(analysis), lambda: self._write_missing(analysis))

    def path(self, analysis: Analysis, table: str) -> Path:
        """The file of a table that is listed. Raises UnknownTable, NotTakeable."""
        if table not in KEPT_TABLES:
            raise UnknownTable(f"there is no table {table}; there are {', '.join(KEPT_TABLES)}")
        return self._found(analysis.table(f"{table}.parquet"))

    # ------------------------------------------------------------ one flow

    def of_flow(self, analysis: Analysis, flow_id: int, kind: str) -> Future[None]:
        """PACKETS or SLICE of a flow on its way, done where it is kept. Raises NoReport, Expired, TooManyReadings."""
        require_results(analysis)
        name = self._flow_name(analysis, flow_id, kind)
        with suppress(FileNotFoundError):
            self._blobs.path(name)
            done: Future[None] = Future()
            done.set_result(None)
            return done
        return self._begin(name, lambda: self._take_flow(analysis, flow_id, kind))

    def flow_path(self, analysis: Analysis, flow_id: int, kind: str) -> Path:
        """The file, once it was taken. Raises NotTakeable where it was removed meanwhile."""
        name = self._flow_name(analysis, flow_id, kind)
        with self._lock:
            self._flow_files[name] = None
            self._flow_files.move_to_end(name)
        return self._found(name)

    def require_flow(self, known: TableList, flow_id: int) -> None:
        """Raises UnknownFlow."""
        flows = known.rows["flows"]
        if flow_id >= flows:
            told = f"they are numbered from 0 to {flows - 1}" if flows else "there are none"
            raise UnknownFlow(f"the capture has no flow {flow_id}; {told}")

    # ------------------------------------------------------------ taking

    def stop(self) -> None:
        """End what runs, and begin nothing more."""
        self._tabulating.stop()
        self._looking.stop()
        self._pool.shutdown(cancel_futures=True)

    def _begin(self, key: str, work: Callable[[], None]) -> Future[None]:
        with self._lock:
            when, told = self._failed.get(key, (0.0, ""))
            if told and time.monotonic() - when < _REMEMBERED_S:
                raise NotTakeable(told)
            if key in self._running:
                return self._running[key]
            if len(self._running) > MAX_WAITING:
                raise TooManyReadings("too many captures are being read for others; try again in a few seconds")
            future = self._running[key] = self._pool.submit(work)
        # It may be done by now, and then this is called at once.
        future.add_done_callback(lambda _: self._forget(key))
        return future

    def _forget(self, key: str) -> None:
        with self._lock:
            self._running.pop(key, None)

    def _write_missing(self, analysis: Analysis) -> None:
        if self.listed(analysis) is None:
            self._take(analysis, ALL_FILES, None, self._tabulating)

    def _take_flow(self, analysis: Analysis, flow_id: int, kind: str) -> None:
        self._make_room(analysis)
        name = self._flow_name(analysis, flow_id, kind)
        self._take(analysis, {kind: name.removeprefix(f"{analysis.tables}/")}, flow_id, self._looking)

    def _take(self, analysis: Analysis, files: Mapping[str, str], flow_id: int | None, extractor: Extractor) -> None:
        """Fill files beside the tables. Raises NotTakeable."""
        with ExitStack() as undo:
            blobs: dict[str, NewBlob] = {}
            for kind, file in files.items():
                blobs[kind] = self._blobs.create(analysis.table(file))
                undo.callback(blobs[kind].discard)
            paths = {kind: blob.path for kind, blob in blobs.items()}
            capture = self._capture(analysis)
            taken = extractor.take(Taking(capture, analysis.filename, paths, flow_id, analysis.id))
            if isinstance(taken, NotTaken):
                raise self._not_taken(analysis, flow_id, files, taken)
            for blob in blobs.values():
                blob.commit()
            if flow_id is None:
                self._list(analysis, TableList(VERSION, taken.rows))
        now = self._store.get(analysis.id)
        if now is None or now.state is not State.SUCCEEDED:
            delete_files(self._blobs, analysis)

    def _list(self, analysis: Analysis, known: TableList) -> None:
        new = self._blobs.create(analysis.table(LIST))
        new.path.write_bytes(msgspec.json.encode(known))
        new.commit()

    def _capture(self, analysis: Analysis) -> Path:
        try:
            return self._blobs.path(analysis.upload)
        except FileNotFoundError:
            raise NotTakeable(f"the capture {analysis.filename} is no longer stored; upload it again") from None

    def _not_taken(
        self, analysis: Analysis, flow_id: int | None, files: Mapping[str, str], why: NotTaken
    ) -> NotTakeable:
        what = "its tables" if flow_id is None else f"flow {flow_id}"
        told = f"{what} could not be taken out of the capture: {why.reason}"
        if not why.stopped:
            log.warning("analysis %s: %s", analysis.id, ascii(told))
            key = _all_tables(analysis) if flow_id is None else analysis.table(*files.values())
            with self._lock:
                self._failed[key] = time.monotonic(), told
                if len(self._failed) > _MAX_REMEMBERED:
                    self._failed.popitem(last=False)
        return NotTakeable(told)

    def _make_room(self, analysis: Analysis) -> None:
        """Delete what was asked for longest ago; what an earlier run of the service took goes first."""
        tables = {analysis.table(file) for file in (*ALL_FILES.values(), LIST)}
        with self._lock:
            unwanted = [
                name for name in self._blobs.names(analysis.tables) if name not in tables | self._flow_files.keys()
            ]
            while len(self._flow_files) >= KEPT_FLOWS:
                unwanted.append(self._flow_files.popitem(last=False)[0])
        for name in unwanted:
            self._blobs.delete(name)

    def _flow_name(self, analysis: Analysis, flow_id: int, kind: str) -> str:
        return analysis.table(f"flow-{flow_id}{SUFFIXES[kind]}")

    def _found(self, name: str) -> Path:
        try:
            path = self._blobs.path(name)
        except FileNotFoundError:
            raise NotTakeable("it was removed meanwhile; ask again") from None
        return path


def _all_tables(analysis: Analysis) -> str:
    """What the writing of all tables is known by."""
    return f"{analysis.tables}/"


def require_results(analysis: Analysis) -> None:
    """Raises NoReport, Expired."""
    if analysis.state is State.EXPIRED:
        raise Expired(f"the tables of {analysis.filename} have expired; upload the capture again")
    if analysis.state is not State.SUCCEEDED:
        raise NoReport(f"the analysis of {analysis.filename} is {analysis.state}; it has no tables")
