"""One DNS message: header, first question, first address. RFC 1035 section 4, its pointers lead backwards only."""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference.frame import u16

HEADER, LONGEST, POINTERS = 12, 255, 126
A, AAAA = 1, 28
RECORDS = 32  # answers looked through


class Cut(Exception):
    """What is wanted was on the wire, and not captured."""


class Bad(Exception):
    """This is no DNS message."""


@dataclass
class Message:
    """What a message says; labels is None where there is no name, or it was not captured."""

    id: int
    flags: int
    length: int
    found: str  # whole, cut, bare
    answers: int
    labels: list[bytes] | None = None
    type: int = 0
    klass: int = 0
    asked: tuple[tuple[bytes, ...], int, int] | None = None
    address: bytes | None = None

    @property
    def response(self) -> bool:
        return bool(self.flags & 0x8000)

    @property
    def name(self) -> str | None:
        return None if self.labels is None else text(self.labels)


class Bytes:
    """Bytes of a message of which some may not have been captured."""

    def __init__(self, data: bytes, length: int) -> None:
        self.data, self.length = data[:length], length

    def take(self, at: int, count: int) -> bytes:
        if at + count > len(self.data):
            raise Cut if at + count <= self.length else Bad
        return self.data[at : at + count]


def text(labels: list[bytes]) -> str:
    """RFC 4343 section 2.1."""
    return ".".join("".join(map(_character, label)) for label in labels) or "."


def _character(octet: int) -> str:
    if not 0x21 <= octet <= 0x7E:
        return f"\\{octet:03}"
    return f"\\{chr(octet)}" if chr(octet) in ".\\" else chr(octet)


def read_name(message: Bytes, at: int) -> tuple[list[bytes], int]:
    """Labels, and the place behind the name."""
    labels: list[bytes] = []
    size, behind, begin, pointers = 1, None, at, 0
    while True:
        step = message.take(at, 1)[0]
        if step >= 0xC0:
            target = u16(message.take(at, 2)) & 0x3FFF
            pointers += 1
            if not HEADER <= target < begin or pointers > POINTERS:
                raise Bad
            behind = behind or at + 2
            at = begin = target
        elif step == 0:
            return labels, behind or at + 1
        elif step > 63 or size + step + 1 > LONGEST:
            raise Bad
        else:
            labels.append(message.take(at + 1, step))
            size += step + 1
            at += step + 1


def _behind(data: bytes, at: int) -> int:
    """The place behind a name that is not read; behind the message where that is not to be seen."""
    while at < len(data) and 0 < data[at] < 64:
        at += data[at] + 1
    if at >= len(data) or 64 <= data[at] < 0xC0:
        return len(data)
    return at + (2 if data[at] else 1)


def first_address(data: bytes, at: int, records: int) -> bytes | None:
    for _ in range(min(records, RECORDS)):
        at = _behind(data, at)
        if at + 10 > len(data):
            return None
        kind, length = u16(data, at), u16(data, at + 8)
        value = data[at + 10 : at + 10 + length]
        if len(value) < length:
            return None
        if (kind, length) in ((A, 4), (AAAA, 16)):
            return value
        at += 10 + length
    return None


def read_message(data: bytes, length: int) -> Message | None:
    """data: what was captured of the message.  length: on the wire."""
    view = Bytes(data, length)
    data = view.data
    if len(data) < HEADER:
        return None
    flags, questions, answers = u16(data, 2), u16(data, 4), u16(data, 6)
    message = Message(u16(data), flags, length, "bare", answers)
    if flags >> 11 & 15 not in (0, 1, 2, 4, 5, 6) or 5 * questions > length - HEADER:
        return None
    if not questions and not answers:
        return message
    try:
        labels, at = read_name(view, HEADER)
        fixed = view.take(at, 4)
    except Bad:
        return _without_question(message, data) if not questions else None
    except Cut:
        message.found = "cut" if questions else "bare"
        return message if questions else _without_question(message, data)
    message.labels, message.type, message.klass = labels, u16(fixed), u16(fixed, 2) & 0x7FFF
    if not questions:
        return _without_question(message, data)
    message.found = "whole"
    message.asked = (tuple(label.lower() for label in labels), message.type, message.klass)
    at += 4
    for _ in range(1, min(questions, RECORDS)):
        at = _behind(data, at) + 4
    if message.response:
        message.address = first_address(data, at, answers)
    return message


def _without_question(message: Message, data: bytes) -> Message:
    message.address = first_address(data, HEADER, message.answers)
    return message
