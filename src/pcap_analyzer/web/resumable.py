"""Captures coming in by tus 1.0.0, in parts that go on after a lost connection, a closed tab or a restart."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from anyio import CancelScope, Lock, fail_after, get_cancelled_exc_class
from anyio.to_thread import run_sync
from litestar import Response, delete, head, patch, post, route
from litestar.enums import HttpMethod

from pcap_analyzer.audit import note
from pcap_analyzer.jobs.arrivals import Arrivals
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.jobs.refusals import NotACapture, WrongLength
from pcap_analyzer.web import tus
from pcap_analyzer.web.body import body
from pcap_analyzer.web.injected import AnyRequest, ArrivalsOfService, TaskId
from pcap_analyzer.web.intake import Intake
from pcap_analyzer.web.problems import BadMethod, Busy, Interrupted, Stalled, WrongChecksum
from pcap_analyzer.web.socket_body import borrowed

# How long whoever comes back waits for the broken connection's part to be kept.
_TURN_S = 10.0


@dataclass(slots=True)
class _Turn:
    """One upload's lock. people: those who hold it or wait for it.  scope: of who holds it."""

    lock: Lock = field(default_factory=Lock)
    people: int = 0
    scope: CancelScope | None = None


class Turns:
    """One writer an upload. Whoever comes later is the same sender come back, and ends the connection that is left."""

    def __init__(self) -> None:
        self._by_upload: dict[str, _Turn] = {}

    @property
    def known(self) -> int:
        """Uploads that somebody holds or waits for."""
        return len(self._by_upload)

    def is_held(self, upload_id: str) -> bool:
        """Whether somebody is sending it."""
        return upload_id in self._by_upload

    @asynccontextmanager
    async def of(self, upload_id: str) -> AsyncIterator[CancelScope]:
        """The turn at an upload; what is received within the scope ends when the next one comes."""
        turn = self._by_upload.setdefault(upload_id, _Turn())
        turn.people += 1
        try:
            if turn.scope is not None:
                turn.scope.cancel()
            async with self._held(turn) as scope:
                yield scope
        finally:
            # Counted, not asked of the lock: one that was just handed over has nobody waiting and is not free.
            turn.people -= 1
            if not turn.people:
                del self._by_upload[upload_id]

    @asynccontextmanager
    async def _held(self, turn: _Turn) -> AsyncIterator[CancelScope]:
        try:
            with fail_after(_TURN_S):
                await turn.lock.acquire()
        except TimeoutError:
            raise Busy("another connection is sending this upload; try again") from None
        turn.scope = CancelScope()
        try:
            yield turn.scope
        finally:
            turn.scope = None
            turn.lock.release()


_turns = Turns()


@route("/api/uploads", http_method=HttpMethod.OPTIONS, status_code=204)
async def capabilities(arrivals: ArrivalsOfService) -> Response[None]:
    """What this service knows of tus."""
    return Response(
        None,
        status_code=204,
        headers={
            "Tus-Resumable": tus.VERSION,
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Max-Size": str(arrivals.max_bytes),
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        },
    )


# Bodies have no limit of litestar's: the length of an upload is announced and counted.
@post("/api/uploads", request_max_body_size=None, status_code=201)
async def create(request: AnyRequest, arrivals: ArrivalsOfService) -> Response[None]:
    """Announce an upload, and perhaps send its first part."""
    tus.require_version(request)
    size_bytes = tus.whole_number(request, "Upload-Length")
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body:
        tus.require_part(request)
    checksum = tus.checksum(request)
    upload = await run_sync(arrivals.begin, tus.filename(request), size_bytes)
    if has_body:
        upload = await _receive(request, arrivals, upload.id, 0, checksum)
    location = {"Location": f"/api/uploads/{upload.id}"}
    return Response(None, status_code=201, headers=tus.headers_of(upload) | location)


@head("/api/uploads/{task_id:uuid}")
async def offset(request: AnyRequest, task_id: TaskId, arrivals: ArrivalsOfService) -> Response[None]:
    """Where an upload stands. Whoever asks is about to go on, so a connection that still sends is ended first."""
    tus.require_version(request)
    await run_sync(arrivals.get, str(task_id))
    async with _turn(str(task_id)):
        await run_sync(arrivals.settle, await run_sync(arrivals.get, str(task_id)))
        upload = await run_sync(arrivals.get, str(task_id))
    note("upload.resumed", analysis=upload.id, received_bytes=upload.received_bytes)
    return Response(None, headers=tus.headers_of(upload))


