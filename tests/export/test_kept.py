"""What is kept beside the package: made once, made again when its sources change, never needed."""

import os
import subprocess
import sys

import pytest

from pcap_analyzer.export import kept, scripts


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "FOLDER", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "source"
    path.write_bytes(b"one")
    return path


def made(source, name="thing"):
    """What is kept, and whether it had to be made."""
    calls = []
    data = kept.kept(name, [str(source)], lambda: calls.append(1) or source.read_bytes())
    return data.tobytes(), bool(calls)


def test_a_thing_is_made_once(source):
    assert made(source) == (b"one", True)
    assert made(source) == (b"one", False)


def test_a_source_that_changed_is_read_again_even_if_it_is_as_long(source):
    made(source)
    source.write_bytes(b"two")
    os.utime(source, ns=(1, 1))
    assert made(source) == (b"two", True)
    assert made(source) == (b"two", False)


def test_a_file_of_something_else_is_not_taken(source, tmp_path):
    made(source)
    [path] = (tmp_path / "kept").iterdir()
    for damaged in (b"", b"nonsense", path.read_bytes()[:20]):
        path.write_bytes(damaged)
        assert made(source) == (b"one", True)


def test_a_folder_that_cannot_be_made_costs_time_only(source, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(kept, "FOLDER", str(tmp_path / "file" / "kept"))
    assert made(source) == (b"one", True)
    assert made(source) == (b"one", True)


def test_nothing_is_kept_where_python_keeps_nothing(source, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert made(source) == (b"one", True)
    assert not (tmp_path / "kept").exists()


def test_a_script_cannot_end_its_element(source):
    source.write_bytes(b'"</script><!--"')
    script = scripts._script("evil", (str(source),))
    assert bytes(script.text) == b'"<\\/script><\\!--"'
    assert len(script.digest) == scripts.DIGEST_CHARACTERS
    assert scripts._script("evil", (str(source),)) == script


def test_everything_can_be_made_ready_ahead():
    done = subprocess.run([sys.executable, "-B", "-m", "pcap_analyzer.export"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
