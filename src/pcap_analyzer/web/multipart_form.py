"""Takes the file out of a multipart form while the form arrives (RFC 7578).

Litestar's own form handling spools the whole form to a temporary file before a handler runs: a capture would be written
twice, and refused only at its end. Here its bytes go where they belong as they come, a MiB at a time.
"""

from collections.abc import AsyncIterator, Callable

from anyio.to_thread import run_sync
from litestar.types import Receive
from multipart import MultipartError, MultipartSegment, PushMultipartParser  # type: ignore[import-untyped]

from pcap_analyzer.jobs.upload import Upload
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.problems import BadForm

FILE_FIELD = "file"
# Small writes cost a thread switch each, large ones memory for every upload under way.
_WRITE_BYTES = 1 << 20
_MAX_FIELDS = 8

BeginUpload = Callable[[str], Upload]


async def receive_file(request: AnyRequest, begin: BeginUpload) -> Upload:
    """Hand the field `file` to the upload that `begin` makes of its name. Raises BadForm and what `write` raises."""
    arriving = _ArrivingFile(begin)
    try:
        with _parser(request) as parser:
            async for chunk in _body(request.receive):
                for event in parser.parse(chunk):
                    await arriving.take(event)
    except MultipartError as error:
        arriving.discard()
        raise BadForm(f"the multipart form is not well formed: {error}") from error
    except BaseException:
        arriving.discard()
        raise
    if arriving.upload is None:
        raise BadForm(f'the form has no file; send one in the field "{FILE_FIELD}"')
    return arriving.upload


class _ArrivingFile:
    def __init__(self, begin: BeginUpload) -> None:
        self._begin = begin
        self._inside = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.upload: Upload | None = None

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """The parser's next event: a field begins, bytes of it, or (None) it ends."""
        if isinstance(event, MultipartSegment):
            await self._enter(event)
        elif event is None:
            await self._write()
            self._inside = False
        elif self._inside:
            self._waiting.append(event)
            self._waiting_bytes += len(event)
            if self._waiting_bytes >= _WRITE_BYTES:
                await self._write()

    def discard(self) -> None:
        if self.upload is not None:
            self.upload.discard()

    async def _enter(self, field: MultipartSegment) -> None:
        if field.name != FILE_FIELD:
            return
        if self.upload is not None:
            raise BadForm("the form has several files; send one form for each")
        if not field.filename:
            raise BadForm("no file was chosen; choose a capture first")
        self.upload = await run_sync(self._begin, field.filename)
        self._inside = True

    async def _write(self) -> None:
        if self._waiting and self.upload is not None:
            data = b"".join(self._waiting)
            self._waiting, self._waiting_bytes = [], 0
            await run_sync(self.upload.write, data)


def _parser(request: AnyRequest) -> PushMultipartParser:
    kind, options = request.content_type
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise BadForm(f"the body is {kind or 'of no named type'}; send multipart/form-data with a boundary")
    return PushMultipartParser(boundary, max_segment_count=_MAX_FIELDS)


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise BadForm("the connection ended before the form did; send it again")
        if message["body"]:
            yield message["body"]
        more = message["more_body"]
