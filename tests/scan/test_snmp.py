"""Between two ports that speak SNMP Wireshark numbers a second stream, with the packet behind the first message."""

import io
import struct

import pytest

from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.reference.packets import decode
from tests.reference.streams import Streams
from tests.scan.files import pcap_file

A, B = b"\x0a\0\0\1", b"\x0a\0\0\2"
ETHERNET = bytes(12) + b"\x08\0"
MESSAGE = b"\x30\x03\x02\x01\0"
JUNK = b"junk"


def datagram(payload: bytes, *, src: int = 1000, dst: int = 161, reply: bool = False, fragment: int = 0) -> bytes:
    ports, ends = ((dst, src), B + A) if reply else ((src, dst), A + B)
    udp = struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload
    return ETHERNET + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, fragment, 64, 17, 0) + ends + udp


def refused(quoted: bytes) -> bytes:
    icmp = b"\3\3" + bytes(6) + quoted[14:]
    return ETHERNET + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(icmp), 1, 0, 64, 1, 0) + B + A + icmp


def streams(frames: list[bytes], threads: int = 1) -> list[int | None]:
    """The stream of each packet; the last is another flow's, which says how many there are before it."""
    data = pcap_file([*frames, datagram(JUNK, src=9, dst=9)])
    with open_capture(io.BytesIO(data), threads=threads) as capture:
        return capture.packets(["stream"]).read_all()["stream"].to_pylist()


REQUEST, ANSWER = datagram(MESSAGE), datagram(MESSAGE, reply=True)
CASES = {
    "a request and what follows": ([REQUEST, ANSWER, REQUEST], [0, 1, 1, 2]),
    "an answer first": ([ANSWER, ANSWER, REQUEST], [0, 1, 1, 2]),
    "one message alone": ([REQUEST], [0, 1]),
    "what is no message before and behind": (
        [datagram(JUNK), datagram(JUNK), REQUEST, datagram(JUNK)],
        [0, 0, 0, 1, 2],
    ),
    "a trap": ([datagram(MESSAGE, dst=162)] * 2, [0, 1, 2]),
    "other ports": ([datagram(MESSAGE, dst=160)] * 2, [0, 0, 1]),
    "a lower port that is another's": ([datagram(MESSAGE, src=53)] * 2, [0, 0, 1]),
    "two clients": (
        [REQUEST, datagram(MESSAGE, src=2000), datagram(MESSAGE, src=2000), ANSWER, datagram(MESSAGE, src=2000)],
        [0, 1, 2, 3, 2, 4],
    ),
    "a fragment": ([datagram(MESSAGE, fragment=0x2000), REQUEST, REQUEST], [0, 0, 1, 2]),
    "an error about it": ([REQUEST, refused(REQUEST), ANSWER], [0, None, 1, 2]),
    "a length in bytes of its own": ([datagram(b"\x30\x84\0\0\0\3\2\1\0"), ANSWER], [0, 1, 2]),
    "a length beyond the datagram": (
        [datagram(b"\x30\x09\2\1\0"), datagram(b"\x30\x84\xff\xff\xff\xff\2\1\0")],
        [0, 0, 1],
    ),
    "something behind the message": ([datagram(MESSAGE + b"more"), ANSWER], [0, 1, 2]),
    "no integer": ([datagram(b"\x30\3\4\1\0"), ANSWER], [0, 0, 1]),
    "next to nothing": (
        [datagram(b""), datagram(b"\x30"), datagram(b"\x30\0"), datagram(b"\x30\x84\0")],
        [0, 0, 0, 0, 1],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_second_stream_begins_behind_the_first_message(name: str) -> None:
    frames, expected = CASES[name]
    assert streams(frames) == expected
    assert streams(frames, threads=2) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_twin_says_the_same(name: str) -> None:
    frames, expected = CASES[name]
    twin = Streams()
    found = []
    for frame in [*frames, datagram(JUNK, src=9, dst=9)]:
        numbers = [(header.own, twin.number(header)) for header in decode(frame, len(frame), 1).headers]
        found.append(next((number for own, number in numbers if own), None))
    assert found == expected


def test_it_is_one_flow_with_the_number_of_its_first_packet() -> None:
    data = pcap_file([REQUEST, ANSWER, REQUEST, ANSWER, datagram(JUNK, src=9, dst=9)])
    flows = analyze_capture(io.BytesIO(data)).flows().read_all().to_pylist()
    assert [(flow["stream"], flow["client_packets"], flow["server_packets"]) for flow in flows] == [
        (0, 2, 2),
        (2, 1, 0),
    ]


def test_the_second_stream_is_found_again_when_its_flow_was_written_out() -> None:
    others = [datagram(JUNK, src=10_000 + port, dst=20_000) for port in range(1000)]
    data = pcap_file([REQUEST, ANSWER, *others, REQUEST, ANSWER, datagram(JUNK, src=9, dst=9)])
    analysis = analyze_capture(io.BytesIO(data), flow_limit=300, batch_size=64)
    assert sorted(analysis.flows(["stream"]).read_all()["stream"].to_pylist()) == [0, *range(2, 1003)]
