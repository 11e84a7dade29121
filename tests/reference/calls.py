"""Media that is announced by SIP, and which stream Wireshark takes a datagram for because of that."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from tests.reference.frame import TCP, UDP, Header

SIP_PORT, LEAST_MESSAGE, MOST_MEDIA = 5060, 32, 4
RTP = (b"RTP/AVP", b"RTP/AVPF", b"RTP/SAVP", b"RTP/SAVPF", b"UDP/TLS/RTP/SAVP", b"UDP/TLS/RTP/SAVPF")
DATAGRAMS = (b"udptl", b"UDPTL", b"udpsprt", b"UDPSPRT")
LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
QUOTED_LINE = re.compile(rb'((?:"[^"]*(?:"|\Z)|[^"\r\n])*)(?:\r\n|\r|\n|\Z)')
REQUEST = re.compile(rb"[^ ]* [^ ]*:[^ ]* SIP/2\.0")
RESPONSE = re.compile(rb"SIP/2\.0 (\d{3}) .*", re.DOTALL)
SPACE = b" \t\n\v\f\r"
DNS_PORTS = {53, 5353, 5355}

End = tuple[int, bytes, int]  # IP version, address, port
Direction = tuple[bytes, End, End]


@dataclass
class Announced:
    """An end that media was announced for, from a packet on; its number once a packet is of it."""

    setup: int
    number: int | None = None


@dataclass
class Message:
    """What of a SIP message matters."""

    code: int | None  # None: a request
    headers: dict[bytes, bytes]
    body: bytes = b""
    whole: bool = True

    @property
    def sequence(self) -> tuple[int, bytes] | None:
        """Number and method; LookupError where Wireshark gives up."""
        value = self.headers.get(b"cseq")
        if value is None:
            return None
        digits = re.match(rb"\d*", value)
        method = re.search(rb"[A-Za-z].*", value, re.DOTALL)
        if digits is None or method is None or len(method[0]) > 16:
            raise LookupError
        return min(int(digits[0] or b"0"), 2**32 - 1), method[0][:15]

    @property
    def content_type(self) -> bytes:
        name, semicolon, _ = self.headers.get(b"content-type", b"").partition(b";")
        return (name.rstrip(SPACE) if semicolon else name).lower()

    @property
    def boundary(self) -> bytes:
        kind, _, parameters = self.headers.get(b"content-type", b"").partition(b";")
        if kind.partition(b"/")[0].lower() != b"multipart":
            return b""
        for parameter in parameters.split(b";"):
            name, equals, value = parameter.partition(b"=")
            if equals and name.lstrip(SPACE).lower() == b"boundary":
                value = value.rstrip(SPACE)
                return value[1:-1] if len(value) > 1 and value[:1] == value[-1:] == b'"' else value
        return b""


@dataclass
class Dialog:
    """The last message of a direction, and the request's offer."""

    sequence: tuple[int, bytes]
    code: int | None = None
    packet: int = 0
    state: str = ""
    described: bool = False
    answered: bool = False
    media: int = 0


