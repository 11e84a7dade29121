"""The first page: where captures are given."""

from litestar import Response, get

from pcap_analyzer.web.injected import AnyRequest, Service
from pcap_analyzer.web.rendering import render
from pcap_analyzer.web.status import status_of

_RECENT = 8


@get("/", sync_to_thread=True)
def upload_page(request: AnyRequest, service: Service) -> Response[bytes]:
    """Where a capture is dropped or chosen, and what was analysed lately."""
    recent = [status_of(analysis) for analysis in service.history(_RECENT, 0).analyses]
    return render("upload.html", request.scope, recent=recent, max_bytes=service.limits.max_upload_bytes)
