"""Uploads while their bytes arrive: in parts, over many connections and restarts of the service, or as one plain form.

What is kept of one stands in the store, in one statement with what its hash is continued from: the file may hold more,
which a killed service never said it had; that is cut off when the upload goes on. Once every byte is kept the file
gets its name, then the analysis is queued, or ends where the same bytes were analysed before; a service killed between
the two finds both done or does them again. A plain form cannot go on, so it never expires, and ends with its connection
or with the service.
"""

import os
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from pcap_analyzer.capture.magic import LOOK_BYTES
from pcap_analyzer.jobs.content_hash import ContentHash, HashesInHand, continued
from pcap_analyzer.jobs.model import Analysis, Received, State
from pcap_analyzer.jobs.ports import Blobs, NewBlob, Store
from pcap_analyzer.jobs.refusals import UnknownUpload, UploadGone, WrongLength, WrongOffset
from pcap_analyzer.jobs.service import AnalysisService, utc_now
from pcap_analyzer.jobs.upload import display_name, full_disk_refused, require_capture, too_large

# What a killed service may have to be sent again, and what its follower waits for at most.
KEEP_EVERY_BYTES = 16 << 20


class Arrivals:
    """Every upload on its way.

    on_news: called, from any thread, when more of one is kept, or it has become a queued analysis.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        service: AnalysisService,
        patience: timedelta,
        on_news: Callable[[], None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._service = service
        self._patience = patience
        self._on_news = on_news
        self._clock = clock
        self._hashes = HashesInHand()

    @property
    def max_bytes(self) -> int:
        """The largest upload that is taken."""
        return self._service.limits.max_upload_bytes

    def begin(self, filename: str, size_bytes: int) -> Analysis:
        """Announce an upload. Raises UploadTooLarge, QueueFull, StorageFull, NotACapture."""
        self._service.admit(size_bytes)
        analysis = self._announced(filename, size_bytes, self._until())
        if not size_bytes:
            require_capture(analysis.filename, b"")
        with full_disk_refused():
            self._store.receive(analysis)
        return analysis

    def begin_form(self, filename: str, announced_bytes: int | None) -> "Arrival":
        """Take an upload that comes at once, or not at all; ends with `complete` or `refuse`. Raises StorageFull.

        announced_bytes: about as many as will come; None where nobody said.
        """
        analysis = self._announced(filename, announced_bytes or 0, None)
        with full_disk_refused():
            self._store.receive(analysis)
            try:
                return self._arrival(analysis, size_bytes=None)
            except BaseException:
                self._store.remove(analysis.id, self._clock())
                raise

    def get(self, upload_id: str) -> Analysis:
        """How far an upload has come. Raises UnknownUpload, UploadGone."""
        analysis = self._store.get(upload_id)
        if analysis is None:
            raise UnknownUpload(f"there is no upload {upload_id}; begin it again")
        if analysis.state in {State.CANCELLED, State.EXPIRED}:
            raise UploadGone(f"the upload {upload_id} was ended: {analysis.reason}; begin it again")
        return analysis

    def open(self, upload_id: str, offset: int) -> "Arrival":
        """Go on with an upload where it stands. One at a time. Raises as `get`, and WrongOffset."""
        analysis = self.get(upload_id)
        if analysis.state is State.RECEIVING and analysis.is_form:
            raise UnknownUpload(f"the upload {upload_id} comes as a form; nobody can go on with it")
        if offset != analysis.received_bytes:
            raise WrongOffset(
                f"the bytes sent begin at {offset}, expected is {analysis.received_bytes}; ask with HEAD, go on there"
            )
        if analysis.state is not State.RECEIVING:
            raise WrongLength(f"all {analysis.size_bytes} bytes of this upload have come; there is nothing to add")
        with full_disk_refused():
            return self._arrival(analysis, size_bytes=analysis.size_bytes)

    def leave(self, arrival: "Arrival") -> None:
        """End a part; another one may come."""
        arrival.close()
        if arrival.kept == arrival.offset and not arrival.is_whole:
            self._hashes.put(arrival.analysis.id, arrival.kept, arrival.reached)

    def complete(self, arrival: "Arrival") -> Analysis:
        """Every byte was written: queue the analysis. Raises NotACapture, StorageFull, UploadGone.

        After StorageFull an upload in parts can be completed later.
        """
        arrival.recognise()
        arrival.keep(arrival.written(), last=True)
        with full_disk_refused():
            try:
                arrival.commit()
            except FileNotFoundError:
                # Cancelled or deleted since it was kept, and its bytes with it.
                raise UploadGone(f"the upload {arrival.analysis.id} was ended meanwhile; begin it again") from None
            self._queue(arrival.analysis, arrival.offset, arrival.hexdigest)
        return self._service.get(arrival.analysis.id)

    def remove(self, upload_id: str) -> None:
        """Forget an upload and its bytes. Raises UnknownUpload, UploadGone; UploadGone too when it is whole."""
        analysis = self.get(upload_id)
        if not self._store.end(upload_id, State.CANCELLED, "ended by its sender", self._clock()):
            raise UploadGone(f"the upload {upload_id} is an analysis already; delete that")
        self._blobs.delete(analysis.upload)

    def refuse(self, arrival: "Arrival") -> None:
        """Forget an upload whose bytes are of no use."""
        arrival.close()
        self._store.remove(arrival.analysis.id, self._clock())
        self._blobs.delete(arrival.analysis.upload)

    def recover(self) -> None:
        """Queue what was whole when the service ended, forget what nobody can go on with. Only for a start."""
        for analysis in self._store.receiving():
            if analysis.is_form:
                self._store.remove(analysis.id, self._clock())
                self._blobs.delete(analysis.upload)
            else:
                self.settle(analysis)

    def settle(self, analysis: Analysis) -> None:
        """Queue it if every byte was kept, and only then something failed. Raises StorageFull."""
        if analysis.state is not State.RECEIVING or analysis.received_bytes != analysis.size_bytes:
            return
        with full_disk_refused():
            try:
                # The file may have its name already.
                path = self._blobs.path(analysis.upload)
            except FileNotFoundError:
                self._blobs.resume(analysis.upload).commit()
                path = self._blobs.path(analysis.upload)
            digests = self._store.block_digests(analysis.id)
            content_hash = continued(path, analysis.size_bytes, digests).hexdigest()
            self._queue(analysis, analysis.size_bytes, content_hash)

    def _announced(self, filename: str, size_bytes: int, expires_at: datetime | None) -> Analysis:
        return Analysis(
            id=str(uuid.uuid4()),
            filename=display_name(filename),
            size_bytes=size_bytes,
            created_at=self._clock(),
            state=State.RECEIVING,
            expires_at=expires_at,
        )

    def _arrival(self, analysis: Analysis, size_bytes: int | None) -> "Arrival":
        blob = self._blobs.resume(analysis.upload)
        return Arrival(analysis, blob, partial(self._reached, analysis, blob), size_bytes, self.max_bytes, self._keep)

    def _reached(self, analysis: Analysis, blob: NewBlob, size_bytes: int) -> ContentHash:
        in_hand = self._hashes.take(analysis.id, size_bytes)
        return in_hand or continued(blob.path, size_bytes, self._store.block_digests(analysis.id))

    def _keep(self, analysis: Analysis, received: "Written", last: bool) -> Analysis:
        """The analysis as it is then. Raises UploadGone, StorageFull."""
        until = None if analysis.is_form else self._until()
        if not self._store.record_received(analysis.id, Received(received.offset, received.block_digests, until)):
            raise UploadGone(f"the upload {analysis.id} was ended meanwhile; begin it again")
        # What is whole will be queued in a moment.
        if not last:
            self._on_news()
        return replace(analysis, received_bytes=received.offset, expires_at=until)

    def _queue(self, analysis: Analysis, size_bytes: int, content_hash: str) -> None:
        became = self._store.complete(analysis.id, content_hash, size_bytes, self._clock())
        if became is State.SUCCEEDED:
            # The same bytes are stored already.
            self._blobs.delete(analysis.upload)
        elif became is not None:
            self._on_news()
        elif self._store.get(analysis.id) is None:
            # Deleted in the last moment; one that was cancelled is whole, and can run yet.
            self._blobs.delete(analysis.upload)

    def _until(self) -> datetime:
        return self._clock() + self._patience


class Written(NamedTuple):
    """What was written of an upload at one moment: so many bytes, and the digests of their blocks."""

    offset: int
    block_digests: bytes


class Arrival:
    """One part of an upload, or all of it, on its way. Ends with `close`; what was not kept by then is gone.

    reached: gives the hash of as many bytes as are kept.  size_bytes: in the end; None where nobody knows, as of a
    form.  keep: makes known what is durable, and whether more comes.
    """

    analysis: Analysis
    """As it is known to be, from the beginning or when something was kept last."""

    def __init__(
        self,
        analysis: Analysis,
        blob: NewBlob,
        reached: Callable[[int], ContentHash],
        size_bytes: int | None,
        max_bytes: int,
        keep: Callable[[Analysis, Written, bool], Analysis],
    ) -> None:
        self.analysis = analysis
        self._blob = blob
        self._size_bytes = size_bytes
        self._max_bytes = max_bytes
        self._keep = keep
        self._descriptor = os.open(blob.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Less than was kept only after a power cut on a disk that did not keep its word.
        self.kept = min(analysis.received_bytes, os.fstat(self._descriptor).st_size)
        os.ftruncate(self._descriptor, self.kept)
        self.offset = self.kept
        self._recognised = self.kept >= LOOK_BYTES
        self.reached = reached(self.kept)

    @property
    def is_whole(self) -> bool:
        """Whether every byte was written."""
        return self.offset == self._size_bytes

    @property
    def hexdigest(self) -> str:
        """The hash of all that was written."""
        return self.reached.hexdigest()

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Raises WrongLength, UploadTooLarge, NotACapture, StorageFull."""
        if self._size_bytes is None and len(data) > self._max_bytes - self.offset:
            raise too_large(self._max_bytes)
        if self._size_bytes is not None and len(data) > self._size_bytes - self.offset:
            raise WrongLength(
                f"more bytes come than the {self._size_bytes} that were announced; begin the upload again"
            )
        with full_disk_refused():
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self._descriptor, rest, self.offset)
                self.reached.update(rest[:written])
                self.offset += written
                rest = rest[written:]
        if self.offset >= LOOK_BYTES or self.is_whole:
            self.recognise()

    def recognise(self) -> None:
        """Raise NotACapture unless what was written may be one, or the beginning of one."""
        if not self._recognised:
            require_capture(self.analysis.filename, os.pread(self._descriptor, LOOK_BYTES, 0))
            self._recognised = True

    def written(self) -> Written:
        """What `keep` can keep while more is written."""
        return Written(self.offset, self.reached.block_digests)

    def keep(self, written: Written, *, last: bool = False) -> None:
        """Make it durable and known. From any thread, one at a time. Raises UploadGone, StorageFull."""
        if written.offset == self.kept:
            return
        with full_disk_refused():
            os.fdatasync(self._descriptor)
            self.analysis = self._keep(self.analysis, written, last or written.offset == self._size_bytes)
        self.kept = written.offset

    def commit(self) -> None:
        """Give the file its name."""
        self._blob.commit()

    def close(self) -> None:
        """Give back the file; of no effect the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
