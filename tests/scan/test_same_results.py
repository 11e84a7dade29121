"""The result is the same for any number of threads, any batch size, and however the bytes arrive."""

import gzip
import io
import itertools

import msgspec
import pytest

from pcap_analyzer.pipeline import analyze_capture, open_capture
from pcap_analyzer.report import build_report
from tests.scan.files import DATA, pcap_file, pcapng_file, tcp_frame

FRAMES = [tcp_frame(number % 97, flags=DATA, seq=number, payload=b"x" * (number % 900)) for number in range(9000)]


def told(source, **options) -> bytes:
    """The report without `source`, which says how the capture was given."""
    report = msgspec.json.decode(msgspec.json.encode(build_report(analyze_capture(source, **options))))
    del report["source"]
    return msgspec.json.encode(report)


@pytest.fixture(scope="module", params=[pcap_file, pcapng_file], ids=["pcap", "pcapng"])
def data(request) -> bytes:
    return request.param(FRAMES)


def test_for_any_number_of_threads_and_any_batch_size(data):
    expected = told(io.BytesIO(data), threads=1)
    for threads, batch_size in itertools.product((1, 2, 4), (1, 1000, 65536)):
        assert told(io.BytesIO(data), threads=threads, batch_size=batch_size) == expected


def test_however_the_bytes_arrive(data, tmp_path):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))
    expected = told(io.BytesIO(data))
    assert told(plain) == expected
    assert told(packed) == expected


def test_packets_are_the_same_in_batches_of_any_size(data):
    def packets(threads, batch_size):
        with open_capture(io.BytesIO(data), threads=threads) as capture:
            return capture.packets(batch_size=batch_size).read_all().to_pylist()

    expected = packets(1, 65536)
    assert len(expected) == len(FRAMES)
    assert packets(3, 777) == expected


@pytest.mark.corpus
def test_over_the_corpus(captures):
    for path in sorted(captures.rglob("*")):
        if path.suffix in {".json", ".md", ".txt"} or not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        try:
            expected = told(path, threads=1)
        except Exception as error:  # whatever one way of reading says, the others must say too
            with pytest.raises(type(error)):
                told(io.BytesIO(path.read_bytes()), threads=2)
            continue
        assert told(path, threads=2, batch_size=100) == expected, path
        assert told(io.BytesIO(path.read_bytes()), threads=4) == expected, path
        if path.suffix != ".gz":  # compressed twice is refused
            assert told(io.BytesIO(gzip.compress(path.read_bytes(), 1)), threads=2) == expected, path
