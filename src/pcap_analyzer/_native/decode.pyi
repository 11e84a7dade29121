"""The decoder: frames in, an array of packet records out."""

from collections.abc import Sequence
from typing import Any

from typing_extensions import Buffer

PACKET_DTYPE: dict[str, Any]
"""What numpy.dtype() takes to view `packets`; addresses are 16 raw bytes, IPv4 as ::ffff:a.b.c.d."""

CONVERSATION_DTYPE: dict[str, Any]
"""The same for one transport header in a side record."""

EXTRA_SIZE: int
"""Bytes of one side record."""

CONVERSATIONS_OFFSET: int
"""Where its conversations begin, behind outer source, outer destination, outer version, count and own."""

class Paths:
    """The protocol paths that decoding met, shared by all calls that are given it."""

    def __len__(self) -> int: ...
    def names(self, node: int) -> list[tuple[int, str, str | int | None]]:
        """Every step to `node`, outermost first: (node before it, kind, name or number).

        kind "name" goes with tshark's name of a layer, every other kind with the number of something not read;
        a number None stands for all numbers of that kind that found no place.
        """

def decode_frames(
    capture: Buffer,
    offset: Buffer,
    captured_length: Buffer,
    original_length: Buffer,
    link_type: Buffer,
    packets: Buffer,
    extras: Buffer,
    paths: Paths,
) -> int:
    """Decode one batch into `packets` and `extras` (byte arrays) and return how many side records were made.

    offset: uint64, captured_length and original_length: uint32, link_type: uint16, all (n,).
    packets: (n * itemsize of PACKET_DTYPE,) and extras: (n * EXTRA_SIZE,) uint8, aligned to 8 bytes.
    Raises ValueError if a frame lies outside `capture` or an array is too short.
    """

def find_frames(
    capture: Buffer,
    offset: Buffer,
    captured_length: Buffer,
    original_length: Buffer,
    link_type: Buffer,
    at: int,
    wanted: Sequence[bytes],
    paths: Paths,
) -> list[tuple[int, bytes]]:
    """The rows whose PACKET_DTYPE record has one of the texts at a place: (row, the record as bytes), in order.

    The arrays are those of decode_frames.  at: byte of the record.
    Raises ValueError if a frame lies outside `capture`, or a text reaches beyond a record.
    """

def skip_pcap_records(
    data: Buffer, at: int, records: int, big_endian: bool, header: int, swapped_lengths: int
) -> tuple[int, int]:
    """Step over records of a pcap file: (where the next one begins, how many were stepped over).

    at: a record of `data`. Fewer where `data` ends before. Raises ValueError for a header of less than 16 bytes.
    """

def find_pcap_records(
    data: Buffer,
    at: int,
    big_endian: bool,
    header: int,
    swapped_lengths: int,
    offset: Buffer,
    captured_length: Buffer,
    original_length: Buffer,
) -> int:
    """Where the frames of the next n records of a pcap file lie: how many were found, fewer where `data` ends before.

    at: a record of `data`.  offset: uint64, captured_length and original_length: uint32, all (n,), written here.
    Raises ValueError for a header of less than 16 bytes, or where the arrays differ in length.
    """
