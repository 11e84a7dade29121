"""Every analysis there is, a page at a time, and what can be done with each by a form."""

from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromQuery, QueryParameter
from litestar.response import Redirect

from pcap_analyzer.jobs.model import State
from pcap_analyzer.web.injected import AnyRequest, Service, TaskId
from pcap_analyzer.web.onward import own_path
from pcap_analyzer.web.rendering import render
from pcap_analyzer.web.status import status_of

HISTORY = "/history"
_ROWS = 25

PageNumber = Annotated[int, QueryParameter(ge=1, le=1_000_000)]
Onward = FromQuery[str]


@get(HISTORY, sync_to_thread=True)
def history_page(
    request: AnyRequest, service: Service, status: FromQuery[State | None] = None, page: PageNumber = 1
) -> Response[bytes]:
    """Analyses, newest first, of one state or of all; how busy the service is."""
    found = service.history(_ROWS, (page - 1) * _ROWS, status)
    return render(
        "history.html",
        request.scope,
        analyses=[status_of(analysis) for analysis in found.analyses],
        total=found.total,
        page=page,
        pages=max(1, -(-found.total // _ROWS)),
        status=status.value if status else "",
        queue=service.queue(),
    )


@post("/analyses/{task_id:uuid}/cancel", status_code=303, sync_to_thread=True)
def cancel(task_id: TaskId, service: Service, next: Onward = HISTORY) -> Redirect:  # noqa: A002 - its name in the address
    """End an analysis, or an upload, before it is done."""
    service.cancel(str(task_id))
    return Redirect(own_path(next), status_code=303)


@post("/analyses/{task_id:uuid}/retry", status_code=303, sync_to_thread=True)
def retry(task_id: TaskId, service: Service) -> Redirect:
    """Run an analysis again that failed or was cancelled; leads to its page."""
    service.retry(str(task_id))
    return Redirect(f"/analyses/{task_id}", status_code=303)


@post("/analyses/{task_id:uuid}/delete", status_code=303, sync_to_thread=True)
def delete(task_id: TaskId, service: Service, next: Onward = HISTORY) -> Redirect:  # noqa: A002 - its name in the address
    """Forget an analysis with its capture and its reports."""
    service.delete(str(task_id))
    return Redirect(own_path(next), status_code=303)
