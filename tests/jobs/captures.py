"""The smallest captures there are."""

import itertools
import struct

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
UDP = bytes.fromhex(
    "020000000001 020000000002 08004500 0021 0001 0000 40 11 0000 c0000201 c00002023039 0035 000d 000068656c6c6f"
)

_numbers = itertools.count()


def capture(packets: int = 3, frame: bytes = UDP) -> bytes:
    """A pcap file, microseconds, Ethernet; one packet a second."""
    records = (struct.pack("<IIII", 1_700_000_000 + n, 0, len(frame), len(frame)) + frame for n in range(packets))
    return HEADER + b"".join(records)


def fresh(packets: int = 3) -> bytes:
    """One whose bytes have not been analysed before."""
    return capture(packets, UDP[:-5] + next(_numbers).to_bytes(5, "big"))


def ordering(behaviour: str) -> bytes:
    """A capture that makes the worker of double_worker.py behave so."""
    return capture(1, behaviour.encode())
