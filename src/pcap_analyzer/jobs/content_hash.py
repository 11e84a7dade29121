"""The hash by which an upload is known again, kept while its bytes arrive and continued after a restart.

hashlib's state cannot be stored. So the capture is hashed in blocks, and the hash of the whole is SHA-256 over the
blocks' digests: what has been digested is kept, at most one block is read again. Nobody else computes it, so it need
not be the plain SHA-256 of the file.
"""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

BLOCK_BYTES = 16 << 20
_DIGEST_BYTES = hashlib.sha256().digest_size
_READ_BYTES = 1 << 20
_MOST_IN_HAND = 200


class ContentHash:
    """Of the bytes given to `update` so far."""

    def __init__(self, block_digests: bytes = b"") -> None:
        self.block_digests = block_digests
        """Of every whole block."""
        self._block = hashlib.sha256()
        self._block_bytes = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        rest = memoryview(data)
        while rest:
            part = rest[: BLOCK_BYTES - self._block_bytes]
            self._block.update(part)
            self._block_bytes += len(part)
            rest = rest[len(part) :]
            if self._block_bytes == BLOCK_BYTES:
                self.block_digests += self._block.digest()
                self._block, self._block_bytes = hashlib.sha256(), 0

    def hexdigest(self) -> str:
        """64 hexadecimal digits. More bytes may follow."""
        return hashlib.sha256(self.block_digests + self._block.digest()).hexdigest()


class HashesInHand:
    """The hashes of uploads between two of their parts, each at the number of bytes it covers. From any thread.

    Without it, a part that begins within a block would have to hash what came of that block before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, ContentHash]] = {}

    def put(self, upload_id: str, size_bytes: int, reached: ContentHash) -> None:
        """Keep it for the next part; where there are many, the oldest is forgotten, which costs only time."""
        with self._lock:
            self._known.pop(upload_id, None)
            self._known[upload_id] = (size_bytes, reached)
            if len(self._known) > _MOST_IN_HAND:
                del self._known[next(iter(self._known))]

    def take(self, upload_id: str, size_bytes: int) -> ContentHash | None:
        """The hash of exactly so many bytes, for the taker alone; None where it is not in hand."""
        with self._lock:
            known_bytes, reached = self._known.pop(upload_id, (-1, None))
        return reached if known_bytes == size_bytes else None


def continued(path: Path, size_bytes: int, block_digests: bytes) -> ContentHash:
    """The hash of the first `size_bytes` of a file, of which `block_digests`, or too many or few of them, are known."""
    known = min(size_bytes // BLOCK_BYTES, len(block_digests) // _DIGEST_BYTES)
    found = ContentHash(block_digests[: known * _DIGEST_BYTES])
    for data in _pieces(path, known * BLOCK_BYTES, size_bytes):
        found.update(data)
    return found


def _pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < end and (data := file.read(min(_READ_BYTES, end - start))):
            start += len(data)
            yield data
