"""An upload is counted, recognised and written while it comes; what is refused leaves nothing behind."""

import errno
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pcap_analyzer.adapters.files import FileBlobs
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.jobs.refusals import NotACapture, StorageFull, UploadTooLarge
from pcap_analyzer.jobs.upload import MAX_NAME_LENGTH, Upload, display_name
from tests.jobs.captures import capture

ANALYSIS = Analysis(id="one", filename="mine.pcap", size_bytes=0, created_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path)


def begin(blobs: FileBlobs, max_bytes: int = 1 << 20) -> Upload:
    return Upload(ANALYSIS, blobs.create(ANALYSIS.upload), max_bytes)


def left(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_bytes_in_any_pieces_become_the_blob(blobs: FileBlobs, step: int) -> None:
    data, upload = capture(20), begin(blobs)
    for start in range(0, len(data), step):
        upload.write(data[start : start + step])
    assert upload.finish().size_bytes == len(data)
    assert blobs.path(ANALYSIS.upload).read_bytes() == data


@pytest.mark.parametrize("before", [b"", capture(1)[:24]])
def test_a_discarded_upload_leaves_nothing(blobs: FileBlobs, tmp_path: Path, before: bytes) -> None:
    upload = begin(blobs)
    upload.write(before)
    upload.discard()
    assert left(tmp_path) == []


def test_the_limit_is_kept_to_the_byte(blobs: FileBlobs) -> None:
    data = capture(1)
    upload = begin(blobs, max_bytes=len(data))
    upload.write(data)
    with pytest.raises(UploadTooLarge, match="MAX_UPLOAD_SIZE_MB"):
        upload.write(b"x")
    upload.discard()


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"GIF89a", "GIF"), (b"hello", "text"), (b"PK\x03\x04" + bytes(900), "zip")]
)
def test_what_is_no_capture_is_named(blobs: FileBlobs, tmp_path: Path, data: bytes, words: str) -> None:
    upload = begin(blobs)

    def give() -> None:
        upload.write(data)
        upload.finish()

    with pytest.raises(NotACapture, match=f"mine.pcap is .*{words}.*; expected pcap or pcapng"):
        give()
    upload.discard()
    assert left(tmp_path) == []


def test_it_is_refused_as_soon_as_it_is_recognised(blobs: FileBlobs) -> None:
    upload = begin(blobs)
    with pytest.raises(NotACapture):
        upload.write(b"\x7fELF" + bytes(1000))
    upload.discard()


def test_a_full_disk_is_a_refusal() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")

    class FullDisk:
        path = full

        def commit(self) -> None:
            raise OSError(errno.EDQUOT, "over quota")

        def discard(self) -> None:
            pass

    upload = Upload(ANALYSIS, FullDisk(), 1 << 20)
    with pytest.raises(StorageFull):
        upload.write(capture(1))
    with pytest.raises(StorageFull):
        upload.finish()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a.pcap", "a.pcap"),
        ("../../etc/passwd", "passwd"),
        ("C:\\captures\\a.pcap", "a.pcap"),
        ("a\x00b\r\n\x1b[31m.pcap", "ab[31m.pcap"),
        ("\u202epacp.exe", "pacp.exe"),
        ("  ", "capture"),
        ("", "capture"),
        ("é" * 300, "é" * MAX_NAME_LENGTH),
    ],
)
def test_names_are_fit_to_be_shown(given: str, shown: str) -> None:
    assert display_name(given) == shown
