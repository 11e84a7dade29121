"""Progress and cancelling from Python, with the reading on a thread of its own."""

import threading

import pytest

from pcap_analyzer import Cancelled, Progress, analyze_capture, open_capture
from tests.scan.files import pcap_file, tcp_frame

READERS = {
    "packets": lambda path, **calls: open_capture(path, **calls).packets(["frame_number"]).read_all(),
    "flows": lambda path, **calls: open_capture(path, **calls).flows(["flow_id"]).read_all(),
    "dns": lambda path, **calls: open_capture(path, **calls).dns(["frame_number"]).read_all(),
    "tcp_events": lambda path, **calls: open_capture(path, **calls).tcp_events(["frame_number"]).read_all(),
    "view": lambda path, **calls: open_capture(path, **calls).view("nfstream", ["id"]).read_all(),
    "analyze_capture": analyze_capture,
}
FRAMES = 20_000


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    path = tmp_path_factory.mktemp("callbacks") / "some.pcap"
    # Each frame has a mark, so that there are events.
    path.write_bytes(pcap_file([tcp_frame(1, payload=b"x")] * FRAMES))
    return path


@pytest.mark.parametrize("name", READERS)
def test_progress_comes_to_the_end_of_the_file(capture, name):
    told = []
    READERS[name](capture, progress=told.append)
    assert all(isinstance(one, Progress) for one in told)
    assert [one.packets for one in told] == sorted(one.packets for one in told)
    last = told[-1]
    assert (last.packets, last.bytes_read, last.bytes_total) == (FRAMES, capture.stat().st_size, capture.stat().st_size)
    assert last.seconds > 0


@pytest.mark.parametrize("name", READERS)
def test_reading_on_a_thread_is_cancelled_from_another(capture, name):
    """The reader waits in its first call until it is cancelled."""
    reached, stop, raised = threading.Event(), threading.Event(), []

    def progress(_):
        reached.set()
        assert stop.wait(30)

    def read():
        try:
            READERS[name](capture, progress=progress, cancelled=stop.is_set)
        except Cancelled as error:
            raised.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    assert reached.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert "some.pcap was cancelled at byte" in raised[0]
