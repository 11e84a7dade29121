"""Takes the file out of a multipart form while the form arrives (RFC 7578).

Litestar's own form handling spools the whole form to a temporary file before a handler runs: a capture would be written
twice, and refused only at its end. Here its bytes go where they belong as they come, a MiB at a time.
"""

import re
from urllib.parse import unquote

from anyio import CancelScope
from anyio.to_thread import run_sync
from multipart import MultipartError, MultipartSegment, PushMultipartParser  # type: ignore[import-untyped]

from pcap_analyzer.jobs.arrivals import Arrival, Arrivals
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.web.body import body
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.intake import Intake
from pcap_analyzer.web.problems import BadForm

FILE_FIELD = "file"
_MAX_FIELDS = 8
# RFC 5987. RFC 7578 forbids it in forms, but some programs send it.
_EXTENDED_NAME = re.compile(r";\s*filename\*\s*=\s*\"?(?P<charset>[\w-]*)'[\w-]*'(?P<name>[^\s;\"]+)", re.IGNORECASE)


async def receive_file(request: AnyRequest, arrivals: Arrivals, announced_bytes: int | None) -> Analysis:
    """Make the field `file` an upload and its analysis.

    Raises BadForm, Interrupted, Stalled and what Arrival.write and Arrivals.complete raise; then nothing is left of it.
    """
    arriving = _ArrivingFile(arrivals, announced_bytes)
    try:
        with _parser(request) as parser:
            async for chunk in body(request.receive):
                for event in parser.parse(chunk):
                    await arriving.take(event)
        return await arriving.complete()
    except MultipartError as error:
        await arriving.refuse()
        raise BadForm(f"the multipart form is not well formed: {_words(error)}") from error
    except BaseException:
        await arriving.refuse()
        raise


class _ArrivingFile:
    def __init__(self, arrivals: Arrivals, announced_bytes: int | None) -> None:
        self._arrivals = arrivals
        self._announced_bytes = announced_bytes
        self._inside = False
        self._arrival: Arrival | None = None
        self._intake: Intake | None = None

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """The parser's next event: a field begins, bytes of it, or (None) it ends."""
        if isinstance(event, MultipartSegment):
            await self._enter(event)
        elif event is None:
            self._inside = False
        elif self._inside and self._intake is not None:
            await self._intake.put(event)

    async def complete(self) -> Analysis:
        if self._arrival is None or self._intake is None:
            raise BadForm(f'the form has no file; send one in the field "{FILE_FIELD}"')
        await self._intake.flush()
        await self._intake.close()
        try:
            return await run_sync(self._arrivals.complete, self._arrival)
        finally:
            self._arrival.close()

    async def refuse(self) -> None:
        # Shielded from a client that has gone.
        with CancelScope(shield=True):
            if self._intake is not None:
                await self._intake.close()
            if self._arrival is not None:
                await run_sync(self._arrivals.refuse, self._arrival)

    async def _enter(self, field: MultipartSegment) -> None:
        if field.name != FILE_FIELD:
            return
        if self._arrival is not None:
            raise BadForm("the form has several files; send one form for each")
        filename = field.filename or _extended_filename(field)
        if not filename:
            raise BadForm("no file was chosen; choose a capture first")
        self._arrival = await run_sync(self._arrivals.begin_form, filename, self._announced_bytes)
        self._intake = Intake(self._arrival)
        self._inside = True


def _extended_filename(field: MultipartSegment) -> str | None:
    found = _EXTENDED_NAME.search(field.header("Content-Disposition", ""))
    if found is None:
        return None
    if found["charset"].lower() != "utf-8":
        raise BadForm(f"the file's name is in {found['charset'] or 'no named charset'}; send it in UTF-8")
    return unquote(found["name"], errors="replace")


def _words(error: MultipartError) -> str:
    """What the parser says, without the inner errors that it may attach."""
    if any(isinstance(part, UnicodeError) for part in error.args):
        return "the name of the file, or another header of a part, is not in UTF-8; send it in UTF-8"
    return str(error.args[0])


def _parser(request: AnyRequest) -> PushMultipartParser:
    kind, options = request.content_type
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise BadForm(f"the body is {kind or 'of no named type'}; send multipart/form-data with a boundary")
    return PushMultipartParser(boundary, max_segment_count=_MAX_FIELDS)
