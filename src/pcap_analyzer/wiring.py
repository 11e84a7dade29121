"""The composition root: Settings in, a running service or worker out. Imports the adapters in use, no others."""

import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from pcap_analyzer import __version__
from pcap_analyzer.adapters.extractor import EXTRACTOR, ProcessExtractor
from pcap_analyzer.adapters.files import FileBlobs
from pcap_analyzer.adapters.observed import ObservedStore
from pcap_analyzer.adapters.peers import FilePeers, workers_in
from pcap_analyzer.adapters.process import WORKER, ProcessRunner
from pcap_analyzer.adapters.sql import SqlStore
from pcap_analyzer.audit import AuditLog
from pcap_analyzer.audit.changes import recorder
from pcap_analyzer.audit.log import opened
from pcap_analyzer.config import MIB, Settings, worker_environment
from pcap_analyzer.cores import available_cores
from pcap_analyzer.errors import SettingsError
from pcap_analyzer.jobs.arrivals import Arrivals
from pcap_analyzer.jobs.dispatcher import IDLE_S, Dispatcher
from pcap_analyzer.jobs.events import Event, Listener
from pcap_analyzer.jobs.heartbeat import Heartbeat
from pcap_analyzer.jobs.housekeeping import Housekeeping
from pcap_analyzer.jobs.service import AnalysisService, Limits
from pcap_analyzer.jobs.tables import Tables
from pcap_analyzer.pipeline import FLOW_LIMIT
from pcap_analyzer.redaction import redaction

# What reads captures again for those who look at flows is counted to the web server's memory, not to an analysis'.
# Its flows are bounded; the limit counts what libraries reserve, of which a fifth is used.
LOOKING_MIB = 1024
LOOKING_FLOWS = 100_000
LOOKING_CPU_SECONDS = 120
# A compressed capture may hold so many times the largest upload; a plain one could not be given at all.
MAX_GROWTH = 10
# What an analysis needs beside flows, and for each of them: its state, and its share in the sums at the end.
_BESIDE_FLOWS_BYTES = 160 * MIB
_FLOW_BYTES = 2048
_FEWEST_FLOWS = 10_000
# A process that a killed service was just starting holds the service's lock until it has become another program.
_UNLOCKED_S = 2.0
# Nobody wakes a worker process: it looks so often whether something is queued, before a follower would give way to it.
_ELSEWHERE_QUEUED_S = 0.1


