"""Threads meet between orders: one that is late to leave must not take the next order for the last.

In a process of its own, since what goes wrong here waits for ever. Before it was mended, every run hung.
"""

import subprocess
import sys

import pytest

# A window without a whole packet is the shortest order there is.
ORDERS = """
import sys
import numpy as np
from pcap_analyzer._native.scan import Scanner

for turn in range(2000):
    scanner = Scanner(threads=int(sys.argv[1]), batch_rows=3, seed=bytes(32))
    scanner.begin_pcap(
        big_endian=False, tick_ns=1000, record_header=16, swapped_lengths=0, snap_length=65535, link_type=1,
        max_record=262144,
    )
    for _ in range(turn % 4):
        scanner.walk(np.zeros(10, np.uint8), 0, False)
        scanner.release()
    del scanner
"""


@pytest.mark.parametrize("threads", [2, 4])
def test_short_orders_one_after_the_other_end(threads: int) -> None:
    done = subprocess.run([sys.executable, "-c", ORDERS, str(threads)], timeout=120, check=False)
    assert done.returncode == 0
