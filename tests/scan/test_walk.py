"""The interleaved walk finds exactly the records that a single chain would, whatever the payloads pretend to be."""

import io
import random
import struct

import pytest

from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.scan.files import (
    EPOCH,
    block,
    enhanced,
    interface,
    pcap_file,
    pcap_record,
    pcapng_file,
    section,
    tcp_frame,
)

MANY = 6000  # with frames of about 700 bytes: more than enough for sixteen chains a thread
COLUMNS = ["frame_number", "captured_length", "tcp_seq", "timestamp"]


def rows(data: bytes, **options: int) -> list[dict[str, object]]:
    with open_capture(io.BytesIO(data), **options) as capture:
        return capture.packets(COLUMNS).read_all().to_pylist()


def frames(count: int, payload: bytes = b"") -> list[bytes]:
    dice = random.Random(1)
    return [
        tcp_frame(1, seq=number, payload=payload or dice.randbytes(dice.randrange(1400))) for number in range(count)
    ]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("make", [pcap_file, pcapng_file, lambda some: pcapng_file(some, ">")])
def test_every_record_is_found_once_and_in_order(make, threads):
    made = frames(MANY)
    found = rows(make(made), threads=threads)
    assert [row["frame_number"] for row in found] == list(range(1, MANY + 1))
    assert [row["tcp_seq"] for row in found] == list(range(MANY))
    assert [row["captured_length"] for row in found] == [len(frame) for frame in made]


@pytest.mark.parametrize("threads", [1, 2])
def test_records_inside_payloads_are_not_taken_for_records(threads):
    inner = b"".join(pcap_record(tcp_frame(7, seq=900_000), number) for number in range(12))
    data = pcap_file(frames(MANY, inner))
    found = rows(data, threads=threads)
    assert [row["tcp_seq"] for row in found] == list(range(MANY))


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_inside_payloads_are_not_taken_for_blocks(threads):
    # Two bytes of padding bring the inner blocks to a multiple of four, where the guesses look.
    inner = b"xx" + b"".join(enhanced(tcp_frame(7, seq=900_000), number) for number in range(10))
    found = rows(pcapng_file(frames(MANY, inner)), threads=threads)
    assert [row["tcp_seq"] for row in found] == list(range(MANY))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_section_in_the_other_byte_order_in_the_middle(order):
    other = ">" if order == "<" else "<"
    made = frames(2 * MANY)
    data = pcapng_file(made[:MANY], order)
    data += section(other) + interface(other)
    data += b"".join(enhanced(frame, MANY + number, other) for number, frame in enumerate(made[MANY:]))
    assert [row["tcp_seq"] for row in rows(data)] == list(range(2 * MANY))


def test_an_interface_described_between_packets_counts_from_there():
    made = frames(MANY)
    parts = [section() + interface()]
    for number, frame in enumerate(made):
        if number % 50 == 0:
            parts.append(interface(link_type=101))
        raw = number % 50 == 10
        parts.append(enhanced(frame[14:] if raw else frame, number, interface_id=1 + number // 50 if raw else 0))
    assert [row["tcp_seq"] for row in rows(b"".join(parts))] == list(range(MANY))


def test_blocks_that_wireshark_counts_as_frames_leave_gaps_in_the_numbers():
    custom = block(0x0BAD, struct.pack("<I", 32473) + b"note")
    data = section() + interface() + enhanced(tcp_frame(1), 0) + custom + custom + enhanced(tcp_frame(1), 1)
    assert [row["frame_number"] for row in rows(data)] == [1, 4]


@pytest.mark.parametrize("kept", [1, 15, 16, 17, 60])
def test_a_record_cut_at_the_end_is_damage_with_its_place(kept):
    whole = pcap_file(frames(3, b"x" * 100))
    data = whole + pcap_record(tcp_frame(1, payload=b"x" * 100), 3)[:kept]
    with open_capture(io.BytesIO(data)) as capture:
        assert capture.packets().read_all().num_rows == 3
        assert capture.damage is not None
        assert capture.damage.offset == len(whole)


def test_damage_in_the_middle_of_a_large_file_keeps_what_came_before():
    made = frames(MANY)
    head = pcap_file(made[: MANY // 2])
    bad = struct.pack("<IIII", 0, 0, 0xFFFFFFF0, 0)
    tail = b"".join(pcap_record(frame, number) for number, frame in enumerate(made[MANY // 2 :]))
    with open_capture(io.BytesIO(head + bad + tail)) as capture:
        assert capture.packets().read_all().num_rows == MANY // 2
        assert capture.damage is not None
        assert capture.damage.offset == len(head)


def test_drops_of_a_packet_that_is_refused_are_not_counted():
    drops = struct.pack("<HHQ", 4, 8, 7)
    broken = struct.pack("<HHI", 5, 4, 0)  # a packet id of the wrong length
    data = section() + interface()
    for number, options in enumerate((drops, drops + broken)):
        ticks = EPOCH * 1_000_000 + number
        head = struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, 60, 60)
        data += block(6, head + bytes(60) + options)
    quality = analyze_capture(io.BytesIO(data)).quality
    assert quality.dropped == 7
    assert quality.damage is not None
