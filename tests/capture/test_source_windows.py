"""Windows of every kind of source are the file's bytes, whatever the parser consumes of each."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.capture.source import PlainSource
from tests.capture.windows import Trickle, closing, drain, noise, small_stream


@given(
    length=st.integers(0, 20_000),
    window_bytes=st.sampled_from([1, 7, 4096, 5000]),
    consume=st.lists(st.integers(0, 6000), min_size=1, max_size=8).filter(any),
)
def test_windows_of_a_plain_file_are_the_file(tmp_path_factory, length, window_bytes, consume):
    path = tmp_path_factory.getbasetemp() / "plain"
    data = os.urandom(length)
    path.write_bytes(data)
    amounts = cycle(consume)
    source = PlainSource(io.FileIO(path), "test", window_bytes=window_bytes)
    assert drain(source, lambda window: min(next(amounts), len(window))) == data


@given(
    length=st.integers(0, 3000),
    step=st.integers(1, 200),
    block_bytes=st.integers(1, 300),
    headroom_bytes=st.integers(0, 50),
    consume=st.lists(st.integers(0, 300), min_size=1, max_size=8).filter(any),
)
def test_streamed_windows_are_the_stream(length, step, block_bytes, headroom_bytes, consume):
    data = os.urandom(length)
    amounts = cycle(consume)
    source = small_stream(Trickle(data, step), block_bytes=block_bytes, headroom_bytes=headroom_bytes)
    assert drain(source, lambda window: min(next(amounts), len(window))) == data


def cycle(amounts):
    while True:
        yield from amounts


@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_a_window_of_which_nothing_is_consumed_is_followed_by_a_larger_one(tmp_path, kind):
    data = noise(30_000)
    (tmp_path / "file").write_bytes(data)
    file = io.FileIO(tmp_path / "file")
    source = PlainSource(file, "test", window_bytes=100) if kind == "plain" else small_stream(file)
    with closing(source), file:
        window = source.window(0)
        while not window.final:
            length = len(window.data)
            window = source.window(0)
            assert window.final or len(window.data) > length
        assert (window.data, window.offset) == (data, 0)


@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_a_record_that_never_ends_is_damage_and_the_end(tmp_path, kind, monkeypatch):
    for module in ("plain", "stream"):
        monkeypatch.setattr(f"pcap_analyzer.capture.source.{module}.MAX_WINDOW_BYTES", 1000)
    (tmp_path / "file").write_bytes(noise(30_000))
    file = io.FileIO(tmp_path / "file")
    source = PlainSource(file, "test", window_bytes=100) if kind == "plain" else small_stream(file)
    with closing(source), file:
        consumed = 10
        window = source.window(0)
        while not window.final:
            window = source.window(consumed)
            consumed = 0
        assert 1000 <= len(window.data) <= 1100
        assert "the record at byte 10 would be larger" in source.damage


@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_a_window_still_held_does_not_hinder_the_next(tmp_path, kind):
    data = noise(9000)
    (tmp_path / "file").write_bytes(data)
    file = io.FileIO(tmp_path / "file")
    source = PlainSource(file, "test", window_bytes=100) if kind == "plain" else small_stream(file)
    with file:
        held, collected, window = [], b"", source.window(0)
        while not window.final:
            collected += bytes(window.data)
            held.append(memoryview(window.data))
            window = source.window(len(window.data))
        assert collected + bytes(window.data) == data
        source.close()


def test_more_consumed_than_given_is_refused():
    with closing(small_stream(io.BytesIO(b"abc"))) as source:
        source.window(0)
        with pytest.raises(ValueError, match="4 bytes consumed of a window of 3"):
            source.window(4)


def test_a_file_that_shrinks_between_windows_ends_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(noise(20_000))
    with closing(PlainSource(io.FileIO(path), "test", window_bytes=4096)) as source:
        source.window(0)
        os.truncate(path, 5000)
        window = source.window(4096)
        assert (len(window.data), window.final) == (904, True)
        assert source.damage == "the file shrank from 20000 to 5000 bytes while it was read"
