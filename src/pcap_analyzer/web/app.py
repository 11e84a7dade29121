"""The application: every route, and what holds for all of them."""

from collections.abc import Callable

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp, ControllerRouterHandler

from pcap_analyzer.audit import AuditLog
from pcap_analyzer.jobs.arrivals import Arrivals
from pcap_analyzer.jobs.service import AnalysisService
from pcap_analyzer.jobs.tables import Tables
from pcap_analyzer.web import analyses, flows, health, language, metrics, openapi, resumable, sign_in, tables, uploads
from pcap_analyzer.web.access import Guard
from pcap_analyzer.web.answers import EXCEPTION_HANDLERS
from pcap_analyzer.web.live import Live
from pcap_analyzer.web.pages import PAGES
from pcap_analyzer.web.precedence import few_at_a_time
from pcap_analyzer.web.rates import Rates
from pcap_analyzer.web.safety import Safety
from pcap_analyzer.web.static_files import plotly, static_files
from pcap_analyzer.web.vitals import Vitals


def create_app(
    service: AnalysisService,
    arrivals: Arrivals,
    kept_tables: Tables,
    guard: Guard,
    figures: metrics.Metrics,
    audit: AuditLog,
    rates: Rates,
    on_shutdown: Callable[[], None],
) -> ASGIApp:
    """The web face of `service`; `guard` says who may come in, `on_shutdown` is called once no request is answered."""
    vitals = Vitals(service, audit)
    live = Live(service)
    handlers: list[ControllerRouterHandler] = [
        *PAGES,
        *sign_in.ROUTES,
        language.choose,
        uploads.upload,
        *resumable.ROUTES,
        analyses.status,
        analyses.progress,
        analyses.history,
        analyses.queue_status,
        analyses.report,
        analyses.cancel,
        analyses.retry,
        analyses.remove,
        tables.listing,
        tables.table,
        flows.flow,
        flows.packets,
        flows.series,
        flows.capture,
        health.health,
        metrics.metrics,
        plotly,
        static_files(),
    ]
    dependencies = {
        "service": Provide(lambda: service, sync_to_thread=False),
        "arrivals": Provide(lambda: arrivals, sync_to_thread=False),
        "tables": Provide(lambda: kept_tables, sync_to_thread=False),
        "live": Provide(lambda: live, sync_to_thread=False),
        "figures": Provide(lambda: figures, sync_to_thread=False),
        "vitals": Provide(lambda: vitals, sync_to_thread=False),
        "guard": Provide(lambda: guard, sync_to_thread=False),
    }
    application = Litestar(
        route_handlers=[*handlers, *openapi.routes(handlers, dependencies)],
        dependencies=dependencies,
        exception_handlers=EXCEPTION_HANDLERS,
        on_startup=[few_at_a_time],
        on_shutdown=[on_shutdown],
        openapi_config=None,
        # Errors are logged where they are answered.
        logging_config=None,
    )
    return Safety(application, guard, audit, rates)
