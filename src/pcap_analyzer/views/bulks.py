"""Bulks: data that one side sends in a row, without a pause and without data of the other side."""

from __future__ import annotations

import numpy as np

from pcap_analyzer.views.packets import Packets
from pcap_analyzer.views.sums import LARGEST, Column, Int64, Mask

PAUSE_US = 1_000_000
LEAST_PACKETS = 4
NONE = -1


class Bulks:
    """Counts by direction, 0 for backward and 1 for forward: bulks, their packets, payload and time."""

    def __init__(self) -> None:
        self.count = [Column(), Column()]
        self.packets = [Column(), Column()]
        self.payload = [Column(), Column()]
        self.time_us = [Column(), Column()]
        # The row of packets that each flow is in.
        self._side = Column(NONE)
        self._open = {name: Column() for name in ("packets", "payload", "began", "last")}

    def add(self, data: Packets) -> None:
        """Packets with payload and a time."""
        if not len(data.flow):
            return
        flow, side, time_us = data.flow, data.forward.astype(np.int64), data.time_ns // 1000
        new_flow = np.diff(flow, prepend=-1) != 0
        parted = new_flow | (np.diff(side, prepend=NONE) != 0)
        parted |= np.diff(time_us, prepend=-LARGEST // 2) > PAUSE_US
        starts = np.flatnonzero(parted)
        ends = np.append(starts[1:], len(flow)) - 1
        runs = {
            "packets": ends - starts + 1,
            "payload": np.add.reduceat(data.payload, starts),
            "began": time_us[starts],
            "last": time_us[ends],
        }
        self._go_on(flow[starts], side[starts], runs, new_flow[starts])

    def _go_on(self, flow: Int64, side: Int64, runs: dict[str, Int64], first: Mask) -> None:
        """Rows of a batch behind those that were open. first: the first one of its flow in the batch."""
        most = int(flow[-1])
        open_side = self._side.reach(most)
        known = {name: column.reach(most) for name, column in self._open.items()}
        at = flow[first]
        goes_on = (open_side[at] == side[first]) & (runs["began"][first] - known["last"][at] <= PAUSE_US)
        ended = at[~goes_on & (open_side[at] != NONE)]
        self._end(ended, open_side[ended], {name: values[ended] for name, values in known.items()})
        joined, into = np.flatnonzero(first)[goes_on], at[goes_on]
        runs["packets"][joined] += known["packets"][into]
        runs["payload"][joined] += known["payload"][into]
        runs["began"][joined] = known["began"][into]
        last = np.append(first[1:], True)
        self._end(flow[~last], side[~last], {name: values[~last] for name, values in runs.items()})
        open_side[flow[last]] = side[last]
        for name, values in known.items():
            values[flow[last]] = runs[name][last]

    def _end(self, flow: Int64, side: Int64, runs: dict[str, Int64]) -> None:
        """Rows that are over: bulks where they are long enough."""
        for way in (0, 1):
            rows = np.flatnonzero((side == way) & (runs["packets"] >= LEAST_PACKETS))
            if not len(rows):
                continue
            most = int(flow[rows].max())
            for column, values in (
                (self.count[way], np.ones(len(rows), np.int64)),
                (self.packets[way], runs["packets"][rows]),
                (self.payload[way], runs["payload"][rows]),
                (self.time_us[way], (runs["last"] - runs["began"])[rows]),
            ):
                np.add.at(column.reach(most), flow[rows], values)

    def finish(self) -> None:
        """End what is still open. To be called once, behind the last packet."""
        side = self._side.of(0, len(self._side))
        flow = np.flatnonzero(side != NONE)
        self._end(flow, side[flow], {name: column.of(0, len(side))[flow] for name, column in self._open.items()})
