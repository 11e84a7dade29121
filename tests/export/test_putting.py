"""What is written in pieces is all there."""

import os
import threading
from io import FileIO

from pcap_analyzer.export.putting import WRITTEN_AT_ONCE, put

PIECES = (b"head", memoryview(bytes(range(256)) * (WRITTEN_AT_ONCE // 100)), b"", b"tail")


def test_pieces_stand_one_behind_the_other(tmp_path):
    with (tmp_path / "file").open("wb", buffering=0) as file:
        put(file, PIECES)
    assert (tmp_path / "file").read_bytes() == b"".join(PIECES)


def test_a_pipe_that_takes_less_gets_all(tmp_path):
    reading, writing = os.pipe()
    got = []
    with FileIO(reading) as source:
        reader = threading.Thread(target=lambda: got.append(source.readall()))
        reader.start()
        with FileIO(writing, "w") as file:
            put(file, PIECES)
        reader.join()
    assert got == [b"".join(PIECES)]
