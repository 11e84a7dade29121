"""What ended the walk over a file, in words a person can act on."""

from typing import NamedTuple

# damage_t of native/walk.pxd
CUT, RECORD_LENGTH, BLOCK_LENGTH, BLOCK_TRAILER, BLOCK_TOO_LONG, PACKET_LENGTH = 1, 2, 3, 4, 5, 6
INTERFACE, BYTE_ORDER, VERSION, TOO_MANY_INTERFACES, OPTION = 7, 8, 9, 10, 12


class Damage(NamedTuple):
    """Where reading ended before the end of the file.

    offset: byte in the (decompressed) file.  reason: one sentence.
    """

    offset: int
    reason: str


def damage_of(kind: int, offset: int, value: int) -> Damage:
    """The scanner's finding as a sentence; everything before `offset` was read."""
    return Damage(offset, SENTENCES[kind].format(value=value, major=value >> 16, minor=value & 0xFFFF))


SENTENCES = {
    CUT: "the file ends inside a record: {value} bytes of it are there",
    RECORD_LENGTH: "a record says it holds {value} bytes, more than any packet has",
    BLOCK_LENGTH: "a pcapng block says it is {value} bytes long, shorter than its kind can be",
    BLOCK_TRAILER: "a pcapng block of {value} bytes does not repeat its length at its end",
    BLOCK_TOO_LONG: "a pcapng block says it is {value} bytes long, more than 128 MiB",
    PACKET_LENGTH: "a packet says it holds {value} bytes, more than its pcapng block",
    INTERFACE: "a packet belongs to interface {value}, which its section has not described",
    BYTE_ORDER: "a pcapng section begins with the unknown byte-order magic 0x{value:08x}",
    VERSION: "a pcapng section has version {major}.{minor}, expected 1.0 or 1.2",
    TOO_MANY_INTERFACES: "more than {value} interfaces are described",
    OPTION: "an option of a pcapng block (type {value}) does not fit into it",
}
