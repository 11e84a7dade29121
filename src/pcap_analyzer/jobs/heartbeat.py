"""That a process lives and holds what it runs; and that others do not live any more, so that what they ran goes on."""

import logging
from collections.abc import Callable
from datetime import datetime

from pcap_analyzer.jobs.dispatcher import Dispatcher
from pcap_analyzer.jobs.ports import Peers, Store
from pcap_analyzer.jobs.rounds import Rounds
from pcap_analyzer.jobs.service import utc_now

log = logging.getLogger(__name__)

# A twelfth of a lease; and nobody waits longer for what another process was killed at.
PERIOD_S = 5.0


class Heartbeat:
    """Of one dispatcher, from `start` to `stop`."""

    def __init__(
        self, store: Store, dispatcher: Dispatcher, peers: Peers, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._peers = peers
        self._clock = clock
        self._rounds = Rounds("heartbeat", self.once, PERIOD_S)

    def start(self) -> None:
        """Queue again what dead processes left, then go on."""
        self.once()
        self._rounds.start()

    def stop(self) -> None:
        """End the rounds."""
        self._rounds.stop()

    def once(self) -> None:
        """A round."""
        self._dispatcher.renew()
        gone = {holder for holder in self._store.holders() if not self._peers.alive(holder)}
        again = self._store.requeue_of(gone, self._clock(), "what ran it has ended") if gone else []
        again += self._store.requeue_lapsed(self._clock(), "its worker was not heard of any more")
        if again:
            log.warning("%d analyses lost what ran them; they run again", len(again))
            self._dispatcher.wake()
