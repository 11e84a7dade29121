"""Counting agreement: which packets are compared, what is a difference, what is a known one."""

import json

import pyarrow as pa
import pytest

from pcap_analyzer.comparison import as_json, as_text, compare
from pcap_analyzer.comparison.layers import IpLayer, TsharkPacket
from pcap_analyzer.comparison.tshark import FIELDS


def theirs(number: int, *, port: int = 53, stream: int = 0, application: str = "dns") -> TsharkPacket:
    fields = dict.fromkeys(FIELDS, "")
    fields |= {
        "frame.len": "60",
        "frame.cap_len": "60",
        "udp.srcport": str(port),
        "udp.dstport": "9",
        "udp.stream": str(stream),
        "udp.length": "30",
    }
    layers = ("eth", "ethertype", "ip", "udp", application)
    return TsharkPacket(number, 0, layers, [IpLayer(2, {"ip_version": 4, "src": "1.1.1.1"})], fields, ",")


def ours(*rows: tuple[int, int, int]) -> list[pa.RecordBatch]:
    """Batches of frame number, source port, stream."""
    return (
        [
            pa.RecordBatch.from_pylist(
                [
                    {"frame_number": number, "src_port": port, "stream": stream, "protocol": 17}
                    for number, port, stream in rows
                ]
            )
        ]
        if rows
        else []
    )


def test_equal_packets_agree():
    found = compare("x", ours((1, 53, 0), (2, 53, 0)), [theirs(1), theirs(2)])
    assert found.agrees
    assert (found.packets, found.columns["src_port"].equal, found.exit_code) == (2, 2, 0)
    assert as_text(found).endswith("x: 2 packets, every column equals tshark's")


def test_a_difference_is_shown_with_its_frame_and_both_values():
    found = compare("x", ours((1, 53, 0), (2, 54, 0)), [theirs(1), theirs(2)])
    assert found.exit_code == 1
    assert found.columns["src_port"].agreement == 50.0
    assert "src_port: frame 2: ours 54, tshark 53 (eth:ethertype:ip:udp:dns)" in as_text(found)


@pytest.mark.parametrize(
    ("rows", "frames", "only_ours", "only_theirs"),
    [
        ([(1, 53, 0), (3, 53, 0)], [1, 2, 3], [], [2]),
        ([(1, 53, 0), (2, 53, 0)], [2], [1], []),
        ([], [1, 2], [], [1, 2]),
        ([(1, 53, 0)], [], [1], []),
    ],
)
def test_a_frame_on_one_side_alone_is_counted(rows, frames, only_ours, only_theirs):
    found = compare("x", ours(*rows), [theirs(number) for number in frames])
    assert (found.only_ours.first, found.only_theirs.first, found.agrees) == (only_ours, only_theirs, False)


def test_streams_after_a_split_are_the_same_streams_with_other_numbers():
    found = compare(
        "x",
        ours((1, 53, 0), (2, 53, 0), (3, 53, 1), (4, 53, 0), (5, 53, 1)),
        [theirs(1), theirs(2, stream=1, application="rtp"), theirs(3, stream=2), theirs(4), theirs(5, stream=2)],
    )
    column = found.columns["stream (UDP)"]
    assert (column.equal, dict(column.explained), column.different) == (
        2,
        {"tshark opens a second stream for announced media": 3},
        0,
    )


def test_a_shift_without_a_layer_that_explains_it_counts_against_us():
    found = compare("x", ours((1, 53, 0), (2, 53, 1)), [theirs(1), theirs(2, stream=2)])
    assert found.columns["stream (UDP)"].different == 1


def test_a_wrong_stream_is_not_excused_by_a_split():
    found = compare("x", ours((1, 53, 0), (2, 53, 7)), [theirs(1), theirs(2, stream=1, application="rtp")])
    assert found.columns["stream (UDP)"].different == 1


def test_a_percentage_is_never_rounded_up_to_all():
    rows = [(number, 53, 0) for number in range(1, 100_001)]
    rows[7] = (8, 54, 0)
    assert "99.999 %" in as_text(compare("x", ours(*rows), (theirs(number) for number in range(1, 100_001))))


def test_json_holds_the_same():
    document = json.loads(as_json(compare("x", ours((1, 54, 0)), [theirs(1)])))
    [port] = [column for column in document["columns"] if column["name"] == "src_port"]
    assert (document["agrees"], port["different"], port["differences"][0]["theirs"]) == (False, 1, 53)
