"""What pcapng says beside packets: names and descriptions of interfaces, comments, statistics.

The native walk reads what it needs to read packets (byte order, link types, time resolution); here the blocks between
the packets are read for people. All of it is bounded, and all of it is the file's own text: hostile.

Format: draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

SECTION, INTERFACE, STATISTICS = 0x0A0D0D0A, 1, 5
MAX_INTERFACES = 10_000
MAX_COMMENTS = 100
MAX_TEXT = 1000  # characters kept of a text
MAX_COUNT = 1 << 53  # packets; numbers that JSON readers keep exactly
MAX_BLOCK = 65536  # bytes of a block that are looked at

OPTION_COMMENT = 1
SECTION_HARDWARE, SECTION_SYSTEM, SECTION_APPLICATION = 2, 3, 4
INTERFACE_NAME, INTERFACE_DESCRIPTION = 2, 3
STATISTICS_RECEIVED, STATISTICS_DROPPED = 4, 5


class InterfaceNotes:
    """What the file says about one interface in words and statistics; None where it does not."""

    name: str | None = None
    description: str | None = None
    received: int | None = None
    dropped: int | None = None


class Notes:
    """Collected over the whole file. interfaces: the first 10,000, counted over all sections."""

    def __init__(self) -> None:
        self.interfaces: list[InterfaceNotes] = []
        self.comments: list[str] = []
        self.big_endian = False
        self.section_first = 0
        self.described = 0

    def read(self, kind: int, block: memoryview) -> None:
        """One block that is no packet, from its type on; at most MAX_BLOCK bytes of it."""
        if kind == SECTION:
            self.big_endian = bytes(block[8:12]) == b"\x1a\x2b\x3c\x4d"
            self.section_first = self.described
            self._keep_comments(self._options(block, 24))
        elif kind == INTERFACE:
            self._read_interface(block)
        elif kind == STATISTICS:
            self._read_statistics(block)

    def _read_interface(self, block: memoryview) -> None:
        self.described += 1
        if len(self.interfaces) == MAX_INTERFACES:
            return
        notes = InterfaceNotes()
        for code, value in self._options(block, 16):
            if code == INTERFACE_NAME:
                notes.name = _text(value)
            elif code == INTERFACE_DESCRIPTION:
                notes.description = _text(value)
            elif code == OPTION_COMMENT:
                self._keep_comment(value)
        self.interfaces.append(notes)

    def _read_statistics(self, block: memoryview) -> None:
        """Counters since the start of the capture: the last block of an interface holds."""
        interface = self.section_first + struct.unpack_from(self._order + "I", block, 8)[0]
        if interface >= len(self.interfaces):
            return
        for code, value in self._options(block, 20):
            if code == STATISTICS_RECEIVED:
                self.interfaces[interface].received = self._count(value)
            elif code == STATISTICS_DROPPED:
                self.interfaces[interface].dropped = self._count(value)
            elif code == OPTION_COMMENT:
                self._keep_comment(value)

    def _count(self, value: bytes) -> int | None:
        """A counter; None where it is no number that packets could reach."""
        count: int | None = struct.unpack(self._order + "Q", value)[0] if len(value) == 8 else None
        return count if count is not None and count < MAX_COUNT else None

    @property
    def _order(self) -> str:
        return ">" if self.big_endian else "<"

    def _options(self, block: memoryview, at: int) -> Iterator[tuple[int, bytes]]:
        """(code, value) of every option that lies whole in the block; its last four bytes are the trailer."""
        end = len(block) - 4
        while end - at >= 4:
            code, length = struct.unpack_from(self._order + "HH", block, at)
            if code == 0 or length > end - at - 4:
                return
            yield code, bytes(block[at + 4 : at + 4 + length])
            at += 4 + (length + 3 & ~3)

    def _keep_comments(self, options: Iterator[tuple[int, bytes]]) -> None:
        for code, value in options:
            if code == OPTION_COMMENT:
                self._keep_comment(value)

    def _keep_comment(self, value: bytes) -> None:
        if len(self.comments) < MAX_COMMENTS:
            self.comments.append(_text(value))


def resolution_words(ticks: int, binary: bool) -> str:
    """The length of a tick, e.g. "1 µs", "2^-20 s"."""
    if binary:
        return f"2^-{ticks} s"
    for unit, per_second in (("s", 1), ("ms", 10**3), ("µs", 10**6), ("ns", 10**9), ("ps", 10**12)):
        if per_second <= ticks < per_second * 1000 and ticks % per_second == 0 and unit != "ps":
            parts = ticks // per_second
            return f"1 {unit}" if parts == 1 else f"1/{parts} {unit}"
    return f"10^-{len(str(ticks)) - 1} s"


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("utf-8", "replace")[:MAX_TEXT]