@dataclass
class Calls:
    """What a capture's messages announce, in the order of the file."""

    ends: dict[End, list[Announced]] = field(default_factory=dict)
    dialogs: dict[Direction, Dialog] = field(default_factory=dict)
    heard: dict[tuple[End, End], int] = field(default_factory=dict)

    def announced(self, header: Header) -> Announced | None:
        """What a datagram is of: where it comes from, else where it goes."""
        for end in ends_of(header):
            if end in self.ends:
                return self.ends[end][-1]
        return None

    def hear(self, header: Header, packet: int) -> None:
        """Take the messages behind a packet's own header."""
        rest = header.said
        if header.protocol == TCP and SIP_PORT not in (header.src_port, header.dst_port):
            return
        if header.protocol == UDP and {header.src_port, header.dst_port} & DNS_PORTS:
            return
        if len(rest) < LEAST_MESSAGE or not re.match(rb"[A-Za-z]{3}", rest):
            return
        asked = False
        while True:
            message, rest = read(rest)
            if message is None:
                return
            try:
                _ = message.sequence
            except LookupError:
                return
            if header.protocol == TCP and (not message.whole or (not asked and self._is_heard(header))):
                return
            asked = True
            if self._take(header, message, packet):
                return

    def _is_heard(self, header: Header) -> bool:
        end = (header.seq + (header.length or 0)) % 2**32
        before = self.heard.get(ends_of(header))
        if before is not None and (end - before - 1) % 2**32 >= 2**31 - 1:
            return True
        self.heard[ends_of(header)] = end
        return False

    def _take(self, header: Header, message: Message, packet: int) -> bool:
        """Follow one message; True: it is the last of its packet."""
        described = message.content_type == b"application/sdp" and message.body != b""
        if header.protocol == UDP and message.sequence is not None:
            self._follow(header, message, packet, described)
        elif described:
            self._announce(message.body, packet, packet, 0)
        if message.boundary:
            for part in parts(message):
                self._announce(part, packet, packet, 0)
        return header.protocol == UDP

    def _follow(self, header: Header, message: Message, packet: int, described: bool) -> None:
        sender, receiver = ends_of(header)
        call = message.headers.get(b"call-id", b"")[:127]
        sequence = message.sequence
        assert sequence is not None
        dialog = self.dialogs.get((call, sender, receiver))
        again = dialog is not None and dialog.sequence == sequence and self._is_again(dialog, message)
        if dialog is None or dialog.sequence[0] != sequence[0]:
            dialog = self.dialogs[call, sender, receiver] = Dialog(sequence)
        offered = dialog.described
        self._note(dialog, message, packet, again=again, described=described)
        if not described:
            return
        if message.code is None:
            if not (again and offered):
                dialog.media = self._announce(message.body, packet, packet, dialog.media)
            return
        asked = self.dialogs.get((call, receiver, sender))
        final = 200 <= message.code < 300 or message.code >= 400
        if again or not final or asked is None or asked.state != "asked" or asked.sequence != sequence:
            self._announce(message.body, packet, packet, 0)
        elif not asked.answered:
            asked.media = self._announce(message.body, asked.packet, packet, asked.media)
            asked.described = asked.answered = True

    @staticmethod
    def _is_again(dialog: Dialog, message: Message) -> bool:
        if message.code is None:
            return dialog.state == "asked" and dialog.sequence[1] not in (b"ACK", b"CANCEL")
        return dialog.state == "answered" and message.code == dialog.code

    @staticmethod
    def _note(dialog: Dialog, message: Message, packet: int, *, again: bool, described: bool) -> None:
        if message.code is None:
            dialog.state = "asked"
            if not again:
                dialog.packet, dialog.described, dialog.answered, dialog.media = packet, described, False, 0
        elif message.code >= 200:
            dialog.state, dialog.code = "answered", message.code
            if not again:
                dialog.packet = packet
        else:
            dialog.state = "goes on"

    def _announce(self, body: bytes, setup: int, packet: int, media: int) -> int:
        """Take a description; how many media there are then."""
        found, media = describe(body, media)
        for version, address, port, control in found:
            self._add((version, address, port), packet if control is None else setup)
            if control is not None and (version, address, control) not in self.ends:
                self._add((version, address, control), setup)
        return media

    def _add(self, end: End, setup: int) -> None:
        known = self.ends.setdefault(end, [])
        if not known or known[-1].setup < setup:
            known.append(Announced(setup))


def ends_of(header: Header) -> tuple[End, End]:
    return (
        (header.ip_version, header.src, header.src_port),
        (header.ip_version, header.dst, header.dst_port),
    )


