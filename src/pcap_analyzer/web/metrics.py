"""What Prometheus reads: counted while the service works, and asked of the store when somebody reads.

How analyses went is asked, because worker processes run them as well as the service. What ends and is deleted between
two readings is not counted.
"""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pcap_analyzer.jobs.events import Event
from pcap_analyzer.jobs.model import Analysis, State
from pcap_analyzer.jobs.service import AnalysisService, utc_now

# What ended so long ago was written since: the moment is taken before the store is asked to keep it.
_LATEST = timedelta(seconds=60)
_ASKED = {"started", "succeeded", "failed"}
_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """The figures of one service. Give it every event; `expose` them. No label comes from a capture or a user."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._uploads = Counter(
            "pcap_analyzer_uploads", "Uploads that began in parts, or came whole", ["event"], registry=self._registry
        )
        self._bytes = Counter("pcap_analyzer_upload_bytes", "Bytes of whole uploads", registry=self._registry)
        self._changes = Counter(
            "pcap_analyzer_analysis_changes", "What became of analyses", ["change"], registry=self._registry
        )
        self._seconds = Histogram(
            "pcap_analyzer_stage_seconds",
            "Seconds that analyses spent waiting and running",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._packets = Counter("pcap_analyzer_packets", "Packets of analyses that succeeded", registry=self._registry)
        self._speed = Gauge(
            "pcap_analyzer_packets_per_second", "Of the analysis that succeeded last", registry=self._registry
        )

        self._service: AnalysisService | None = None
        self._asking = threading.Lock()
        self._since = utc_now()
        self._counted: set[tuple[str, datetime | None]] = set()

    def __call__(self, event: Event) -> None:
        """Count it."""
        subject, _, change = event.type.partition(".")
        if subject == "upload":
            self._uploads.labels(change).inc()
            self._bytes.inc(event.size_bytes)
        elif subject == "analysis" and change not in _ASKED:
            self._changes.labels(change).inc()

    def watch(self, service: AnalysisService) -> None:
        """Ask `service` for analyses by state, for what ended and for room whenever somebody reads."""
        self._service = service
        self._registry.register(_State(service))

    def expose(self) -> bytes:
        """Prometheus' text format."""
        if self._service is not None:
            with self._asking:
                self._count_ended(self._service)
        return generate_latest(self._registry)

    def _count_ended(self, service: AnalysisService) -> None:
        now = utc_now()
        ended = {(one.id, one.finished_at): one for one in service.ended_since(self._since)}
        for key in ended.keys() - self._counted:
            self._measure(ended[key])
        self._since, self._counted = max(self._since, now - _LATEST), set(ended)

    def _measure(self, analysis: Analysis) -> None:
        self._changes.labels("started").inc(analysis.attempts)
        self._changes.labels(str(analysis.state)).inc()
        if analysis.started_at is None or analysis.finished_at is None:
            return
        waited, ran = analysis.started_at - analysis.created_at, analysis.finished_at - analysis.started_at
        self._seconds.labels("waiting").observe(max(0.0, waited.total_seconds()))
        self._seconds.labels("running").observe(max(0.0, ran.total_seconds()))
        if analysis.state is State.SUCCEEDED:
            progress = analysis.progress
            self._packets.inc(progress.packets)
            self._speed.set(progress.packets / progress.seconds if progress.seconds else 0)


class _State(Collector):
    def __init__(self, service: AnalysisService) -> None:
        self._service = service

    def collect(self) -> Iterator[GaugeMetricFamily]:
        by_state = GaugeMetricFamily("pcap_analyzer_analyses", "Analyses that are kept, by state", labels=["state"])
        for state in State:
            by_state.add_metric([state.value], self._service.history(1, 0, state).total)
        yield by_state
        limits = self._service.limits
        yield GaugeMetricFamily("pcap_analyzer_queue_limit", "Analyses that may wait", limits.max_queued)
        yield GaugeMetricFamily(
            "pcap_analyzer_workers", "Analyses that may run at a time", self._service.queue().workers
        )
        yield GaugeMetricFamily("pcap_analyzer_disk_free_bytes", "Room for captures", self._service.free_bytes())

    def describe(self) -> list[GaugeMetricFamily]:
        return []


TheMetrics = NamedDependency[SkipValidation[Metrics]]


@get("/metrics", sync_to_thread=True)
def metrics(figures: TheMetrics) -> Response[bytes]:
    """For Prometheus; asks for the token as everything does."""
    return Response(figures.expose(), headers={"Content-Type": CONTENT_TYPE_LATEST})
