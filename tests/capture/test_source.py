"""Opening a capture: files, pipes, streams, and sentences for what cannot be read."""

import gzip
import io
import os
import subprocess
import sys
import threading

import pytest

from pcap_analyzer.capture.source import PlainSource, open_source
from pcap_analyzer.capture.source.plain import is_remote
from pcap_analyzer.errors import CaptureError
from tests.capture.windows import drain, noise


def test_a_plain_file_is_left_to_the_scanner(tmp_path):
    (tmp_path / "x.gz").write_bytes(noise(5000))
    source = open_source(tmp_path / "x.gz")
    assert isinstance(source, PlainSource)
    assert (source.name, source.size_bytes, source.compression) == ("x.gz", 5000, None)
    assert drain(source) == noise(5000)


def test_what_cannot_be_opened_is_a_sentence(tmp_path):
    for path, words in {
        tmp_path / "none.pcap": "there is no file .*none.pcap",
        tmp_path: "is a folder: name the captures in it",
        "a\0b": "cannot be read",
        "/dev/null": "null is an empty file: no capture",
        "/proc/self/mem": "mem cannot be read: Input/output error",
    }.items():
        with pytest.raises(CaptureError, match=words):
            open_source(path)


def test_no_permission_is_a_sentence(monkeypatch, tmp_path):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pcap_analyzer.capture.source.FileIO", refuse)  # root may read everything
    with pytest.raises(CaptureError, match="no permission to read"):
        open_source(tmp_path / "x")


@pytest.mark.parametrize("give", ["path", "stream"])
@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is an empty file: no capture"), (b"PK\3\4", "expected pcap or pcapng, found a zip archive")],
)
def test_what_is_no_capture_is_refused(tmp_path, give, content, words):
    (tmp_path / "x.pcap").write_bytes(content)
    with pytest.raises(CaptureError, match=words):
        open_source(tmp_path / "x.pcap" if give == "path" else io.BytesIO(content))


def test_a_text_stream_is_wrong_use():
    with pytest.raises(TypeError, match="binary"):
        open_source(io.StringIO("text"))


def test_a_named_pipe_is_a_stream(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    data = noise(300_000)
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    source = open_source(tmp_path / "pipe")
    assert (source.size_bytes, drain(source)) == (None, data)
    writer.join()


READ_STANDARD_INPUT = """
import sys
from pcap_analyzer.capture.source import open_source
source = open_source("-")
consumed = total = 0
while True:
    window = source.window(consumed)
    consumed = len(window.data)
    total += consumed
    if window.final:
        break
print(source.name, source.compression, total)
early = {"isal", "lz4", "backports.zstd"} & set(sys.modules)
assert not early, early
"""


def test_standard_input_is_read_and_no_compression_imported():
    result = subprocess.run(
        [sys.executable, "-c", READ_STANDARD_INPUT], input=noise(200_000), capture_output=True, check=True
    )
    assert result.stdout.decode().split() == ["standard", "input", "None", "200000"]


def test_a_file_system_of_another_machine_is_told(monkeypatch, tmp_path):
    (tmp_path / "mounts").write_text(
        "24 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n31 24 0:44 / /mnt rw,relatime shared:3 - nfs4 host:/x rw\n"
        "32 24 0:45 / /home rw - fuse.sshfs host: rw\n"
    )
    monkeypatch.setattr("pcap_analyzer.capture.source.plain.MOUNTS", str(tmp_path / "mounts"))
    assert [is_remote(os.makedev(*number)) for number in ((254, 0), (0, 44), (0, 45), (9, 9))] == [
        False,
        True,
        True,
        False,
    ]


def test_recorded_gzip_equals_its_decompression(captures):
    path = captures / "derived" / "pcap_gz.pcap.gz"
    assert drain(open_source(path)) == gzip.decompress(path.read_bytes())
