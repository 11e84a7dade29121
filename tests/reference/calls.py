"""Media that is announced by SIP, and which stream Wireshark takes a datagram for because of that."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from tests.reference.frame import TCP, UDP, Header

SIP_PORT, LEAST_MESSAGE, MOST_MEDIA = 5060, 32, 4
RTP = (b"RTP/AVP", b"RTP/AVPF", b"RTP/SAVP", b"RTP/SAVPF", b"UDP/TLS/RTP/SAVP", b"UDP/TLS/RTP/SAVPF")
FAX, MODEM = (b"udptl", b"UDPTL"), (b"udpsprt", b"UDPSPRT")
METHODS = (
    b"SIP/", b"INVI", b"ACK ", b"BYE ", b"CANC", b"OPTI", b"REGI", b"PRAC", b"SUBS", b"NOTI", b"PUBL", b"INFO",
    b"REFE", b"MESS", b"UPDA",
)  # fmt: skip
TAKEN = {80, 554, 8080}  # ports where Wireshark reads text of another protocol
SAP_PORT, SENT_AGAIN, SYN = 9875, 2**20, 2
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
        for parameter in re.findall(rb'(?:"[^"]*(?:"|\Z)|[^";])+', parameters):
            name, _, value = parameter.partition(b"=")
            if name.strip(SPACE).lower() == b"boundary":
                value = value.lstrip(SPACE)
                quoted = re.match(rb'"([^"]*)', value) or re.match(rb"([^ \t-\r]*)", value)
                assert quoted is not None
                return quoted[1]
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
    offered: dict[int, End] = field(default_factory=dict)  # fax and modem, by their places


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
        ports = {header.src_port, header.dst_port}
        if ports & DNS_PORTS:
            return
        if header.protocol == TCP and SIP_PORT in ports and header.flags & SYN:
            self.heard.pop(ends_of(header), None)
            self.heard.pop(ends_of(header)[::-1], None)
            return
        if len(rest) < LEAST_MESSAGE:
            return
        if header.protocol == UDP and SAP_PORT in ports:
            self._announce_group(rest, packet)
            return
        if not re.match(rb"[A-Za-z]{3}", rest):
            return
        if header.protocol == TCP and SIP_PORT not in ports and (ports & TAKEN or not rest.startswith(METHODS)):
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
        reach = 2**31 if SIP_PORT in (header.src_port, header.dst_port) else SENT_AGAIN
        if before is not None and (before - end) % 2**32 < reach:
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
                dialog.media, dialog.offered, _ = self._announce(message.body, packet, packet, dialog.media)
            return
        asked = self.dialogs.get((call, receiver, sender))
        final = 200 <= message.code < 300 or message.code >= 400
        if again or not final or asked is None or asked.state != "asked" or asked.sequence != sequence:
            self._announce(message.body, packet, packet, 0)
        elif not asked.answered:
            asked.media, _, refused = self._announce(message.body, asked.packet, packet, asked.media)
            for place, end in asked.offered.items():
                if place not in refused:
                    self._add(end, packet)
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
                dialog.packet, dialog.described, dialog.answered = packet, described, False
                dialog.media, dialog.offered = 0, {}
        elif message.code >= 200:
            dialog.state, dialog.code = "answered", message.code
            if not again:
                dialog.packet = packet
        else:
            dialog.state = "goes on"

    def _announce_group(self, data: bytes, packet: int) -> None:
        """SAP: behind the sender and what proves it, the type may stand, or not."""
        if data[0] & 3:
            return
        data = data[4 + (16 if data[0] & 16 else 4) + data[1] * 4 :]
        if len(data) < 2:
            return
        if data[:2] != b"v=":
            _, _, data = data.partition(b"\0")
        self._announce(data, packet, packet, 0)

    def _announce(self, body: bytes, setup: int, packet: int, media: int) -> tuple[int, dict[int, End], set[int]]:
        """Take a description; how many media there are then, fax and modem by their places, places without a port."""
        found, media, refused = describe(body, media)
        offered = {}
        for place, version, address, port, control in found:
            self._add((version, address, port), packet if control is None else setup)
            if control is None:
                offered[place] = (version, address, port)
            elif (version, address, control) not in self.ends:
                self._add((version, address, control), setup)
        return media, offered, refused

    def _add(self, end: End, setup: int) -> None:
        known = self.ends.setdefault(end, [])
        if not known or known[-1].setup < setup:
            known.append(Announced(setup))


def ends_of(header: Header) -> tuple[End, End]:
    return (
        (header.ip_version, header.src, header.src_port),
        (header.ip_version, header.dst, header.dst_port),
    )


def read_headers(data: bytes, at: int, *, folded: int) -> tuple[list[bytes], int]:
    """Lines up to an empty one, those unfolded that more lines than `folded` are before; where the next one begins."""
    lines: list[bytes] = []
    while at < len(data):
        line = LINE.match(data, at)
        assert line is not None
        at = line.end()
        if not line[1]:
            break
        if len(lines) > folded and line[1][:1] in (b" ", b"\t"):
            lines[-1] += b"\n" + line[1]
        else:
            lines.append(line[1])
    return lines, at


def read(data: bytes) -> tuple[Message | None, bytes]:
    """The first message, and what is behind it."""
    lines, at = read_headers(data, 0, folded=1)
    response = RESPONSE.fullmatch(lines[0]) if lines else None
    if not lines or not (response or REQUEST.fullmatch(lines[0])):
        return None, b""
    message = Message(int(response[1]) if response else None, {})
    for line_ in lines[1:]:
        name, colon, value = line_.partition(b":")
        if colon:
            name = {b"i": b"call-id", b"c": b"content-type", b"l": b"content-length"}.get(name.lower(), name.lower())
            message.headers[name] = value.lstrip(SPACE)
    digits = message.headers.get(b"content-length")
    length = len(data)
    if digits is not None:
        length = int(digits) if re.fullmatch(rb"\d+", digits) else 0
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
        described = False
        headers, body = read_headers(piece, 0, folded=0)
        for line in headers:
            name, _, value = line.partition(b":")
            if name.lower() in (b"content-type", b"c"):
                kind = Message(None, {b"content-type": value.lstrip(SPACE)}).content_type
                described = kind == b"application/sdp"
        if described:
            found.append(piece[body:])
    return found


def describe(body: bytes, media: int) -> tuple[list[tuple[int, int, bytes, int, int | None]], int, set[int]]:
    """Place, IP version, address, port and RTCP's port of each medium that can be sent; how many media were counted,
    places of those without a port.
    """
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
    for place, one in enumerate(found):
        if one["address"] and one["port"] and one["counted"] and one["transport"] in RTP + FAX + MODEM:
            version, address = one["address"]  # type: ignore[misc]
            if one["transport"] in FAX and version != 4:
                continue
            port = one["port"]
            assert isinstance(port, int)
            control = one.get("rtcp") or (port + 1) % 65536 if one["transport"] in RTP else None
            assert control is None or isinstance(control, int)
            if control is None or port not in {other for _, _, _, other, at in sent if at is not None}:
                sent.append((place, version, address, port, control))
    refused = {place for place, one in enumerate(found[:MOST_MEDIA]) if not one["port"]}
    return sent, min(media, MOST_MEDIA), refused


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
