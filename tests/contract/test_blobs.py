"""The contract of jobs.ports.Blobs, for every place there is."""

from pathlib import Path

import pytest

from pcap_analyzer.adapters.files import FileBlobs
from pcap_analyzer.jobs.ports import Blobs

NAME = "reports/one.html"
WRITER, LIVING = "0" * 16, "1" * 16


@pytest.fixture(params=["files"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Of a process that ended: nobody's, from then on."""
    return {"files": lambda: FileBlobs(tmp_path / "data", WRITER, lambda name: name == LIVING)}[request.param]()


def put(blobs: Blobs, name: str, data: bytes) -> None:
    new = blobs.create(name)
    new.path.write_bytes(data)
    new.commit()


def test_a_blob_is_there_after_commit_and_not_before(blobs: Blobs) -> None:
    new = blobs.create(NAME)
    new.path.write_bytes(b"whole")
    with pytest.raises(FileNotFoundError):
        blobs.path(NAME)
    new.commit()
    assert blobs.path(NAME).read_bytes() == b"whole"


def test_the_old_blob_stays_until_the_new_one_is_committed(blobs: Blobs) -> None:
    put(blobs, NAME, b"old")
    new = blobs.create(NAME)
    new.path.write_bytes(b"half")
    assert blobs.path(NAME).read_bytes() == b"old"
    new.commit()
    assert blobs.path(NAME).read_bytes() == b"half"


def test_two_writers_of_one_name_do_not_mix(blobs: Blobs) -> None:
    one, other = blobs.create(NAME), blobs.create(NAME)
    one.path.write_bytes(b"one")
    other.path.write_bytes(b"other")
    other.commit()
    one.commit()
    assert blobs.path(NAME).read_bytes() == b"one"


def test_discarding_leaves_nothing_and_spares_what_is_committed(blobs: Blobs) -> None:
    new = blobs.create(NAME)
    new.discard()
    assert not new.path.exists()
    put(blobs, NAME, b"kept")
    kept = blobs.create(NAME)
    kept.commit()
    kept.discard()
    assert blobs.path(NAME).is_file()


def test_sweeping_removes_what_was_never_committed(blobs: Blobs) -> None:
    put(blobs, NAME, b"kept")
    begun = blobs.create("uploads/two.pcap")
    blobs.sweep()
    assert not begun.path.exists()
    assert blobs.path(NAME).read_bytes() == b"kept"


def test_sweeping_spares_what_others_are_at(blobs: Blobs, tmp_path: Path) -> None:
    theirs = FileBlobs(tmp_path / "data", LIVING, lambda _: True).create(NAME)
    theirs.path.write_bytes(b"theirs")
    blobs.sweep()
    theirs.commit()
    assert blobs.path(NAME).read_bytes() == b"theirs"


def test_deleting_twice_is_no_error(blobs: Blobs) -> None:
    put(blobs, NAME, b"gone")
    blobs.delete(NAME)
    blobs.delete(NAME)
    with pytest.raises(FileNotFoundError):
        blobs.path(NAME)


def test_there_is_room(blobs: Blobs) -> None:
    assert blobs.free_bytes() > 0


def test_a_resumed_blob_outlives_a_restart(blobs: Blobs) -> None:
    begun = blobs.resume(NAME)
    begun.path.write_bytes(b"half")
    blobs.sweep()
    again = blobs.resume(NAME)
    assert again.path.read_bytes() == b"half"
    folder = NAME.partition("/")[0]
    assert blobs.names(folder) == [NAME]
    with pytest.raises(FileNotFoundError):
        blobs.path(NAME)
    again.commit()
    assert blobs.path(NAME).read_bytes() == b"half"
    assert blobs.names(folder) == [NAME]
    assert blobs.resume(NAME).path.read_bytes() == b""


def test_deleting_takes_what_was_resumed_too(blobs: Blobs) -> None:
    begun = blobs.resume(NAME)
    blobs.create(NAME)
    blobs.delete(NAME)
    assert not begun.path.exists()
    assert blobs.names(NAME.partition("/")[0]) == []


def test_blobs_in_folders_of_folders_are_named_and_go_with_their_folder(blobs: Blobs, tmp_path: Path) -> None:
    names = ["tables/one/dns.parquet", "tables/one/flows.parquet"]
    for name in names:
        put(blobs, name, b"rows")
    begun = blobs.create("tables/two/flows.parquet")
    assert blobs.names("tables") == blobs.names("tables/one") == names
    blobs.sweep()
    assert not begun.path.exists()
    for name in names:
        blobs.delete(name)
    assert blobs.names("tables") == []
    assert not (tmp_path / "data" / "tables" / "one").exists()


def test_an_arriving_blob_is_at_one_of_its_places(blobs: Blobs) -> None:
    new = blobs.resume(NAME)
    new.path.write_bytes(b"half")
    arriving, whole = blobs.places(NAME)
    assert (arriving.read_bytes(), whole.exists()) == (b"half", False)
    new.commit()
    assert (arriving.exists(), whole.read_bytes()) == (False, b"half")
