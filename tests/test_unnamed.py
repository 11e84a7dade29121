"""Temporary files that nobody else can open."""

import os

import pytest

from pcap_analyzer.unnamed import unnamed_file


@pytest.mark.parametrize("place", ["there", "missing"])
def test_a_file_without_a_name_holds_what_is_written(tmp_path, monkeypatch, place):
    (tmp_path / "there").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / place))
    with unnamed_file() as file:
        os.pwrite(file.fileno(), b"rows", 3)
        assert os.pread(file.fileno(), 10, 0) == b"\0\0\0rows"
        assert list((tmp_path / "there").iterdir()) == []
        assert os.fstat(file.fileno()).st_nlink == 0


def test_it_lies_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with unnamed_file() as file:
        assert os.fstat(file.fileno()).st_dev == tmp_path.stat().st_dev
        assert not os.get_inheritable(file.fileno())
