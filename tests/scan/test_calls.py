"""Media that SIP announces has Wireshark's stream numbers: one for each end that was announced.

What tshark 4.0 says of these exchanges stands beside them.
"""

import io
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.native.examples import examples
from tests.reference.packets import decode
from tests.reference.streams import Streams
from tests.scan.files import pcap_file

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
MEDIA = b"\x80\0\0\1\0\0\0\1\0\0\0\7" + b"\x55" * 20
INVITE, OK, RINGS = "INVITE sip:b@b SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 183 Session Progress"
SDP = "application/sdp"


def ip(src: str, dst: str, protocol: int, data: bytes, fragment: int = 0) -> bytes:
    ends = bytes(int(part) for part in f"{src}.{dst}".split("."))
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 1, fragment, 64, protocol, 0)
    return bytes(12) + b"\x08\0" + header + ends + data


def udp(src: str, src_port: int, dst: str, dst_port: int, data: bytes = MEDIA, fragment: int = 0) -> bytes:
    return ip(src, dst, 17, struct.pack(">HHHH", src_port, dst_port, 8 + len(data), 0) + data, fragment)


def tcp(
    src: str, src_port: int, dst: str, dst_port: int, data: bytes, seq: int = 1, ack: int = 1, flags: int = 0x18
) -> bytes:
    header = struct.pack(">HHIIBBHHH", src_port, dst_port, seq, ack, 0x50, flags, 1000, 0, 0)
    return ip(src, dst, 6, header + data)


def opens(src: str, src_port: int, dst: str, seq: int) -> bytes:
    return tcp(src, src_port, dst, 5060, b"", seq, 0, 2)


def described(address: str, *lines: str, connection: str | None = None) -> str:
    connection = f"c=IN IP4 {address}" if connection is None else connection
    return "".join(f"{line}\r\n" for line in ["v=0", "o=- 1 1 IN IP4 x", "s=-", connection, "t=0 0", *lines])


def audio(port: int | str, transport: str = "RTP/AVP") -> str:
    return f"m=audio {port} {transport} 0"


def message(first: str, body: str = "", *, call: str = "c1", sequence: str = "1 INVITE", kind: str = SDP) -> bytes:
    content = f"Content-Type: {kind}\r\n" if body else ""
    head = f"{first}\r\nVia: SIP/2.0/UDP x\r\nCall-ID: {call}\r\nCSeq: {sequence}\r\n{content}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def asks(*lines: str, first: str = INVITE, call: str = "c1", sequence: str = "1 INVITE") -> bytes:
    body = described(A, *lines) if lines else ""
    return udp(A, 5060, B, 5060, message(first, body, call=call, sequence=sequence))


def says(*lines: str, first: str = OK, call: str = "c1", sequence: str = "1 INVITE") -> bytes:
    body = described(B, *lines) if lines else ""
    return udp(B, 5060, A, 5060, message(first, body, call=call, sequence=sequence))


def changed(frame: bytes, old: bytes, new: bytes) -> bytes:
    """The same message over UDP with something else in it."""
    payload = frame[42:].replace(old, new)
    assert payload != frame[42:]
    return udp(A, 5060, B, 5060, payload)


def described_by(body: str, kind: str = SDP) -> bytes:
    return udp(A, 5060, B, 5060, message(INVITE, body, kind=kind))


def both(a: int = 4000, b: int = 5000) -> list[bytes]:
    return [udp(A, a, B, b), udp(B, b, A, a)]


INV, ANSWER, PROGRESS = asks(audio(4000)), says(audio(5000)), says(audio(5000), first=RINGS)
AGAIN, ANSWER_AGAIN = asks(audio(4000), sequence="2 INVITE"), says(audio(5000), sequence="2 INVITE")
PARTS = "--x\r\nContent-Type: {}\r\n\r\n" + described(A, audio(4000)) + "\r\n--x--\r\n"
OFFER, REPLY = message(INVITE, described(A, audio(4000))), message(OK, described(B, audio(5000)))
OPTIONS = message("OPTIONS sip:b SIP/2.0", call="c9")
UNANNOUNCED = [0, 0, 1, 1]  # where the answer alone announces an end

