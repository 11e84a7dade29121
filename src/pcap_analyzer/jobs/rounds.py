"""What is done again and again, beside everything else."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Rounds:
    """Calls `once` every `period_s` seconds, in a thread of its own from `start` to `stop`.

    A round that fails is told in the log as `name`; the next one tries again.
    """

    def __init__(self, name: str, once: Callable[[], None], period_s: float) -> None:
        self._name = name
        self._once = once
        self._period_s = period_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=name)

    def start(self) -> None:
        """The first round comes after a period."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; of no effect where it was never started."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _serve(self) -> None:
        while not self._ended.wait(self._period_s):
            try:
                self._once()
            except Exception:
                log.exception("a round of %s failed; the next one tries again", self._name)
