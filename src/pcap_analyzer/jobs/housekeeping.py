"""What the service does beside the analyses: expire what is too old, again and again.

And once, at a start: put right what an end at any moment may have left.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from pcap_analyzer.jobs.arrivals import Arrivals
from pcap_analyzer.jobs.events import Event, Listener
from pcap_analyzer.jobs.files import delete_files
from pcap_analyzer.jobs.model import Analysis, State
from pcap_analyzer.jobs.ports import Blobs, Store
from pcap_analyzer.jobs.rounds import Rounds
from pcap_analyzer.jobs.service import utc_now

log = logging.getLogger(__name__)

PERIOD_S = 15.0


class Housekeeping:
    """One thread from `start` to `stop`. time_to_live: how long results are kept."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        arrivals: Arrivals,
        time_to_live: timedelta,
        clock: Callable[[], datetime] = utc_now,
        *,
        tell: Listener = lambda _: None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._arrivals = arrivals
        self._time_to_live = time_to_live
        self._clock = clock
        self._tell = tell
        self._rounds = Rounds("housekeeping", self.expire, PERIOD_S)

    def start(self) -> None:
        """Put right what the last end left, then go on."""
        self._blobs.sweep()
        self._arrivals.recover()
        self.remove_orphans()
        self._rounds.start()

    def stop(self) -> None:
        """End the thread."""
        self._rounds.stop()

    def expire(self) -> None:
        """End what is too old, with everything that is stored of it."""
        now = self._clock()
        for analysis in self._store.lapsed(now, now - self._time_to_live):
            receiving = analysis.state is State.RECEIVING
            reason = "nobody went on with the upload" if receiving else "it was kept for as long as results are kept"
            # First the state: what is served has its files. A kill between the two leaves files to remove_orphans.
            if self._store.end(analysis.id, State.EXPIRED, reason, now):
                delete_files(self._blobs, analysis)
                log.info("analysis %s expired", analysis.id)

    def remove_orphans(self) -> None:
        """Delete files that belong to nothing."""
        removed = 0
        for folder in ("uploads", "reports", "tables"):
            for name in self._blobs.names(folder):
                if not _is_wanted(self._store.get(name.split("/")[1].partition(".")[0])):
                    log.info("removing %s, which belongs to no analysis", ascii(name))
                    self._blobs.delete(name)
                    removed += 1
        if removed:
            self._tell(Event("service.files_removed", files=removed))


def _is_wanted(analysis: Analysis | None) -> bool:
    if analysis is None or analysis.state is State.EXPIRED:
        return False
    if analysis.duplicate_of is not None:
        return False
    # Of a cancelled upload nothing can become any more; a whole one can be analysed again.
    return analysis.state is not State.CANCELLED or analysis.received_bytes == analysis.size_bytes
