"""What an upload may be: its name, its first bytes, its size; and how it is refused."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from pcap_analyzer.capture.magic import describe, detect
from pcap_analyzer.jobs.disk import is_full
from pcap_analyzer.jobs.refusals import NotACapture, StorageFull, UploadTooLarge

MAX_NAME_LENGTH = 255


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