def live_flows(memory_bytes: int) -> int:
    """How many flows an analysis may hold; more of them are put on disk, and read again at the end."""
    return max(_FEWEST_FLOWS, min(FLOW_LIMIT, (memory_bytes - _BESIDE_FLOWS_BYTES) // _FLOW_BYTES))


class _Listening:
    """Hands every event to whoever listens, in the thread that made it."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._opened = ExitStack()

    def listen(self, listener: Listener) -> None:
        """Tell it of every change from now on; it must not raise."""
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        """To all of them."""
        for listener in self._listeners:
            listener(event)

    def close(self) -> None:
        """Stop what runs and give everything back; analyses that were running are queued again."""
        self._opened.close()


class _Analysts(NamedTuple):
    """What runs analyses in one process, and what it keeps them in."""

    peers: FilePeers
    store: ObservedStore
    blobs: FileBlobs
    tables: Tables
    dispatcher: Dispatcher
    heartbeat: Heartbeat


class Running(_Listening):
    """The service and what it runs on, from the start to `close`."""

    def __init__(
        self, settings: Settings, worker: Sequence[str] = WORKER, extractor: Sequence[str] = EXTRACTOR
    ) -> None:
        super().__init__()
        with ExitStack() as opened:
            opened.callback(os.close, lock(settings.data_dir))
            self.audit = audit_log(settings)
            opened.callback(self.audit.close)
            self.listen(recorder(self.audit))
            self.audit.record("service.settings_loaded", settings=_shown(settings))
            parts = _analysts(settings, opened, self.tell, IDLE_S, worker, extractor)
            store, blobs, dispatcher = parts.store, parts.blobs, parts.dispatcher
            self.tables = parts.tables
            limits = Limits(settings.max_upload_size_mb * MIB, settings.max_queue_size)
            self.service = AnalysisService(
                store, blobs, limits, parts.peers.workers, on_queued=dispatcher.wake, on_ended=dispatcher.drop
            )
            kept = timedelta(hours=settings.report_ttl_hours)
            self.arrivals = Arrivals(store, blobs, self.service, kept, dispatcher.wake)
            housekeeping = Housekeeping(store, blobs, self.arrivals, kept, tell=self.tell)
            parts.heartbeat.start()
            housekeeping.start()
            opened.callback(housekeeping.stop)
            dispatcher.start()
            opened.callback(dispatcher.stop)
            opened.callback(self.audit.record, "service.stopped")
            self.audit.record("service.started", version=__version__)
            opened.callback(self.tables.stop)
            self._opened = opened.pop_all()


class Working(_Listening):
    """A worker process: what a service of the same folder queues is run here, from the start to `close`."""

    def __init__(
        self, settings: Settings, worker: Sequence[str] = WORKER, extractor: Sequence[str] = EXTRACTOR
    ) -> None:
        super().__init__()
        with ExitStack() as opened:
            audit = audit_log(settings, rotates=False)
            opened.callback(audit.close)
            self.listen(recorder(audit))
            parts = _analysts(settings, opened, self.tell, _ELSEWHERE_QUEUED_S, worker, extractor)
            self._dispatcher = parts.dispatcher
            parts.heartbeat.start()
            parts.dispatcher.start()
            opened.callback(parts.dispatcher.stop)
            opened.callback(audit.record, "worker.stopped")
            audit.record("worker.started", version=__version__, workers=settings.workers)
            opened.callback(parts.tables.stop)
            self._opened = opened.pop_all()

    def drain(self, seconds: float) -> None:
        """Take nothing more, and give what runs so long to end."""
        self._dispatcher.drain(seconds)


def _analysts(
    settings: Settings,
    opened: ExitStack,
    tell: Listener,
    idle_s: float,
    worker: Sequence[str],
    extractor: Sequence[str],
) -> _Analysts:
    """What any process needs that runs analyses; given back by `opened`. Nothing is started."""
    peers = FilePeers(peers_folder(settings.data_dir), settings.workers)
    opened.callback(peers.leave)
    store = ObservedStore(SqlStore(settings.database_url), tell)
    opened.callback(store.close)
    blobs = FileBlobs(settings.data_dir, peers.name, peers.alive)
    runner = ProcessRunner(
        worker_environment(),
        memory_bytes=settings.analysis_memory_mb * MIB,
        cpu_seconds=settings.analysis_cpu_seconds,
        max_ratio=settings.decompression_ratio_max,
        max_output=MAX_GROWTH * settings.max_upload_size_mb * MIB,
        flow_limit=live_flows(settings.analysis_memory_mb * MIB),
        threads=_threads(settings),
        command=worker,
    )
    tables = Tables(store, blobs, *_extractors(settings, extractor))
    dispatcher = Dispatcher(
        store,
        blobs,
        runner,
        settings.workers,
        peers.name,
        idle_s=idle_s,
        warn_ratio=settings.decompression_ratio_warn,
        afterwards=tables.tabulate,
        tell=tell,
    )
    heartbeat = Heartbeat(store, dispatcher, peers)
    opened.callback(heartbeat.stop)
    return _Analysts(peers, store, blobs, tables, dispatcher, heartbeat)


def audit_log(settings: Settings, *, rotates: bool = True) -> AuditLog:
    """Where events are recorded.  rotates: false beside a service that may be running, and does it."""
    hide = redaction(settings.log_mode, (settings.auth_token,) if settings.auth_token else ())
    return opened(settings.data_dir, settings.audit_log, settings.audit_log_max_mb, hide, rotates=rotates)


def _shown(settings: Settings) -> dict[str, str]:
    """Settings as text, by the names of their variables; whether there is a token, not which."""
    known = {name.upper(): str(value) for name, value in asdict(settings).items()}
    return known | {"AUTH_TOKEN": "set" if settings.auth_token else "none"}


def _extractors(settings: Settings, command: Sequence[str]) -> tuple[ProcessExtractor, ProcessExtractor]:
    """What writes the tables of an analysis, in its place and with its limits; and what reads for those who look."""
    threads = _threads(settings)
    tabulating = ProcessExtractor(
        worker_environment(),
        memory_bytes=settings.analysis_memory_mb * MIB,
        cpu_seconds=settings.analysis_cpu_seconds,
        threads=threads,
        flow_limit=live_flows(settings.analysis_memory_mb * MIB),
        command=command,
    )
    looking = ProcessExtractor(
        worker_environment(),
        memory_bytes=LOOKING_MIB * MIB,
        cpu_seconds=min(LOOKING_CPU_SECONDS, settings.analysis_cpu_seconds),
        threads=threads,
        flow_limit=LOOKING_FLOWS,
        command=command,
    )
    return tabulating, looking


def _threads(settings: Settings) -> int:
    """For each analysis, its share of the processors."""
    return max(1, available_cores() // max(1, settings.workers))


def peers_folder(data_dir: Path) -> Path:
    """Where the processes that analyse for this folder know each other."""
    return data_dir / ".processes"


def require_no_workers(data_dir: Path) -> None:
    """Raises SettingsError where a process analyses for this folder."""
    if workers_in(peers_folder(data_dir)):
        raise SettingsError(f"DATA_DIR is {str(data_dir)!r}, which a running worker uses; end it, then try again")


def sqlite_file(settings: Settings) -> Path:
    """The file of the database. Raises SettingsError where it is none."""
    kind, _, file = settings.database_url.partition(":///")
    if kind != "sqlite":
        raise SettingsError(
            f"DATABASE_URL is of {kind}; allowed is SQLite here, others have tools of their own for this"
        )
    return Path(file)


def lock(data_dir: Path) -> int:
    """Claim the folder: two services would both expire, sweep and recover what is there."""
    descriptor = os.open(data_dir / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + _UNLOCKED_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(_UNLOCKED_S / 20)
                continue
            os.close(descriptor)
            raise SettingsError(
                f"DATA_DIR is {str(data_dir)!r}, which another running service uses; allowed is a folder of its own"
            ) from None
        return descriptor
