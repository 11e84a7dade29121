"""Any bytes, walked and tracked by the kernels alone: in one window on one thread, then in small ones on two.

Both must tell the same. A window lies in memory of just its size, so that a read of one byte too many is seen.
"""

from typing import Any

import numpy as np

from pcap_analyzer._native.scan import Scanner
from pcap_analyzer.capture.magic import Format, detect
from pcap_analyzer.capture.pcap import read_pcap_header
from pcap_analyzer.capture.pcapng import Notes
from pcap_analyzer.errors import CaptureError

SMALL_WINDOW = 100


def one(data: bytes) -> None:
    kind = detect(data)
    if kind not in (Format.PCAP, Format.PCAPNG):
        return
    try:
        whole = told(data, kind, window=max(1, len(data)), threads=1, batch_rows=512)
    except CaptureError:
        return
    assert told(data, kind, window=SMALL_WINDOW, threads=2, batch_rows=3) == whole


def told(data: bytes, kind: Format, *, window: int, threads: int, batch_rows: int) -> tuple[Any, ...]:
    """What the scanner says in the end; windows have `window` bytes, and one that was too small is doubled."""
    scanner = Scanner(threads=threads, batch_rows=batch_rows, seed=bytes(32))
    at, size, notes = begin(scanner, data, kind), window, Notes()
    while True:
        final = at + size >= len(data)
        view = np.frombuffer(data, np.uint8)[at : at + size].copy()
        used = scanner.walk(view, at, final)
        for event, _section, offset, length in scanner.events():
            notes.read(event, memoryview(view)[offset : offset + length])
        scanner.run()
        scanner.release()
        at += used
        if scanner.damage or (final and (used == 0 or at == len(data))):
            break
        size = size if used else 2 * size
    noted = ([vars(interface) for interface in notes.interfaces], notes.comments, notes.described)
    return scanner.rows, scanner.damage, scanner.counters(), scanner.totals, scanner.intervals(), noted


def begin(scanner: Scanner, data: bytes, kind: Format) -> int:
    """Set the scanner on the format, as capture.reader does; the offset of the first window."""
    if kind is Format.PCAPNG:
        scanner.begin_pcapng()
        return 0
    header = read_pcap_header(data, complete=True)
    scanner.begin_pcap(
        big_endian=header.big_endian,
        tick_ns=header.tick_ns,
        record_header=header.record_header,
        swapped_lengths=header.swapped_lengths,
        snap_length=header.snap_length,
        link_type=header.link_type,
        max_record=header.max_record,
    )
    return header.bytes
