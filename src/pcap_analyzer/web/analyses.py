"""How analyses stand, and their reports."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import ServerSentEventMessage, Stream

from pcap_analyzer.audit import note
from pcap_analyzer.export import EXPORTERS, html, json
from pcap_analyzer.jobs.model import State
from pcap_analyzer.jobs.refusals import UnknownAnalysis
from pcap_analyzer.web.injected import AnyRequest, LiveOfService, Service, TaskId
from pcap_analyzer.web.language import spoken
from pcap_analyzer.web.live import LOOK_EVERY_S, Live
from pcap_analyzer.web.messages import teller
from pcap_analyzer.web.policy import new_nonce, report_policy
from pcap_analyzer.web.status import Status, status_of

# A silent stream looks dead to proxies.
_SIGN_OF_LIFE_S = 15.0
_RECONNECT_AFTER_MS = 1000
# Proxies that gather answers would gather this one for ever.
_UNBUFFERED = {"X-Accel-Buffering": "no"}

Limit = Annotated[int, QueryParameter(ge=1, le=500)]
Offset = Annotated[int, QueryParameter(ge=0, le=1 << 31)]


class History(msgspec.Struct, frozen=True):
    """A page of analyses, newest first; total: how many match in all."""

    analyses: list[Status]
    total: int
    limit: int
    offset: int


class QueueStatus(msgspec.Struct, frozen=True):
    """How busy the service is."""

    queued: int
    running: int
    max_queue_size: int
    workers: int


@get("/api/status/{task_id:uuid}", sync_to_thread=True)
def status(request: AnyRequest, task_id: TaskId, service: Service) -> Status:
    """One analysis; why it ended, in the language of whoever asks."""
    found = status_of(service.get(str(task_id)))
    told = teller(spoken(request.headers))
    return msgspec.structs.replace(found, reason=None if found.reason is None else told(found.reason))


@get("/api/history", sync_to_thread=True)
def history(
    service: Service,
    limit: Limit = 50,
    offset: Offset = 0,
    status: FromQuery[State | None] = None,
) -> History:
    """Analyses, newest first."""
    page = service.history(limit, offset, status)
    return History([status_of(analysis) for analysis in page.analyses], page.total, limit, offset)


@get("/api/queue/status", sync_to_thread=True)
def queue_status(service: Service) -> QueueStatus:
    """How many analyses wait and run."""
    queue = service.queue()
    return QueueStatus(queue.queued, queue.running, queue.max_queued, queue.workers)


@get("/api/progress/{task_id:uuid}")
async def progress(request: AnyRequest, task_id: TaskId, live: LiveOfService) -> Response[None] | Stream:
    """LiveStatus as server-sent events, whole each time: a client that missed some has missed nothing.

    Why it ended and what was found is told in the language of whoever asks.

    The id of an event stands for what it says, so whoever comes back with the last one is told only what is new, also
    after a restart of the service. 204 once nothing more will come: a browser then stops asking.
    """
    known = request.headers.get("last-event-id")
    now = await live.look(str(task_id))
    if now.final and now.id == known:
        return Response(None, status_code=204)
    changes = _changes(live, str(task_id), known, spoken(request.headers))
    return Stream(changes, media_type="text/event-stream", headers=_UNBUFFERED)


async def _changes(live: Live, analysis_id: str, known: str | None, language: str) -> AsyncIterator[bytes]:
    silent_s = 0.0
    while True:
        try:
            now = await live.look(analysis_id)
        except UnknownAnalysis:
            return  # deleted; who connects again is told so
        if now.id != known:
            known, silent_s = now.id, 0.0
            data = now.told(language)
            yield ServerSentEventMessage(event="status", id=now.id, retry=_RECONNECT_AFTER_MS, data=data).encode()
        elif silent_s >= _SIGN_OF_LIFE_S:
            silent_s = 0.0
            yield ServerSentEventMessage(comment="still here", data=None).encode()
        if now.final:
            return
        await asyncio.sleep(LOOK_EVERY_S)
        silent_s += LOOK_EVERY_S


@post("/api/analyses/{task_id:uuid}/cancel", status_code=200, sync_to_thread=True)
def cancel(task_id: TaskId, service: Service) -> Status:
    """End an analysis, or an upload, before it is done."""
    return status_of(service.cancel(str(task_id)))


@post("/api/analyses/{task_id:uuid}/retry", status_code=202, sync_to_thread=True)
def retry(task_id: TaskId, service: Service) -> Status:
    """Run an analysis again that failed or was cancelled."""
    return status_of(service.retry(str(task_id)))


@delete("/api/reports/{task_id:uuid}", sync_to_thread=True)
def remove(task_id: TaskId, service: Service) -> None:
    """Forget an analysis with its capture and its reports; a run ends."""
    service.delete(str(task_id))


@get("/api/reports/{task_id:uuid}/{kind:str}", sync_to_thread=True)
def report(
    request: AnyRequest, task_id: TaskId, kind: FromPath[str], service: Service, download: FromQuery[bool] = False
) -> Response[bytes]:
    """The report in one of the formats of EXPORTERS; the page has a nonce of its own in every answer.

    The page is stored in English; in another language it is made from the JSON.
    """
    if kind not in EXPORTERS:
        raise NotFoundException(f"there is no report as {kind}; there is {' and '.join(EXPORTERS)}")
    analysis = service.results_of(str(task_id))
    headers: dict[str, str] = {}
    body = service.report(analysis, kind).read_bytes()
    language = spoken(request.headers) if kind == "html" else "en"
    if kind == "html":
        headers |= {"Content-Language": language, "Vary": "Accept-Language, Cookie"}
    if analysis.script_nonce is not None:
        nonce = new_nonce()
        headers["Content-Security-Policy"] = report_policy(nonce)
        if language == "en":
            body = body.replace(analysis.script_nonce.encode(), nonce.encode())
        else:
            stored = json.decode(service.report(analysis, "json").read_bytes())
            body = html.render(stored, nonce=nonce, language=language)
    if download:
        headers["Content-Disposition"] = f'attachment; filename="report-{task_id}{EXPORTERS[kind].suffix}"'
    note(f"report.{'downloaded' if download else 'viewed'}.{kind}", analysis=str(task_id))
    # litestar names the charset of a text itself.
    return Response(body, media_type=EXPORTERS[kind].media_type.partition(";")[0], headers=headers)