@patch("/api/uploads/{task_id:uuid}", request_max_body_size=None, status_code=204)
async def receive(request: AnyRequest, task_id: TaskId, arrivals: ArrivalsOfService) -> Response[None]:
    """The next part of an upload."""
    return await _patch(request, task_id, arrivals)


@delete("/api/uploads/{task_id:uuid}", status_code=204)
async def terminate(request: AnyRequest, task_id: TaskId, arrivals: ArrivalsOfService) -> Response[None]:
    """End an upload and forget its bytes."""
    return await _delete(request, task_id, arrivals)


@post("/api/uploads/{task_id:uuid}", request_max_body_size=None, status_code=204)
async def overridden(request: AnyRequest, task_id: TaskId, arrivals: ArrivalsOfService) -> Response[None]:
    """PATCH and DELETE for those who can only POST."""
    match request.headers.get("x-http-method-override", "").upper():
        case "PATCH":
            return await _patch(request, task_id, arrivals)
        case "DELETE":
            return await _delete(request, task_id, arrivals)
    raise BadMethod("an upload is continued with PATCH, or with POST and X-HTTP-Method-Override: PATCH")


async def _patch(request: AnyRequest, task_id: UUID, arrivals: Arrivals) -> Response[None]:
    tus.require_version(request)
    tus.require_part(request)
    start, checksum = tus.whole_number(request, "Upload-Offset"), tus.checksum(request)
    upload = await _receive(request, arrivals, str(task_id), start, checksum)
    return Response(None, status_code=204, headers=tus.headers_of(upload))


async def _delete(request: AnyRequest, task_id: UUID, arrivals: Arrivals) -> Response[None]:
    tus.require_version(request)
    await run_sync(arrivals.get, str(task_id))
    async with _turn(str(task_id)):
        await run_sync(arrivals.remove, str(task_id))
    return Response(None, status_code=204, headers={"Tus-Resumable": tus.VERSION})


async def _receive(
    request: AnyRequest, arrivals: Arrivals, upload_id: str, start: int, checksum: tus.Checksum | None
) -> Analysis:
    """Keep a part, all of it or, without a checksum, what came of it; the upload as it is then."""
    async with _turn(upload_id) as scope:
        arrival = await run_sync(arrivals.open, upload_id, start)
        intake = Intake(arrival, checksum)
        try:
            announced = request.headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > arrival.analysis.size_bytes - start:
                raise WrongLength(
                    f"this part has {announced} bytes, expected are at most {arrival.analysis.size_bytes - start}"
                )
            with scope:
                await _write(request, intake, keep_what_came=checksum is None)
            # Shielded from a client that has gone: what it sent is kept for when it comes back.
            with CancelScope(shield=True):
                if checksum is not None and (scope.cancel_called or not checksum.matches):
                    raise WrongChecksum("the bytes of this part are not those that were announced; send them again")
                await intake.keep()
                upload = await run_sync(arrivals.complete, arrival) if arrival.is_whole else arrival.analysis
        except NotACapture:
            with CancelScope(shield=True):
                await intake.close()
                await run_sync(arrivals.refuse, arrival)
            raise
        finally:
            with CancelScope(shield=True):
                await intake.close()
                await run_sync(arrivals.leave, arrival)
        # In a thread: beside so much that is written, even a line may wait for the disk.
        await run_sync(partial(note, "upload.piece", analysis=upload_id, received_bytes=upload.received_bytes))
        return upload


def _turn(upload_id: str) -> AbstractAsyncContextManager[CancelScope]:
    if _turns.is_held(upload_id):
        note("upload.taken_over", analysis=upload_id)
    return _turns.of(upload_id)


async def _write(request: AnyRequest, intake: Intake, *, keep_what_came: bool) -> None:
    try:
        async with aclosing(body(request.receive)) as pieces:
            async for data in pieces:
                await intake.put(data)
                if (rest := borrowed(request.scope)) is not None:
                    with rest:
                        await intake.take(rest)
                    break
    except (Interrupted, Stalled, get_cancelled_exc_class()):
        with CancelScope(shield=True):
            await intake.flush()
            if keep_what_came:
                await intake.keep()
        raise
    await intake.flush()


ROUTES = [capabilities, create, offset, receive, terminate, overridden]
