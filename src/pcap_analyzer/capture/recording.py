"""Several files that are one recording, as dumpcap -b and tcpdump -C write them, in order of time, read as one.

Only their first packets are looked at before. Where a file turns out to begin before the one in front of it ends,
reading stops with an error: such files were captured beside each other and have to be merged packet by packet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing

from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.capture.source import NO_LIMITS, STANDARD_INPUT, Limits, Source, open_source
from pcap_analyzer.capture.source.joined import JoinedSource, Part
from pcap_analyzer.errors import CaptureError


def open_recording(
    captures: Sequence[str | os.PathLike[str]],
    *,
    limits: Limits = NO_LIMITS,
    cancelled: Callable[[], bool] | None = None,
) -> Source:
    """The files of one recording as one source, in order of their first packets; files without one come last.

    limits: of every file.  Raises CaptureError where one cannot be read, is no capture, or has no times.
    """
    paths = [os.fspath(one) for one in captures]
    if not paths:
        raise CaptureError("a recording has one file at least")

    def open_part(path: str) -> Source:
        return open_source(path, limits=limits, cancelled=cancelled)

    if len(paths) == 1:
        return open_part(paths[0])
    if STANDARD_INPUT in paths:
        raise CaptureError("standard input cannot be joined with files: its packets cannot be looked at before")
    parts = [_look(path, open_part) for path in paths]
    parts.sort(key=lambda part: (part.first_ns is None, part.first_ns or 0))
    return JoinedSource(parts, open_part)


def _look(path: str, open_part: Callable[[str], Source]) -> Part:
    """When a file begins."""
    with closing(CaptureReader(open_part(path), threads=1, batch_rows=1)) as reader:
        first = None
        for _ in reader.batches():
            first = reader.scanner.counters()["first_ns"]
            if first is None:
                raise CaptureError(f"{reader.source.name} begins with a packet that has no time: it cannot be joined")
            break
        return Part(path, reader.source.name, reader.source.size_bytes, first)
