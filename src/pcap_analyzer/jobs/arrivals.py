"""Uploads that come in parts, over many connections and restarts of the service.

What is kept of one stands in the store, in one statement with what its hash is continued from: the file may hold more,
which a killed service never said it had; that is cut off when the upload goes on. Once every byte is kept the file
gets its name, then the analysis is queued; a service killed between the two finds both done or does them again.
"""

import os
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from pcap_analyzer.capture.magic import LOOK_BYTES
from pcap_analyzer.jobs.content_hash import ContentHash, continued
from pcap_analyzer.jobs.model import Analysis, Received, State
from pcap_analyzer.jobs.ports import Blobs, NewBlob, Store
from pcap_analyzer.jobs.refusals import UnknownUpload, UploadGone, WrongLength, WrongOffset
from pcap_analyzer.jobs.service import AnalysisService, utc_now
from pcap_analyzer.jobs.upload import display_name, full_disk_refused, require_capture

# What a killed service may have to be sent again.
KEEP_EVERY_BYTES = 16 << 20


class Arrivals:
    """Every upload that comes in parts. `on_queued` is called when one has become a queued analysis."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        service: AnalysisService,
        patience: timedelta,
        on_queued: Callable[[], None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._service = service
        self._patience = patience
        self._on_queued = on_queued
        self._clock = clock

    @property
    def max_bytes(self) -> int:
        """The largest upload that is taken."""
        return self._service.limits.max_upload_bytes

    def begin(self, filename: str, size_bytes: int) -> Analysis:
        """Announce an upload. Raises UploadTooLarge, QueueFull, StorageFull, NotACapture."""
        self._service.admit(size_bytes)
        now = self._clock()
        analysis = Analysis(
            id=str(uuid.uuid4()),
            filename=display_name(filename),
            size_bytes=size_bytes,
            created_at=now,
            state=State.RECEIVING,
            expires_at=now + self._patience,
        )
        if not size_bytes:
            require_capture(analysis.filename, b"")
        with full_disk_refused():
            self._store.receive(analysis)
        return analysis

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
        if offset != analysis.received_bytes:
            raise WrongOffset(
                f"the bytes sent begin at {offset}, expected is {analysis.received_bytes}; ask with HEAD, go on there"
            )
        if analysis.state is not State.RECEIVING:
            raise WrongLength(f"all {analysis.size_bytes} bytes of this upload have come; there is nothing to add")
        with full_disk_refused():
            blob = self._blobs.resume(analysis.upload)
            return Arrival(analysis, blob, self._store, self._store.block_digests(upload_id), self._until)

    def complete(self, arrival: "Arrival") -> None:
        """Every byte is kept: queue the analysis. Raises StorageFull, and then it can be done later."""
        with full_disk_refused():
            arrival.commit()
            self._queue(arrival.analysis.id, arrival.hexdigest)

    def remove(self, upload_id: str) -> None:
        """Forget an upload and its bytes. Raises UnknownUpload, UploadGone; UploadGone too when it is whole."""
        analysis = self.get(upload_id)
        if not self._store.end(upload_id, State.CANCELLED, "ended by its sender", self._clock()):
            raise UploadGone(f"the upload {upload_id} is an analysis already; delete that")
        self._blobs.delete(analysis.upload)

    def refuse(self, arrival: "Arrival") -> None:
        """Forget an upload whose bytes are of no use."""
        self._store.remove(arrival.analysis.id)
        self._blobs.delete(arrival.analysis.upload)

    def recover(self) -> None:
        """Queue what was whole when the service ended. Only for a start."""
        for analysis in self._store.receiving():
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
            self._queue(analysis.id, continued(path, analysis.size_bytes, digests).hexdigest())

    def _queue(self, upload_id: str, content_hash: str) -> None:
        if self._store.complete(upload_id, content_hash, self._clock()):
            self._on_queued()

    def _until(self) -> datetime:
        return self._clock() + self._patience


class Arrival:
    """One part of an upload on its way. Ends with `close`; what was not kept by then is gone."""

    def __init__(
        self, analysis: Analysis, blob: NewBlob, store: Store, block_digests: bytes, until: Callable[[], datetime]
    ) -> None:
        self.analysis = analysis
        self._blob = blob
        self._store = store
        self._until = until
        self._descriptor = os.open(blob.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Less than was kept only after a power cut on a disk that did not keep its word.
        self.kept = min(analysis.received_bytes, os.fstat(self._descriptor).st_size)
        os.ftruncate(self._descriptor, self.kept)
        self.offset = self.kept
        self._hash: ContentHash = continued(blob.path, self.kept, block_digests)

    @property
    def is_whole(self) -> bool:
        """Whether every byte is kept."""
        return self.kept == self.analysis.size_bytes

    @property
    def hexdigest(self) -> str:
        """The hash of all that was written."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises WrongLength, NotACapture, StorageFull."""
        if len(data) > self.analysis.size_bytes - self.offset:
            raise WrongLength(
                f"more bytes come than the {self.analysis.size_bytes} that were announced; begin the upload again"
            )
        before = self.offset
        with full_disk_refused():
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self._descriptor, rest, self.offset)
                self._hash.update(rest[:written])
                self.offset += written
                rest = rest[written:]
        looked_at = min(LOOK_BYTES, self.analysis.size_bytes)
        if before < looked_at <= self.offset:
            require_capture(self.analysis.filename, os.pread(self._descriptor, LOOK_BYTES, 0))

    def keep(self) -> None:
        """Make what was written durable and known. Raises UploadGone, StorageFull."""
        if self.offset == self.kept:
            return
        with full_disk_refused():
            os.fsync(self._descriptor)
            received = Received(self.offset, self._hash.block_digests, self._until())
            if not self._store.record_received(self.analysis.id, received):
                raise UploadGone(f"the upload {self.analysis.id} was ended meanwhile; begin it again")
        self.kept = self.offset

    def commit(self) -> None:
        """Give the file its name."""
        self._blob.commit()

    def close(self) -> None:
        """Give back the file; of no effect the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
