"""What the views need beside the table `flows`: figures of every packet, summed per flow and direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from pcap_analyzer.views.bulks import Bulks
from pcap_analyzer.views.packets import UNKNOWN, Firsts, Packets
from pcap_analyzer.views.periods import Periods
from pcap_analyzer.views.sums import LARGEST, Column, Gaps, Int64, Mask, Runs, Spread, Total

Sum = TypeVar("Sum")
MS, US = 1_000_000, 1_000  # ns


class Figures(Protocol):
    """Sums of one view. firsts: what flows began with."""

    firsts: Firsts

    def add(self, packets: Packets) -> None:
        """The packets of a batch, in order of the capture."""

    def finish(self) -> None:
        """Behind the last packet."""


class Ways(Generic[Sum]):
    """One sum for each direction: forward is that of the flow's first packet."""

    def __init__(self, make: Callable[[], Sum]) -> None:
        self.forward, self.backward = make(), make()

    def both(self, packets: Packets) -> tuple[tuple[Sum, Packets], tuple[Sum, Packets]]:
        """Each sum with its packets."""
        return (self.forward, packets.where(packets.forward)), (self.backward, packets.where(~packets.forward))


class ZeekFigures(Figures):
    """Octets that IP announces, by direction; whether any is not known."""

    def __init__(self) -> None:
        self.firsts = Firsts()
        self.ip_bytes = Ways(Total)
        self.unknown = Ways(Total)

    def add(self, packets: Packets) -> None:
        for total, some in self.ip_bytes.both(packets):
            total.add(some.flow, np.maximum(some.ip, 0))
        for total, some in self.unknown.both(packets):
            total.add(some.flow, some.ip == UNKNOWN)


class Seen:
    """First and last time of a direction, in units."""

    def __init__(self, unit_ns: int) -> None:
        self._unit_ns = unit_ns
        self._first, self._last = Column(LARGEST), Column(-LARGEST)

    def add(self, flow: Int64, time_ns: Int64) -> None:
        if not len(flow):
            return
        runs, times = Runs(flow), time_ns // self._unit_ns
        first, last = self._first.reach(runs.last_flow), self._last.reach(runs.last_flow)
        first[runs.flows] = np.minimum(first[runs.flows], np.minimum.reduceat(times, runs.starts))
        last[runs.flows] = np.maximum(last[runs.flows], np.maximum.reduceat(times, runs.starts))

    def first(self, begin: int, end: int) -> Int64:
        """0 where there was no packet."""
        values = self._first.of(begin, end)
        return np.where(values == LARGEST, 0, values)

    def last(self, begin: int, end: int) -> Int64:
        values = self._last.of(begin, end)
        return np.where(values == -LARGEST, 0, values)


class NfstreamFigures(Figures):
    """Sizes of packets and times between them."""

    def __init__(self) -> None:
        self.firsts = Firsts()
        self.sizes, self.size = Ways(Spread), Spread()
        self.gaps, self.gap = Ways(lambda: Gaps(MS)), Gaps(MS)
        self.seens, self.seen = Ways(lambda: Seen(MS)), Seen(MS)

    def add(self, packets: Packets) -> None:
        timed = packets if packets.timed.all() else packets.where(packets.timed)
        self.size.add(packets.flow, packets.length)
        self.gap.add(timed.flow, timed.time_ns)
        self.seen.add(timed.flow, timed.time_ns)
        for size, some in self.sizes.both(packets):
            size.add(some.flow, some.length)
        for gap, some in self.gaps.both(timed):
            gap.add(some.flow, some.time_ns)
        for seen, some in self.seens.both(timed):
            seen.add(some.flow, some.time_ns)


class FirstWindow:
    """The window of the first TCP packet of a direction."""

    def __init__(self) -> None:
        self._window = Column(UNKNOWN)

    def add(self, flow: Int64, window: Int64, is_tcp: Mask) -> None:
        flow, window = flow[is_tcp], window[is_tcp]
        if len(flow):
            runs = Runs(flow)
            known = self._window.reach(runs.last_flow)
            known[runs.flows] = np.where(known[runs.flows] == UNKNOWN, window[runs.starts], known[runs.flows])

    def of(self, begin: int, end: int) -> Int64:
        return np.maximum(self._window.of(begin, end), 0)


class CicFigures(Figures):
    """Payloads, headers, times, bulks, active and idle periods."""

    def __init__(self) -> None:
        self.firsts = Firsts()
        self.payloads, self.payload = Ways(Spread), Spread()
        self.headers = Ways(Spread)
        self.windows = Ways(FirstWindow)
        self.with_payload = Total()
        self.gaps, self.gap = Ways(lambda: Gaps(US)), Gaps(US)
        self.seen = Seen(US)
        self.bulks, self.periods = Bulks(), Periods()

    def add(self, packets: Packets) -> None:
        timed = packets if packets.timed.all() else packets.where(packets.timed)
        self.payload.add(packets.flow, packets.payload)
        for payload, some in self.payloads.both(packets):
            payload.add(some.flow, some.payload)
        for header, some in self.headers.both(packets):
            header.add(some.flow, some.header)
        for window, some in self.windows.both(packets):
            window.add(some.flow, some.window, some.is_tcp)
        forward = packets.where(packets.forward)
        self.with_payload.add(forward.flow, forward.payload > 0)
        self.seen.add(timed.flow, timed.time_ns)
        gaps, known = self.gap.add(timed.flow, timed.time_ns)
        self.periods.add(timed.flow, timed.time_ns // US, gaps, known)
        for gap, some in self.gaps.both(timed):
            gap.add(some.flow, some.time_ns)
        self.bulks.add(timed.where(timed.payload > 0))

    def finish(self) -> None:
        """What the end of the capture ends."""
        self.bulks.finish()
        self.periods.finish()
