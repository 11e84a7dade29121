"""Behind a SOCKS proxy Wireshark numbers a second stream, with the first segment that it dissects past the exchange."""

import io
import struct

from pcap_analyzer.pipeline import open_capture
from tests.scan.files import ACK, DATA, SYN, SYN_ACK, pcap_file, tcp_frame

SOCKS = struct.pack(">H", 1080)
GREETING, CHOICE = b"\x05\x01\x00", b"\x05\x00"
CONNECT = b"\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50"
CONNECTED = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x00\x50"
REQUEST, ANSWER = b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204\r\n\r\n"


class Talk:
    """A connection to the proxy; what was sent can be sent again."""

    def __init__(self) -> None:
        self.sent = {False: 1001, True: 9001}
        self.frames = [
            self._frame(tcp_frame(1, flags=SYN, seq=1000, ack=0), reply=False),
            self._frame(tcp_frame(1, flags=SYN_ACK, seq=9000, ack=1001, reply=True), reply=True),
            self._frame(tcp_frame(1, flags=ACK, seq=1001, ack=9001), reply=False),
        ]

    def _frame(self, frame: bytes, *, reply: bool) -> bytes:
        at = 34 if reply else 36
        return frame[:at] + SOCKS + frame[at + 2 :]

    def say(self, payload: bytes, *, reply: bool = False) -> "Talk":
        seq, ack = self.sent[reply], self.sent[not reply]
        self.sent[reply] += len(payload)
        frame = tcp_frame(1, flags=DATA, seq=seq, ack=ack, reply=reply, payload=payload)
        self.frames.append(self._frame(frame, reply=reply))
        return self

    def repeat(self, back: int) -> "Talk":
        self.frames.append(self.frames[-back])
        return self


def exchange() -> Talk:
    return Talk().say(GREETING).say(CHOICE, reply=True).say(CONNECT)


def numbers(talk: Talk) -> list[int]:
    """Stream numbers: of the connection to the proxy, and of the next one."""
    data = pcap_file([*talk.frames, tcp_frame(2, flags=SYN)])
    found = open_capture(io.BytesIO(data)).packets(["stream"]).read_all()["stream"].to_pylist()
    assert set(found[:-1]) == {0}
    return [found[0], found[-1]]


def test_what_follows_the_exchange_opens_a_stream_of_its_own():
    asked = exchange()
    assert numbers(asked) == [0, 1]
    answered = asked.say(CONNECTED, reply=True)
    assert numbers(answered) == [0, 1]
    assert numbers(answered.say(REQUEST)) == [0, 2]
    assert numbers(answered.say(ANSWER, reply=True)) == [0, 2]


def test_what_is_repeated_takes_the_exchange_no_further():
    answered = exchange().repeat(1).say(CONNECTED, reply=True).repeat(1)
    assert numbers(answered) == [0, 1]
    assert numbers(answered.say(REQUEST)) == [0, 2]


def test_what_is_repeated_in_vain_is_looked_at_again():
    # As Wireshark does: the choice was acknowledged, so it passes for the answer, and once more for what follows it.
    talk = exchange().repeat(2)
    assert numbers(talk) == [0, 1]
    assert numbers(talk.repeat(1)) == [0, 2]
