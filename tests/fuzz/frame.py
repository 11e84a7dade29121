"""One frame of any link type: two bytes of link type (the highest bit: cut by the snap length), then the frame.

The frame is copied to memory of just its size, so that a read of one byte too many is seen.
"""

import numpy as np

from pcap_analyzer._native.decode import EXTRA_SIZE, PACKET_DTYPE, Paths, decode_frames

PACKET = np.dtype(PACKET_DTYPE)
CUT = 0x8000
CUT_BYTES = 1400


def one(data: bytes) -> None:
    link_type = int.from_bytes(data[:2])
    frame = np.frombuffer(data[2:], np.uint8).copy()
    original_length = len(frame) + (CUT_BYTES if link_type & CUT else 0)
    packets, extras = np.zeros(1, PACKET), np.zeros(EXTRA_SIZE, np.uint8)
    made = decode_frames(
        frame,
        np.zeros(1, np.uint64),
        np.array([len(frame)], np.uint32),
        np.array([original_length], np.uint32),
        np.array([link_type & ~CUT], np.uint16),
        packets.view(np.uint8),
        extras,
        Paths(),
    )
    assert made in (0, 1)
    assert packets[0]["captured_length"] == len(frame)
