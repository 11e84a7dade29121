"""Captures that are still arriving."""

import io
import threading
import time

import pytest

from pcap_analyzer.capture.source import StreamSource, open_growing_source
from pcap_analyzer.capture.source.readers import GrowingReader
from pcap_analyzer.errors import Cancelled, CaptureError
from tests.capture.windows import COMPRESS, PCAP, closing, drain, noise


class Upload:
    """A file to which a thread adds, as an upload does."""

    def __init__(self, path, data, step, *, ahead=0):
        """ahead: bytes written but not yet committed."""
        self.path, self.data, self.step, self.ahead = path, data, step, ahead
        self.committed = 0
        self.done = False
        path.write_bytes(b"")
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with self.path.open("r+b", buffering=0) as file:
            for start in range(0, len(self.data), self.step):
                chunk = self.data[start : start + self.step]
                # A chunk whose checksum failed was never there.
                file.write(bytes(len(chunk) + self.ahead) if self.ahead else chunk)
                time.sleep(0.004)
                file.seek(start)
                file.write(chunk)
                self.committed = start + len(chunk)
        self.done = True


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_growing_file_is_followed_to_its_end(tmp_path, compression):
    data = noise(400_000)
    upload = Upload(tmp_path / "u", COMPRESS[compression](data) if compression else data, 20_000, ahead=500)
    source = open_growing_source(
        upload.path, finished=lambda: upload.done, committed=lambda: upload.committed, name="real name.pcap"
    )
    assert (source.name, source.compression) == ("real name.pcap", compression)
    assert drain(source, lambda window: len(window) * 9 // 10) == data
    assert source.damage is None
    upload.thread.join()


def test_without_commits_a_growing_file_is_valid_as_far_as_it_goes(tmp_path):
    upload = Upload(tmp_path / "u", noise(50_000), 9000)
    assert drain(open_growing_source(upload.path, finished=lambda: upload.done)) == noise(50_000)
    upload.thread.join()


def test_a_growing_file_is_given_while_it_still_grows(tmp_path):
    upload = Upload(tmp_path / "u", noise(200_000), 4000)
    source = open_growing_source(upload.path, finished=lambda: upload.done)
    window = source.window(0)
    assert not upload.done
    assert 0 < len(window.data) < 200_000
    source.close()
    upload.thread.join()


def test_an_upload_that_stalls_can_be_cancelled(tmp_path):
    (tmp_path / "u").write_bytes(PCAP)
    opened = time.monotonic()
    source = open_growing_source(
        tmp_path / "u", finished=lambda: False, cancelled=lambda: time.monotonic() - opened > 0.1
    )
    with pytest.raises(Cancelled):
        drain(source)


def test_an_upload_that_never_begins_can_be_cancelled(tmp_path):
    (tmp_path / "u").write_bytes(b"")
    with pytest.raises(Cancelled):
        open_growing_source(tmp_path / "u", finished=lambda: False, cancelled=lambda: True)


def test_closing_ends_the_wait_for_more(tmp_path):
    reader = GrowingReader(io.FileIO(tmp_path / "u", "w+"), finished=lambda: False)
    with closing(StreamSource(reader, "test", cancelled=lambda: True)) as source, pytest.raises(Cancelled):
        source.window(0)


def test_an_upload_that_ends_without_a_byte_is_no_capture(tmp_path):
    (tmp_path / "u").write_bytes(b"")
    with pytest.raises(CaptureError, match="empty file"):
        open_growing_source(tmp_path / "u", finished=lambda: True)
