"""An upload is counted, recognised and written while it comes; what is refused leaves nothing behind."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pcap_analyzer.adapters.files import FileBlobs
from pcap_analyzer.adapters.sql import SqlStore
from pcap_analyzer.jobs.arrivals import Arrival, Arrivals
from pcap_analyzer.jobs.model import State
from pcap_analyzer.jobs.refusals import (
    NotACapture,
    NotPossible,
    StorageFull,
    UnknownAnalysis,
    UploadGone,
    UploadTooLarge,
)
from pcap_analyzer.jobs.service import AnalysisService, Limits
from pcap_analyzer.jobs.upload import MAX_NAME_LENGTH, display_name
from tests.jobs.captures import capture

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class House:
    """Uploads on tmp_path, of which those of more than `max_bytes` are refused."""

    def __init__(self, path: Path, max_bytes: int = 1 << 20) -> None:
        self.store, self.blobs = SqlStore(f"sqlite:///{path}/store.db"), FileBlobs(path, "", lambda _: True)
        self.service = service = AnalysisService(self.store, self.blobs, Limits(max_bytes, 5), lambda: 1, lambda: None)
        self.arrivals = Arrivals(self.store, self.blobs, service, timedelta(hours=1), lambda: None, clock=lambda: NOON)

    def begin(self) -> Arrival:
        return self.arrivals.begin_form("mine.pcap", None)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def left(house: House, tmp_path: Path) -> list[object]:
    return [*(path for path in tmp_path.glob("uploads/*")), *house.store.page(9, 0).analyses]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_bytes_in_any_pieces_become_the_blob(house: House, step: int) -> None:
    data, form = capture(20), house.begin()
    for start in range(0, len(data), step):
        form.write(data[start : start + step])
    analysis = house.arrivals.complete(form)
    assert (analysis.state, analysis.size_bytes, analysis.received_bytes) == (State.QUEUED, len(data), len(data))
    assert house.blobs.path(analysis.upload).read_bytes() == data


def test_what_is_kept_of_a_form_is_known_while_more_comes(house: House) -> None:
    form = house.begin()
    form.write(capture(20)[:600])
    form.keep(form.written())
    form.write(capture(20)[600:])
    known = house.store.get(form.analysis.id)
    assert known is not None
    assert (known.state, known.received_bytes, known.is_form) == (State.RECEIVING, 600, True)


@pytest.mark.parametrize("before", [b"", capture(1)[:24]])
def test_a_refused_upload_leaves_nothing(house: House, tmp_path: Path, before: bytes) -> None:
    form = house.begin()
    form.write(before)
    house.arrivals.refuse(form)
    assert left(house, tmp_path) == []


def test_a_form_that_was_under_way_when_the_service_ended_is_forgotten(house: House, tmp_path: Path) -> None:
    form = house.begin()
    form.write(capture(20))
    form.keep(form.written())
    form.close()
    house.arrivals.recover()
    assert left(house, tmp_path) == []


def test_a_form_that_was_cancelled_meanwhile_is_gone(house: House) -> None:
    form = house.begin()
    form.write(capture(20))
    house.store.end(form.analysis.id, State.CANCELLED, "asked", NOON)
    with pytest.raises(UploadGone):
        house.arrivals.complete(form)


def test_the_limit_is_kept_to_the_byte(tmp_path: Path) -> None:
    data = capture(1)
    form = House(tmp_path, max_bytes=len(data)).begin()
    form.write(data)
    with pytest.raises(UploadTooLarge, match="MAX_UPLOAD_SIZE_MB"):
        form.write(b"x")


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"GIF89a", "GIF"), (b"hello", "text"), (b"PK\x03\x04" + bytes(900), "zip")]
)
def test_what_is_no_capture_is_named(house: House, data: bytes, words: str) -> None:
    form = house.begin()

    def give() -> None:
        form.write(data)
        house.arrivals.complete(form)

    with pytest.raises(NotACapture, match=f"mine.pcap is .*{words}.*; expected pcap or pcapng"):
        give()


def test_it_is_refused_as_soon_as_it_is_recognised(house: House) -> None:
    with pytest.raises(NotACapture):
        house.begin().write(b"\x7fELF" + bytes(1000))


@pytest.mark.parametrize("way", ["cancel", "delete"])
def test_an_upload_that_ends_between_its_last_byte_and_its_name_is_gone(house: House, tmp_path: Path, way: str) -> None:
    data = capture(3)
    analysis = house.arrivals.begin("mine.pcap", len(data))
    arrival = house.arrivals.open(analysis.id, 0)
    arrival.write(data)
    arrival.keep(arrival.written(), last=True)
    getattr(house.service, way)(analysis.id)
    with pytest.raises(UploadGone, match="begin it again"):
        house.arrivals.complete(arrival)
    arrival.close()
    assert not list(tmp_path.glob("uploads/*"))
    if way == "cancel":
        with pytest.raises(NotPossible, match="upload it again"):
            house.service.retry(analysis.id)


def test_an_upload_deleted_after_it_got_its_name_leaves_nothing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = capture(3)
    analysis = house.arrivals.begin("mine.pcap", len(data))
    arrival = house.arrivals.open(analysis.id, 0)
    arrival.write(data)
    commit = arrival.commit
    monkeypatch.setattr(arrival, "commit", lambda: (house.store.remove(analysis.id, NOON), commit()))
    with pytest.raises(UnknownAnalysis):
        house.arrivals.complete(arrival)
    arrival.close()
    assert not list(tmp_path.glob("uploads/*"))


def test_a_full_disk_is_a_refusal(house: House) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    form = house.begin()
    os.dup2(full := os.open("/dev/full", os.O_RDWR), form._descriptor)
    os.close(full)
    with pytest.raises(StorageFull):
        form.write(capture(1))


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
