"""Stretches of days without a packet that leave a graph over time nothing to show.

They come from a clock that was set while capturing, or from captures that were joined: a minute of packets here, a
minute there, years between. A capture that is merely quiet has none.
"""

from __future__ import annotations

from pcap_analyzer.analysis.model import Intervals, Silence

DAY_NS = 86_400 * 10**9


def silences(intervals: Intervals) -> list[Silence]:
    """Runs of empty buckets of a day or more, in order; none unless they are nine tenths of the time."""
    found: list[Silence] = []
    width, begin = intervals.width_ns, 0
    for bucket, packets in enumerate(intervals.packets):
        if packets:
            if (bucket - begin) * width >= DAY_NS:
                found.append(Silence(intervals.start_ns + begin * width, intervals.start_ns + bucket * width))
            begin = bucket + 1
    silent = sum(silence.end_ns - silence.start_ns for silence in found)
    return found if 10 * silent >= 9 * width * len(intervals.packets) else []
