"""Active and idle periods of flows, and their subflows: where packets keep away for seconds."""

from __future__ import annotations

import numpy as np

from pcap_analyzer.views.sums import LARGEST, Column, Int64, Runs, Spread

IDLE_US = 5_000_000
SUBFLOW_US = 1_000_000


class Periods:
    """idle: gaps of more than 5 s.  active: what lies between them, where it took time."""

    def __init__(self) -> None:
        self.idle = Spread()
        self.active = Spread()
        self._began = Column(LARGEST)
        self._last = Column(-LARGEST)
        self._breaks = Column()

    def add(self, flow: Int64, time_us: Int64, gaps: Int64, known: Int64) -> None:
        """flow: (n,) sorted.  gaps: before the rows `known`."""
        if not len(flow):
            return
        runs = Runs(flow)
        began, last = self._began.reach(runs.last_flow), self._last.reach(runs.last_flow)
        fresh = began[runs.flows] == LARGEST
        began[runs.flows[fresh]] = time_us[runs.starts[fresh]]
        breaks = known[gaps > SUBFLOW_US]
        np.add.at(self._breaks.reach(runs.last_flow), flow[breaks], 1)
        pause = gaps > IDLE_US
        rows = known[pause]
        if len(rows):
            self.idle.add(flow[rows], gaps[pause])
            self._end(flow[rows], time_us[rows] - gaps[pause], time_us[rows])
        last[runs.flows] = time_us[runs.ends]

    def _end(self, flow: Int64, ended: Int64, next_began: Int64) -> None:
        """Active periods that end.

        flow: (m,) sorted.  ended: last packet before the gap.  next_began: first behind it.
        """
        runs = Runs(flow)
        began = self._began.reach(runs.last_flow)
        since = np.empty_like(ended)
        since[1:] = next_began[:-1]
        since[runs.starts] = began[runs.flows]
        began[runs.flows] = next_began[runs.ends]
        took = ended - since
        self.active.add(flow[took > 0], took[took > 0])

    def finish(self) -> None:
        """End the active periods that are still open. To be called once, behind the last packet."""
        flows = len(self._began)
        began, last = self._began.of(0, flows), self._last.of(0, flows)
        open_ones = np.flatnonzero((began != LARGEST) & (last > began))
        self.active.add(open_ones, last[open_ones] - began[open_ones])

    def subflows(self, begin: int, end: int) -> Int64:
        """Stretches without a gap of more than 1 s; at least one."""
        return self._breaks.of(begin, end) + 1
