"""One analysis: how far it has come, and its report."""

from litestar import Response, get
from litestar.response import Redirect

from pcap_analyzer.jobs.model import State
from pcap_analyzer.web.injected import AnyRequest, Service, TaskId
from pcap_analyzer.web.rendering import render
from pcap_analyzer.web.status import status_of


@get("/analyses/{task_id:uuid}", sync_to_thread=True)
def progress_page(request: AnyRequest, task_id: TaskId, service: Service) -> Response[bytes] | Redirect:
    """How far an analysis has come; leads on to the report."""
    analysis = service.get(str(task_id))
    if analysis.state is State.SUCCEEDED:
        return Redirect(f"/analyses/{task_id}/report", status_code=303)
    return render("progress.html", request.scope, analysis=status_of(analysis))


@get("/analyses/{task_id:uuid}/report", sync_to_thread=True)
def report_page(request: AnyRequest, task_id: TaskId, service: Service) -> Response[bytes] | Redirect:
    """The report in a frame of its own origin, below the way back and the downloads."""
    analysis = service.get(str(task_id))
    if analysis.state is not State.SUCCEEDED:
        return Redirect(f"/analyses/{task_id}", status_code=303)
    return render("report.html", request.scope, analysis=status_of(analysis))
