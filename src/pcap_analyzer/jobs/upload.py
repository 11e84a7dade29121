"""An upload while its bytes arrive: counted, recognised by its first bytes, written to disk, never held in memory."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from pcap_analyzer.capture.magic import LOOK_BYTES, describe, detect
from pcap_analyzer.jobs.content_hash import ContentHash
from pcap_analyzer.jobs.disk import is_full
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.jobs.ports import NewBlob
from pcap_analyzer.jobs.refusals import NotACapture, StorageFull, UploadTooLarge

MAX_NAME_LENGTH = 255


class Upload:
    """The bytes of one capture on their way to a blob. One writer; ends with `finish` or `discard`."""

    def __init__(self, analysis: Analysis, blob: NewBlob, max_bytes: int) -> None:
        self._analysis = analysis
        self._blob = blob
        self._file = blob.path.open("wb", buffering=0)
        self._max_bytes = max_bytes
        self._size = 0
        self._hash = ContentHash()
        self._start = b""
        self._recognised = False

    @property
    def id(self) -> str:
        """Of the analysis that it will be."""
        return self._analysis.id

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises UploadTooLarge, NotACapture, StorageFull."""
        self._size += len(data)
        if self._size > self._max_bytes:
            raise too_large(self._max_bytes)
        if not self._recognised:
            self._start += data[: LOOK_BYTES - len(self._start)]
            if len(self._start) == LOOK_BYTES:
                self._recognise()
        with full_disk_refused():
            self._write_all(data)
        self._hash.update(data)

    def finish(self) -> Analysis:
        """All bytes are there: keep them. Raises NotACapture, StorageFull, and then they are not kept."""
        try:
            if not self._recognised:
                self._recognise()
            self._file.close()
            with full_disk_refused():
                self._blob.commit()
        except BaseException:
            self.discard()
            raise
        return msgspec.structs.replace(
            self._analysis,
            size_bytes=self._size,
            received_bytes=self._size,
            content_hash=self._hash.hexdigest(),
            created_at=datetime.now(UTC),
        )

    def discard(self) -> None:
        """Forget what came; of no effect after `finish`."""
        self._file.close()
        self._blob.discard()

    def _recognise(self) -> None:
        require_capture(self._analysis.filename, self._start)
        self._recognised = True

    def _write_all(self, data: bytes) -> None:
        # An unbuffered file may take less than it is offered, and says so only by its answer.
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


def require_capture(filename: str, start: bytes) -> None:
    """Raise NotACapture unless a file that begins so may be one."""
    if detect(start) is None:
        raise NotACapture(
            f"{filename} is {describe(start)}; "
            "expected pcap or pcapng, plain or compressed with gzip, zstd, lz4, xz or bzip2"
        )


def too_large(max_bytes: int) -> UploadTooLarge:
    """The refusal that names the limit."""
    return UploadTooLarge(
        f"the capture is larger than the {max_bytes >> 20} MiB that this service takes; "
        "compress it, cut it (editcap -c), or have MAX_UPLOAD_SIZE_MB raised"
    )


def storage_full() -> StorageFull:
    """The refusal that does not say how much room there is: that is for whoever runs the service."""
    return StorageFull("the disk of this service cannot hold the capture; ask whoever runs it to make room")


def display_name(filename: str) -> str:
    """A file's name fit to be shown: no folders, nothing invisible, at most MAX_NAME_LENGTH characters; never empty."""
    base = filename.replace("\\", "/").rpartition("/")[2]
    # Categories C: controls, formats (right-to-left overrides), surrogates, unassigned.
    visible = "".join(character for character in base if not unicodedata.category(character).startswith("C"))
    return visible.strip()[:MAX_NAME_LENGTH] or "capture"


@contextmanager
def full_disk_refused() -> Iterator[None]:
    """Turn the OSError of a full disk into StorageFull."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise storage_full() from error
        raise
