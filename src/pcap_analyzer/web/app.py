"""The application: every route, and what holds for all of them."""

from collections.abc import Callable
from pathlib import Path

from litestar import Litestar
from litestar.di import Provide
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, PathType

from pcap_analyzer.export import html
from pcap_analyzer.jobs.service import AnalysisService
from pcap_analyzer.web import analyses, health, uploads
from pcap_analyzer.web.pages import PAGES
from pcap_analyzer.web.problems import EXCEPTION_HANDLERS
from pcap_analyzer.web.safety import Safety

# The report's own styles too: its colours and type are those of every page.
STATIC: list[PathType] = [Path(__file__).parent / "static", html.STATIC]


def create_app(service: AnalysisService, on_shutdown: Callable[[], None]) -> ASGIApp:
    """The web face of `service`; `on_shutdown` is called once no request is answered any more."""
    application = Litestar(
        route_handlers=[
            *PAGES,
            uploads.upload,
            analyses.status,
            analyses.progress,
            analyses.history,
            analyses.queue_status,
            analyses.report,
            health.health,
            create_static_files_router("/static", STATIC),
        ],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        on_shutdown=[on_shutdown],
        openapi_config=None,
        # Errors are logged where they are answered.
        logging_config=None,
    )
    return Safety(application)
