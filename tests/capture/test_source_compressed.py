"""Compressed captures: whole, in several members, cut, corrupt, hostile."""

import gzip
import io
import random
import struct

import pytest
from backports import zstd

from pcap_analyzer.capture.source import Limits, open_source
from pcap_analyzer.errors import CaptureError
from tests.capture.windows import COMPRESS, PCAP, Trickle, drain, noise

SKIPPABLE_FRAME = struct.pack("<II5s", 0x184D2A53, 5, b"hello")


@pytest.mark.parametrize("compression", COMPRESS)
def test_compressed_files_give_what_they_hold(tmp_path, compression):
    data = noise(1_500_000)
    path = tmp_path / "named.pcap"
    path.write_bytes(COMPRESS[compression](data))
    source = open_source(path)
    assert (source.name, source.compression, source.size_bytes) == ("named.pcap", compression, path.stat().st_size)
    assert drain(source, lambda window: len(window) - 5) == data
    assert (source.damage, source.bytes_read) == (None, source.size_bytes)


@pytest.mark.parametrize("compression", COMPRESS)
def test_compressed_files_may_have_several_members(compression):
    parts = [noise(300_000), b"", b"tail", noise(70_000)]
    stream = io.BytesIO(b"".join(map(COMPRESS[compression], parts)))
    source = open_source(stream)
    assert drain(source) == b"".join(parts)
    assert source.damage is None
    assert not stream.closed


def bgzip_block(data):
    """A gzip member with the extra field of bgzip."""
    packed = gzip.compress(data)
    return packed[:3] + b"\x04" + packed[4:10] + b"\6\0BC\2\0\0\0" + packed[10:]


def test_gzip_of_many_small_members_with_extra_fields():
    blocks = [PCAP] + [random.Random(i).randbytes(i % 700) for i in range(5000)]
    source = open_source(io.BytesIO(b"".join(map(bgzip_block, blocks))))
    assert drain(source) == b"".join(blocks)
    assert source.damage is None


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_skippable_frames_are_stepped_over(compression):
    pack = COMPRESS[compression]
    data = noise(3000)
    packed = SKIPPABLE_FRAME + pack(data) + SKIPPABLE_FRAME + pack(b"more") + SKIPPABLE_FRAME
    source = open_source(io.BytesIO(packed))
    assert drain(source) == data + b"more"
    assert (source.damage, source.compression) == (None, compression)


@pytest.mark.parametrize("compression", ["gzip", "xz"])
def test_zeros_behind_compressed_data_are_padding(compression):
    source = open_source(io.BytesIO(COMPRESS[compression](PCAP) + bytes(600_000)))
    assert drain(source) == PCAP
    assert source.damage is None


@pytest.mark.parametrize("compression", COMPRESS)
def test_something_else_behind_compressed_data_is_damage(compression):
    source = open_source(io.BytesIO(COMPRESS[compression](PCAP) + b"something else"))
    assert drain(source) == PCAP
    assert source.damage == f"what follows the {compression} data is something else"


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99999])
def test_a_cut_compressed_file_gives_what_came_before(compression, kept):
    data = noise(2_000_000)
    packed = COMPRESS[compression](data)
    source = open_source(io.BytesIO(packed[: int(len(packed) * kept)]))
    given_bytes = drain(source)
    assert data.startswith(given_bytes)
    # All but a block: lz4's default has 64 KiB, bzip2 -1 100 kB, zstd 128 KiB.
    assert len(given_bytes) > len(data) * kept - 150_000
    assert source.damage == f"the {compression} data is cut short"


@pytest.mark.parametrize("compression", COMPRESS)
def test_cut_anywhere_a_small_compressed_file_is_damage_or_no_capture(compression):
    data = noise(300)
    packed = COMPRESS[compression](data)
    for length in range(len(packed)):
        try:
            source = open_source(io.BytesIO(packed[:length]))
        except CaptureError:
            continue
        assert data.startswith(drain(source))
        assert source.damage == f"the {compression} data is cut short"


@pytest.mark.parametrize("compression", ["gzip", "zstd", "xz", "bzip2"])
def test_a_corrupt_compressed_file_gives_what_came_before_however_it_arrives(compression):
    data = noise(3_000_000)
    pack = {"zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})}
    packed = bytearray(pack.get(compression, COMPRESS[compression])(data))
    packed[len(packed) * 3 // 4] ^= 0x55
    whole = open_source(io.BytesIO(packed))
    given_bytes = drain(whole)
    assert whole.damage.startswith(f"the {compression} data cannot be decompressed further")
    assert len(given_bytes) > 1_000_000
    trickled = open_source(Trickle(packed, 3001))
    assert (drain(trickled), trickled.damage) == (given_bytes, whole.damage)


def test_a_wrong_checksum_costs_no_more_than_the_last_step():
    data = noise(3_000_000)
    packed = bytearray(gzip.compress(data))
    packed[-8] ^= 1
    source = open_source(io.BytesIO(packed))
    assert len(data) - len(drain(source)) <= 256 << 10
    assert "checksum" in source.damage


@pytest.mark.parametrize("before", [b"", gzip.compress(noise(50_000))])
def test_a_wrong_checksum_of_a_small_member_costs_one_byte(before):
    data = noise(300_000)
    packed = bytearray(gzip.compress(data))
    packed[-8] ^= 1
    source = open_source(io.BytesIO(before + packed))
    assert drain(source).endswith(data[-1000:-1])
    assert "checksum" in source.damage


def test_compressed_data_in_compressed_data_is_refused():
    with pytest.raises(CaptureError, match="compressed twice, gzip inside zstd: decompress it once"):
        open_source(io.BytesIO(zstd.compress(gzip.compress(PCAP))))


@pytest.mark.parametrize(
    ("inside", "words"), [(b"", "the gzip data is empty"), (b"%PDF-1.4", "no capture is inside: found a PDF document")]
)
def test_compressed_data_without_a_capture_is_refused(inside, words):
    with pytest.raises(CaptureError, match=words):
        open_source(io.BytesIO(gzip.compress(inside)))


def test_a_decompression_bomb_ends_at_the_ratio():
    bomb = zstd.compress(PCAP + bytes(1 << 30))
    source = open_source(io.BytesIO(bomb), limits=Limits(max_ratio=100))
    with pytest.raises(CaptureError, match=r"more than 100 times its size .*DECOMPRESSION_RATIO_MAX"):
        drain(source)


def test_decompressed_bytes_can_be_limited():
    with pytest.raises(CaptureError, match="stream holds more than 4999 bytes"):
        open_source(io.BytesIO(gzip.compress(noise(5000))), limits=Limits(max_output=4999))
    assert len(drain(open_source(io.BytesIO(gzip.compress(noise(5000))), limits=Limits(max_output=5000)))) == 5000
