"""What Prometheus reads: counted while the service works, and asked of the store when somebody reads."""

from collections.abc import Iterator

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pcap_analyzer.jobs.events import Event
from pcap_analyzer.jobs.model import State
from pcap_analyzer.jobs.service import AnalysisService

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

    def __call__(self, event: Event) -> None:
        """Count it."""
        subject, _, change = event.type.partition(".")
        if subject == "upload":
            self._uploads.labels(change).inc()
            self._bytes.inc(event.size_bytes)
        elif subject == "analysis":
            self._changes.labels(change).inc()
            self._measure(event)

    def watch(self, service: AnalysisService) -> None:
        """Ask `service` for analyses by state and for room whenever somebody reads."""
        self._registry.register(_State(service))

    def expose(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)

    def _measure(self, event: Event) -> None:
        analysis = event.analysis
        if analysis is None or analysis.started_at is None or event.type == "analysis.duplicate":
            return
        if event.type == "analysis.started":
            waited = analysis.started_at - analysis.created_at
            self._seconds.labels("waiting").observe(max(0.0, waited.total_seconds()))
        elif analysis.finished_at is not None:
            ran = max(0.0, (analysis.finished_at - analysis.started_at).total_seconds())
            self._seconds.labels("running").observe(ran)
            if event.type == "analysis.succeeded":
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
