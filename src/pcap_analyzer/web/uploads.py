"""Captures coming in: one multipart form for each, streamed to disk."""

from datetime import datetime

from anyio.to_thread import run_sync
from litestar import Response, post
from litestar.response import Redirect
from msgspec import Struct

from pcap_analyzer.jobs.model import Analysis, State
from pcap_analyzer.web.injected import AnyRequest, ArrivalsOfService, Service
from pcap_analyzer.web.multipart_form import receive_file
from pcap_analyzer.web.problems import BadForm, wants_page

# What a form may be larger than its file: boundaries, headers, other small fields.
_FORM_BYTES = 64 << 10


class Accepted(Struct, frozen=True):
    """What the sender of a capture is told."""

    task_id: str
    filename: str
    file_size_bytes: int
    status: State
    progress_url: str
    created_at: datetime


# The body has no limit of litestar's: the service has its own, and counts while the bytes come.
@post("/api/upload", request_max_body_size=None, status_code=202)
async def upload(request: AnyRequest, service: Service, arrivals: ArrivalsOfService) -> Response[Accepted] | Redirect:
    """Take a capture and queue its analysis; a browser without scripts is led to the analysis' page."""
    announced = _announced_file_bytes(request)
    await run_sync(service.admit, announced)
    analysis = await receive_file(request, arrivals, announced)
    if wants_page(request):
        return Redirect(f"/analyses/{analysis.id}", status_code=303)
    return Response(_accepted(analysis), status_code=202, headers={"Location": f"/api/status/{analysis.id}"})


def _announced_file_bytes(request: AnyRequest) -> int | None:
    """A lower bound of the file's size; None for a body of unknown length."""
    announced = request.headers.get("content-length")
    if announced is None:
        return None
    if not announced.isdecimal():
        raise BadForm(f"Content-Length is {announced!r}, expected a number")
    return max(0, int(announced) - _FORM_BYTES)


def _accepted(analysis: Analysis) -> Accepted:
    return Accepted(
        task_id=analysis.id,
        filename=analysis.filename,
        file_size_bytes=analysis.size_bytes,
        status=analysis.state,
        progress_url=f"/api/progress/{analysis.id}",
        created_at=analysis.created_at,
    )