def read(data: bytes) -> tuple[Message | None, bytes]:
    """The first message, and what is behind it."""
    lines, at = [], 0
    while at < len(data):
        line = LINE.match(data, at)
        assert line is not None
        at = line.end()
        if not line[1]:
            break
        if len(lines) > 1 and line[1][:1] in (b" ", b"\t"):
            lines[-1] += b"\n" + line[1]
        else:
            lines.append(line[1])
    response = RESPONSE.fullmatch(lines[0]) if lines else None
    if not lines or not (response or REQUEST.fullmatch(lines[0])):
        return None, b""
    message = Message(int(response[1]) if response else None, {})
    for line_ in lines[1:]:
        name, colon, value = line_.partition(b":")
        if colon:
            name = {b"i": b"call-id", b"c": b"content-type", b"l": b"content-length"}.get(name.lower(), name.lower())
            message.headers[name] = value.lstrip(SPACE)
    digits = re.match(rb"\d*", message.headers.get(b"content-length", b""))
    length = len(data)
    if b"content-length" in message.headers and digits:
        length = int(digits[0] or b"0")
        message.whole = length <= len(data) - at
    message.body = data[at : at + length]
    return message, data[at + length :]


def parts(message: Message) -> list[bytes]:
    """The session descriptions among the parts of a message."""
    found = []
    pieces = re.split(
        rb"(?:\A|(?<=[\r\n]))--" + re.escape(message.boundary) + rb"[^\r\n]*(?:\r\n|\r|\n|\Z)", message.body
    )
    for piece in pieces[1:-1]:
        at = 0
        kind = b""
        while (line := LINE.match(piece, at)) and line[1]:
            at = line.end()
            name, _, value = line[1].partition(b":")
            if name.lower() == b"content-type":
                kind = Message(None, {b"content-type": value.lstrip(SPACE)}).content_type
        if kind == b"application/sdp" and line:
            found.append(piece[line.end() :])
    return found


def describe(body: bytes, media: int) -> tuple[list[tuple[int, bytes, int, int | None]], int]:
    """IP version, address, port and RTCP's port of each medium that can be sent; how many media were counted."""
    session: tuple[int, bytes] | None = None
    found: list[dict[str, object]] = []
    at = 0
    while at < len(body):
        line = QUOTED_LINE.match(body, at)
        assert line is not None
        at = line.end()
        if len(line[1]) < 2:
            break
        kind, value = line[1][:2], line[1][2:]
        if kind == b"m=":
            media += 1
            found.append({"address": session, "counted": media <= MOST_MEDIA, **medium(value)})
        elif kind == b"c=" and found:
            found[-1]["address"] = connection(value)
        elif kind == b"c=":
            session = connection(value) or session
        elif kind == b"a=" and found:
            name, colon, port = value.partition(b":")
            if colon and name.lower() == b"rtcp":
                port = port.lstrip(SPACE)
                found[-1]["rtcp"] = int(port) if re.fullmatch(rb"\d+", port) and int(port) < 65536 else 0
    sent = []
    for one in found:
        if one["address"] and one["port"] and one["counted"] and one["transport"] in RTP + DATAGRAMS:
            version, address = one["address"]  # type: ignore[misc]
            port = one["port"]
            assert isinstance(port, int)
            control = one.get("rtcp") or (port + 1) % 65536 if one["transport"] in RTP else None
            assert control is None or isinstance(control, int)
            if control is None or port not in {other for _, _, other, at in sent if at is not None}:
                sent.append((version, address, port, control))
    return sent, min(media, MOST_MEDIA)


def medium(value: bytes) -> dict[str, object]:
    words = [word for word in value.split(b" ") if word]
    port = words[1].partition(b"/")[0] if len(words) > 1 else b""
    number = int(port) if re.fullmatch(rb"\d+", port) else 0
    return {"port": number if number < 65536 else 0, "transport": words[2] if len(words) > 2 else b""}


def connection(value: bytes) -> tuple[int, bytes] | None:
    """IP version and address."""
    words = re.fullmatch(rb" *[^ ]+ +(IP4|IP6) ([^/]*)(?:/.*)?", value, re.DOTALL)
    if words is None:
        return None
    try:
        # Quirk: it ends at a zero byte.
        address = ipaddress.ip_address(words[2].partition(b"\0")[0].decode("ascii"))
    except ValueError:
        return None
    return (address.version, address.packed) if address.version == int(words[1][2:]) else None