FAX, FAX_ANSWER = asks("m=image 4000 udptl t38"), says("m=image 5000 udptl t38")


def over_tcp(seq: int, call: str = "c1") -> list[bytes]:
    """A call over a connection from port 9."""
    offer = message(INVITE, described(A, audio(4000)), call=call)
    reply = message(OK, described(B, audio(5000)), call=call)
    return [
        tcp(A, 9, B, 5060, offer, seq, seq),
        tcp(B, 5060, A, 9, reply, seq, seq + len(offer)),
    ]


def sap(flags: int = 0x20, sender: bytes = bytes(4), kind: bytes = SDP.encode() + b"\0", proof: bytes = b"") -> bytes:
    """Session Announcement Protocol, RFC 2974."""
    body = described("239.1.1.1/32", audio(4000)).encode()
    head = bytes([flags, len(proof) // 4]) + b"\0\1" + sender + proof
    return udp(A, 9875, "224.2.127.254", 9875, head + kind + body)


def to_group() -> list[bytes]:
    return [udp(A, 7000, "239.1.1.1", 4000), udp(C, 7001, "239.1.1.1", 4000)]


CASES: dict[str, tuple[list[bytes], list[int | None]]] = {
    "offer and answer": ([INV, ANSWER, *both()], [0, 0, 1, 2]),
    "an offer alone": ([INV, *both()], [0, 1, 1]),
    "an answer alone": ([ANSWER, *both()], [0, 1, 1]),
    "an answer behind the first media": ([INV, udp(B, 5000, A, 4000), ANSWER, *both()], [0, 1, 0, 1, 2]),
    "media before its call": ([*both(), INV, ANSWER, *both()], [0, 0, 1, 1, 0, 0]),
    "a provisional answer, then a final one": (
        [INV, PROGRESS, *both(), ANSWER, *both()],
        [0, 0, 1, 2, 0, 1, 2],
    ),
    "a request sent again": ([INV, *both(), INV, *both()], [0, 1, 1, 0, 1, 1]),
    "an answer sent again": ([INV, ANSWER, *both(), ANSWER, *both()], [0, 0, 1, 2, 0, 1, 3]),
    "announced again": (
        [INV, ANSWER, *both(), AGAIN, *both(), ANSWER_AGAIN, *both()],
        [0, 0, 1, 2, 0, 3, 2, 0, 3, 4],
    ),
    "another call announces the same": (
        [INV, ANSWER, *both(), asks(audio(4000), call="c2"), *both()],
        [0, 0, 1, 2, 0, 3, 2],
    ),
    "an answer to nothing": ([INV, ANSWER, *both(), says(audio(5000), call="c2"), *both()], [0, 0, 1, 2, 0, 1, 3]),
    "an answer to what is over": (
        [INV, PROGRESS, asks(first="PRACK sip:b SIP/2.0", sequence="2 PRACK"), ANSWER, *both()],
        [0, 0, 0, 0, 1, 2],
    ),
    "offers nothing, then something": (
        [asks(), ANSWER, *both(), asks(), INV, *both()],
        [0, 0, 1, 1, 0, 0, 1, 1],
    ),
    "an ACK offers": (
        [
            asks(),
            ANSWER,
            udp(A, 4000, B, 5000),
            asks(audio(4000), first="ACK sip:b SIP/2.0", sequence="1 ACK"),
            *both(),
        ],
        [0, 0, 1, 0, 2, 1],
    ),
    "refused": ([INV, says(audio(5000), first="SIP/2.0 486 Busy"), *both()], [0, 0, 1, 2]),
    "RTCP": ([INV, ANSWER, *both(4001, 5001), *both()], [0, 0, 1, 2, 3, 4]),
    "RTCP announced again": (
        [INV, ANSWER, *both(4001, 5001), AGAIN, ANSWER_AGAIN, *both(4001, 5001)],
        [0, 0, 1, 2, 0, 0, 1, 2],
    ),
    "RTCP on a port of its own": (
        [asks(audio(4000), "a=rtcp:4100"), says(audio(5000), "a=rtcp:5100"), *both(4100, 5100), *both(4001, 5001)],
        [0, 0, 1, 2, 3, 3],
    ),
    "RTCP at an address of its own": (
        [asks(audio(4000), "a=rtcp:4100 IN IP4 10.0.0.1"), *both(4100, 5100), *both(4001, 9)],
        [0, 1, 1, 2, 2],
    ),
    "media to others": (
        [INV, ANSWER, udp(A, 4000, C, 1), udp(C, 2, A, 4000), udp(C, 3, B, 5000), udp(B, 5000, C, 9)],
        [0, 0, 1, 1, 2, 2],
    ),
    "no port": ([asks(audio(0)), ANSWER, *both()], UNANNOUNCED),
    "secured": ([asks(audio(4000, "RTP/SAVP")), says(audio(5000, "UDP/TLS/RTP/SAVPF")), *both()], [0, 0, 1, 2]),
    "fax": ([asks(audio(4000, "udptl")), says(audio(5000, "UDPTL")), *both()], [0, 0, 1, 2]),
    "over what is not known": ([asks(audio(4000, "udp")), ANSWER, *both()], UNANNOUNCED),
    "in small letters": ([asks(audio(4000, "rtp/avp")), ANSWER, *both()], UNANNOUNCED),
    "several media": (
        [asks(audio(4000), audio(4002)), says(audio(5000), audio(5002)), *both(), *both(4002, 5002)],
        [0, 0, 1, 2, 3, 4],
    ),
    "one of them elsewhere": (
        [asks(audio(4000), audio(4002), "c=IN IP4 10.9.9.9"), ANSWER, *both(), *both(4002, 6000)],
        [0, 0, 1, 2, 3, 3],
    ),
    "five media": ([asks(*(audio(4000 + 2 * at) for at in range(5))), ANSWER, *both()], [0, 0, 1, 1]),
    "three, and two more": (
        [asks(audio(1), audio(3), audio(4000)), says(audio(5000), audio(5002)), *both(), *both(4000, 5002)],
        [0, 0, 1, 2, 1, 1],
    ),
    "two with one port": ([asks(audio(4000), "c=IN IP4 10.9.9.9", audio(4000)), ANSWER, *both()], UNANNOUNCED),
    "several ports": ([asks(audio("4000/2")), ANSWER, *both(), *both(4002, 9)], [0, 0, 1, 2, 3, 3]),
    "a port beyond": ([asks(audio(70000)), ANSWER, *both()], UNANNOUNCED),
    "a port with more behind": ([asks(audio("4000x")), ANSWER, *both()], UNANNOUNCED),
    "the last port": ([asks(audio(65535)), udp(A, 65535, B, 1), udp(A, 65535, B, 2)], [0, 1, 1]),
    "spaces between": ([asks("m=audio  4000  RTP/AVP  0"), ANSWER, *both()], [0, 0, 1, 2]),
    "no transport": ([asks("m=audio 4000"), ANSWER, *both()], UNANNOUNCED),
    "a name for an address": ([asks(audio(4000), "c=IN IP4 host.example"), ANSWER, *both()], UNANNOUNCED),
    "a time to live": (
        [described_by(described("", audio(4000), connection="c=IN IP4 10.0.0.1/127")), ANSWER, *both()],
        [0, 0, 1, 2],
    ),
    "an address for media alone": (
        [described_by(described("", audio(4000), "c=IN IP4 10.0.0.1", connection="x=")), ANSWER, *both()],
        [0, 0, 1, 2],
    ),
    "an empty line": ([asks("", audio(4000)), ANSWER, *both()], UNANNOUNCED),
    "a line that is none": ([asks("xyz", audio(4000)), ANSWER, *both()], [0, 0, 1, 2]),
    "a line in quotes": ([asks('i="a', audio(4000), 'b"'), ANSWER, *both()], UNANNOUNCED),
    "lines that end in one character": (
        [described_by(described(A, audio(4000)).replace("\r\n", "\n")), ANSWER, *both()],
        [0, 0, 1, 2],
    ),
    "no Content-Type": ([changed(INV, b"Content-Type", b"X-Type"), ANSWER, *both()], UNANNOUNCED),
    "short names": (
        [changed(changed(INV, b"Content-Type", b"c"), b"Content-Length", b"l"), ANSWER, *both()],
        [0, 0, 1, 2],
    ),
    "a type with a parameter": ([changed(INV, b"tion/sdp", b"TION/SDP ; q=1"), ANSWER, *both()], [0, 0, 1, 2]),
    "a folded line": ([changed(INV, b"Type: ", b"Type:\r\n "), ANSWER, *both()], [0, 0, 1, 2]),
    "no Content-Length": ([changed(INV, b"Content-Length", b"X-Length"), ANSWER, *both()], [0, 0, 1, 2]),
    "a Content-Length of nothing": ([changed(INV, b"Length: ", b"Length: 0;"), ANSWER, *both()], UNANNOUNCED),
    "no CSeq": ([changed(INV, b"CSeq", b"X-Seq"), ANSWER, *both()], [0, 0, 1, 2]),
    "a CSeq without a method": ([changed(INV, b"CSeq: 1 INVITE", b"CSeq: 1"), ANSWER, *both()], UNANNOUNCED),
    "a CSeq with a long one": ([changed(INV, b" INVITE\r", b" " + b"A" * 17 + b"\r"), ANSWER, *both()], UNANNOUNCED),
    "another version": ([changed(INV, b"SIP/2.0\r", b"SIP/2.1\r"), ANSWER, *both()], UNANNOUNCED),
    "a line before": ([changed(INV, b"INVITE sip", b"\r\nINVITE sip"), ANSWER, *both()], UNANNOUNCED),
    "two in a datagram": ([udp(A, 5060, B, 5060, OPTIONS + OFFER), ANSWER, *both()], UNANNOUNCED),
    "other ports": (
        [udp(A, 7000, B, 7001, OFFER), udp(B, 7001, A, 7000, REPLY), *both()],
        [0, 0, 1, 2],
    ),
    "a fragment": ([udp(A, 5060, B, 5060, OFFER, 0x2000), ANSWER, *both()], UNANNOUNCED),
    "parts": ([described_by(PARTS.format(SDP), "multipart/mixed;boundary=x"), ANSWER, *both()], [0, 0, 1, 2]),
    "parts of another kind": (
        [described_by(PARTS.format("text/plain"), 'multipart/mixed; boundary="x"'), ANSWER, *both()],
        UNANNOUNCED,
    ),
    "parts that do not end": (
        [described_by(PARTS.format(SDP)[:-9], "multipart/mixed;boundary=x"), ANSWER, *both()],
        UNANNOUNCED,
    ),
    "over TCP": (
        [tcp(A, 5060, B, 5060, OFFER), tcp(B, 5060, A, 5060, REPLY), *both()],
        [None, None, 0, 1],
    ),
    "over TCP, sent again": (
        [tcp(A, 9, B, 5060, OFFER), tcp(B, 5060, A, 9, REPLY), *both(), tcp(A, 9, B, 5060, OFFER), *both()],
        [None, None, 0, 1, None, 0, 1],
    ),
    "two in a segment": (
        [tcp(A, 5060, B, 5060, OPTIONS + OFFER), tcp(B, 5060, A, 5060, REPLY), *both()],
        [None, None, 0, 1],
    ),
    "over TCP, another connection": (
        [opens(A, 9, B, 999), *over_tcp(1000), *both(), opens(A, 9, B, 499), *over_tcp(500, "c2"), *both()],
        [None, None, None, 0, 1, None, None, None, 2, 3],
    ),
    "over TCP, numbers before": (
        [*over_tcp(2_000_000_000), *both(), *over_tcp(1_000_000_000, "c2"), *both()],
        [None, None, 0, 1, None, None, 0, 1],
    ),
    "over TCP on other ports": (
        [tcp(A, 34567, B, 5080, OFFER), tcp(B, 5080, A, 34567, REPLY, ack=len(OFFER) + 1), *both()],
        [None, None, 0, 1],
    ),
    "over TCP on the port of something else": (
        [tcp(A, 34567, B, 8080, OFFER), tcp(B, 8080, A, 34567, REPLY, ack=len(OFFER) + 1), *both()],
        [None, None, 0, 0],
    ),
    "fax, media before the answer": (
        [FAX, udp(A, 4000, B, 5000), says("m=image 5000 udptl t38"), *both()],
        [0, 1, 0, 2, 3],
    ),
    "fax, its answer sent again": (
        [FAX, FAX_ANSWER, *both(), FAX_ANSWER, *both()],
        [0, 0, 1, 2, 0, 1, 3],
    ),
    "fax, refused": (
        [FAX, udp(A, 4000, B, 5000), says("m=image 0 udptl t38"), *both()],
        [0, 1, 0, 1, 1],
    ),
    "sound, then fax": (
        [asks(audio(4000), "m=image 4002 udptl t38"), *both(4002, 5002), says(audio(5000)), *both(4002, 5002)],
        [0, 1, 1, 0, 2, 2],
    ),
    "fax over IPv6": (
        [changed(FAX, b"IN IP4 10.0.0.1", b"IN IP6 ::ffff:10.0.0.1"), says(), *both()],
        [0, 0, 1, 1],
    ),
    "modem": (
        [asks("m=audio 4000 udpsprt 100"), udp(A, 4000, B, 5000), says("m=audio 5000 udpsprt 100"), *both()],
        [0, 1, 0, 2, 3],
    ),
    "a space behind the Content-Length": ([changed(INV, b"\r\n\r\n", b" \r\n\r\n"), ANSWER, *both()], UNANNOUNCED),
    "more behind the Content-Length": ([changed(INV, b"\r\n\r\n", b"x\r\n\r\n"), ANSWER, *both()], UNANNOUNCED),
    "parts whose header goes on": (
        [described_by(PARTS.replace(": {}", ":\r\n {}").format(SDP), "multipart/mixed;boundary=x"), ANSWER, *both()],
        [0, 0, 1, 2],
    ),
    "parts with short names": (
        [described_by(PARTS.replace("Content-Type", "c").format(SDP), "multipart/mixed;boundary=x"), ANSWER, *both()],
        [0, 0, 1, 2],
    ),
    "spaces around the boundary": (
        [described_by(PARTS.format(SDP), 'multipart/mixed ; type = "a;b" ; boundary = x (y)'), ANSWER, *both()],
        [0, 0, 1, 2],
    ),
    "a group": (
        [sap(), *to_group(), sap(), *to_group()],
        [0, 1, 1, 0, 2, 2],
    ),
    "a group without the type": ([sap(kind=b""), *to_group()], [0, 1, 1]),
    "a group of an IPv6 sender": ([sap(0x30, bytes(16)), *to_group()], [0, 1, 1]),
    "a group, proved": ([sap(proof=b"\x20\0\0\0"), *to_group()], [0, 1, 1]),
    "a group that is left": ([sap(0x24), *to_group()], [0, 1, 1]),
    "a group, encrypted": ([sap(0x22), *to_group()], [0, 1, 2]),
    "a group, compressed": ([sap(0x21), *to_group()], [0, 1, 2]),
    "an ICMP error about it": (
        [INV, ANSWER, udp(A, 4000, B, 5000), ip(B, A, 1, b"\3\3" + bytes(6) + udp(A, 4000, B, 5000)[14:]), *both()],
        [0, 0, 1, None, 1, 2],
    ),
}


def streams(frames: Iterable[bytes], threads: int = 1, batch_size: int = 65536) -> list[int | None]:
    """The UDP stream of each packet."""
    frames = list(frames)
    with open_capture(io.BytesIO(pcap_file(frames)), threads=threads) as capture:
        found = capture.packets(["protocol", "stream"], batch_size=batch_size).read_all().to_pylist()
    return [packet["stream"] if packet["protocol"] == 17 else None for packet in found]


def twin_streams(frames: Iterable[bytes]) -> list[int | None]:
    """The same by the twin."""
    twin = Streams()
    found = []
    for frame in frames:
        numbers = [
            (header.own, header.protocol, twin.number(header)) for header in decode(frame, len(frame), 1).headers
        ]
        found.append(next((number for own, protocol, number in numbers if own and protocol == 17), None))
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_streams_are_those_of_tshark(name: str) -> None:
    frames, expected = CASES[name]
    assert streams(frames) == expected
    assert streams(frames, threads=2, batch_size=3) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_twin_says_the_same(name: str) -> None:
    frames, expected = CASES[name]
    assert twin_streams(frames) == expected


def test_a_call_is_two_flows_of_media_with_the_numbers_of_their_first_packets() -> None:
    data = pcap_file([INV, ANSWER, *both(), *both(), *both(4001, 5001), AGAIN, ANSWER_AGAIN, *both()])
    flows = analyze_capture(io.BytesIO(data)).flows().read_all().to_pylist()
    assert [(flow["stream"], flow["client_packets"] + flow["server_packets"]) for flow in flows] == [
        (0, 4),
        (1, 6),
        (3, 2),
    ]


def test_what_was_announced_is_known_when_a_flow_was_written_out() -> None:
    others = [udp(C, port, C, port) for port in range(10_000, 11_000)]
    data = pcap_file([INV, ANSWER, *both(), *others, *both(), udp(C, 9, C, 9)])
    analysis = analyze_capture(io.BytesIO(data), flow_limit=300, batch_size=64)
    assert sorted(analysis.flows(["stream"]).read_all()["stream"].to_pylist()) == [0, 1, *range(3, 1004)]


def test_of_more_ends_than_are_remembered_the_first_are() -> None:
    """And a capture full of announcements is read to its end."""
    calls = [
        asks(*(audio(port + at) for at in range(1, 9, 2)), sequence=f"{port} INVITE") for port in range(0, 60000, 8)
    ]
    assert streams([*calls, udp(A, 1, B, 1), udp(A, 1, B, 2)])[-2:] == [1, 1]


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """An exchange in which messages were changed, cut, or have bytes put into them."""
    frames = list(CASES[draw(st.sampled_from(sorted(CASES)))][0])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(frames) - 1))
        payload = frames[at][42:]
        place = draw(st.integers(0, len(payload)))
        put = draw(
            st.sampled_from(
                [b"", b"\r\n", b'"', b" ", b":", b"\0", b"9", b"m=", b"c=", b"a=rtcp:7\r\n", b"\xff", b"--x"]
            )
        )
        frames[at] = udp(A, 5060, B, 5060, payload[:place] + put + payload[place + draw(st.integers(0, 3)) :])
    return [*frames, *both(), *both(4001, 5001)]


@settings(max_examples=examples(300), derandomize=True)
@given(damaged())
def test_damaged_messages_are_read_as_the_twin_reads_them(frames: list[bytes]) -> None:
    assert streams(frames) == twin_streams(frames)
