"""What the protocol tus 1.0.0 says in headers (https://tus.io/protocols/resumable-upload): reading and writing them."""

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC
from email.utils import format_datetime

from pcap_analyzer.jobs.model import Analysis, State
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.problems import BadHeader, UnsupportedMedia, UnsupportedVersion

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
# The protocol asks for sha1; it is here against broken lines, not against people.
ALGORITHMS = ("sha1", "sha256")
MEDIA_TYPE = "application/offset+octet-stream"
_MAX_METADATA = 8192
_WHOLE = re.compile(r"[0-9]{1,18}")


class Checksum:
    """Of one part, as its sender announced it."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._expected = expected

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the part."""
        self._hash.update(data)

    @property
    def matches(self) -> bool:
        """Whether the bytes so far are those that were announced."""
        return hmac.compare_digest(self._hash.digest(), self._expected)


def require_version(request: AnyRequest) -> None:
    """Raise UnsupportedVersion for a client of another protocol."""
    found = request.headers.get("tus-resumable")
    if found != VERSION:
        raise UnsupportedVersion(f"the header Tus-Resumable is {found!r}, expected {VERSION!r}")


def require_part(request: AnyRequest) -> None:
    """Raise UnsupportedMedia unless the body is a part of an upload."""
    if request.content_type[0] != MEDIA_TYPE:
        raise UnsupportedMedia(f"the body is {request.content_type[0] or 'of no named type'}, expected {MEDIA_TYPE}")


def whole_number(request: AnyRequest, name: str) -> int:
    """A header that must be there. Raises BadHeader."""
    text = request.headers.get(name)
    if text is None or not _WHOLE.fullmatch(text):
        raise BadHeader(f"the header {name} is {text!r}, expected a whole number")
    return int(text)


def filename(request: AnyRequest) -> str:
    """What Upload-Metadata says of it; empty when it says nothing. Raises BadHeader."""
    text = request.headers.get("upload-metadata", "")
    if len(text) > _MAX_METADATA:
        raise BadHeader(f"the header Upload-Metadata has {len(text)} characters, allowed are {_MAX_METADATA}")
    pairs = dict(pair.strip().partition(" ")[::2] for pair in text.split(",") if pair.strip())
    return _decoded(pairs.get("filename", ""), "Upload-Metadata").decode(errors="replace")


def checksum(request: AnyRequest) -> Checksum | None:
    """What Upload-Checksum says; None when it is not there. Raises BadHeader."""
    text = request.headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, digest = text.partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadHeader(f"the checksum is of the kind {algorithm!r}, known are {' and '.join(ALGORITHMS)}")
    return Checksum(algorithm, _decoded(digest, "Upload-Checksum"))


def headers_of(upload: Analysis) -> dict[str, str]:
    """What is told of an upload."""
    told = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.received_bytes),
        "Upload-Length": str(upload.size_bytes),
    }
    if upload.state is State.RECEIVING and upload.expires_at is not None:
        told["Upload-Expires"] = format_datetime(upload.expires_at.astimezone(UTC), usegmt=True)
    return told


def _decoded(text: str, header: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadHeader(f"the header {header} is not in Base64 where it must be") from error
