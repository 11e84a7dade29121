"""How much later segments come than the earliest: the scan keeps what the slow twin keeps, and it is true."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.analysis.assembly import assemble
from pcap_analyzer.analysis.watches import Program, Tally
from pcap_analyzer.capture.source import open_source
from pcap_analyzer.findings import terms
from pcap_analyzer.pipeline import FLOW_LIMIT, scanning
from tests.reference.lateness import MS, lateness
from tests.scan.files import ACK, EPOCH, block, interface, section, tcp_frame

PAYLOAD = b"x" * 1200
STAMPED = struct.pack(">BBBB", 1, 1, 8, 10)


def stamped(frame: bytes, value: int, echo: int) -> bytes:
    """The frame with the timestamps option."""
    ip, tcp = bytearray(frame[14:34]), bytearray(frame[34:54])
    option = STAMPED + struct.pack(">II", value % (1 << 32), echo % (1 << 32))
    tcp[12] = 0x80
    struct.pack_into(">H", ip, 2, struct.unpack_from(">H", ip, 2)[0] + len(option))
    return frame[:14] + bytes(ip) + bytes(tcp) + option + frame[54:]


def capture(readings: list[tuple[int, int]]) -> bytes:
    """A segment for each reading, (ns, timestamp), acknowledged at once."""
    blocks = []
    for number, (now, value) in enumerate(readings):
        seq = 1000 + number * len(PAYLOAD)
        segment = stamped(tcp_frame(1, seq=seq, ack=2000, payload=PAYLOAD), value, 7)
        answer = stamped(tcp_frame(1, flags=ACK, reply=True, seq=2000, ack=seq + len(PAYLOAD)), 7, value)
        for frame, later in ((segment, 0), (answer, 1000)):
            ticks = EPOCH * 10**9 + now + later
            blocks.append(
                block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + frame)
            )
    return section() + interface(options=struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)) + b"".join(blocks)


def found(readings: list[tuple[int, int]]) -> dict:
    """What is told of the client's segments."""
    program = Program({"all": Tally(where=terms.is_tcp, score=terms.one)})
    with scanning(open_source(io.BytesIO(capture(readings))), 1, 1000, FLOW_LIMIT) as reader:
        for _ in reader.turns():
            pass
        answers = assemble(reader, seconds=1, threads=1, program=program).answers
    return answers.tally("all").worst[0]["client_tcp"]


steps = st.tuples(st.integers(1, 400), st.integers(0, 120))


@given(st.integers(0, (1 << 32) - 1), st.lists(steps, min_size=2, max_size=120))
def test_readings_are_listed_as_the_twin_lists_them(first, drawn):
    readings, sent = [], 0
    for apart, delay in drawn:
        sent += apart
        last = readings[-1][0] + 1_500_000 if readings else 0
        readings.append((max((sent + delay) * MS, last), first + sent))
    told, expected = found(readings), lateness([(EPOCH * 10**9 + now, value) for now, value in readings])
    assert told["late_samples"] == expected.samples
    assert (told["late_p50_ns"], told["late_p95_ns"]) == (
        -1 if expected.p50 is None else expected.p50,
        -1 if expected.p95 is None else expected.p95,
    )
    if expected.samples:
        assert (told["late_jump_ns"], told["late_climb_ns"]) == (expected.jump, expected.climb)


@pytest.mark.parametrize("delay", [40, 300])
def test_the_delay_is_what_it_was_within_two_percent(delay):
    readings = [((number * 5 + min(number, delay)) * MS, 99 + number * 5) for number in range(delay * 3)]
    assert found(readings)["late_p95_ns"] == pytest.approx(delay * MS, rel=0.02)
