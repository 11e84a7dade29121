"""Takes the file out of a multipart form while the form arrives (RFC 7578).

Litestar's own form handling spools the whole form to a temporary file before a handler runs: a capture would be written
twice, and refused only at its end. Here its bytes go where they belong as they come, a MiB at a time.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

from anyio.to_thread import run_sync
from multipart import MultipartError, MultipartSegment, PushMultipartParser  # type: ignore[import-untyped]

from pcap_analyzer.audit import note
from pcap_analyzer.jobs.upload import Upload
from pcap_analyzer.web.body import WRITE_BYTES, body
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.problems import BadForm

FILE_FIELD = "file"
_MAX_FIELDS = 8
# RFC 5987. RFC 7578 forbids it in forms, but some programs send it.
_EXTENDED_NAME = re.compile(r";\s*filename\*\s*=\s*\"?(?P<charset>[\w-]*)'[\w-]*'(?P<name>[^\s;\"]+)", re.IGNORECASE)

BeginUpload = Callable[[str], Upload]


async def receive_file(request: AnyRequest, begin: BeginUpload) -> Upload:
    """Hand the field `file` to the upload that `begin` makes of its name.

    Raises BadForm, Interrupted, Stalled and what `write` raises.
    """
    arriving = _ArrivingFile(begin)
    try:
        with _parser(request) as parser:
            async for chunk in body(request.receive):
                for event in parser.parse(chunk):
                    await arriving.take(event)
    except MultipartError as error:
        arriving.discard()
        raise BadForm(f"the multipart form is not well formed: {_words(error)}") from error
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
            if self._waiting_bytes >= WRITE_BYTES:
                await self._write()

    def discard(self) -> None:
        if self.upload is not None:
            self.upload.discard()

    async def _enter(self, field: MultipartSegment) -> None:
        if field.name != FILE_FIELD:
            return
        if self.upload is not None:
            raise BadForm("the form has several files; send one form for each")
        filename = field.filename or _extended_filename(field)
        if not filename:
            raise BadForm("no file was chosen; choose a capture first")
        self.upload = await run_sync(self._begin, filename)
        note("upload.begun", analysis=self.upload.id, by="form")
        self._inside = True

    async def _write(self) -> None:
        if self._waiting and self.upload is not None:
            data = b"".join(self._waiting)
            self._waiting, self._waiting_bytes = [], 0
            await run_sync(self.upload.write, data)


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
