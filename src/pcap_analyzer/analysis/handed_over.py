"""What is read on one thread and asked about on another: both let go of the GIL for nearly all of their time.

Seen once each on two processors that others used too: summing 50,000 flows and asking the diagnosis' questions took
91 ms one after the other and 66 ms like this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType

Batch = tuple[memoryview, int]


class HandedOver:
    """Calls `observe` on a thread of its own, in the order of the calls; to be used in a `with` statement.

    observe: called with (rows, likeness), see FlowReader.summary.  pending: batches that may wait or be looked at; the
    rows of each hold until as many more were given.  What `observe` raises is raised at a later call, or at the end.
    """

    def __init__(self, observe: Callable[[memoryview, int], None], pending: int) -> None:
        self._observe = observe
        self._room = pending
        self._todo: SimpleQueue[Batch | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="observe", daemon=True)

    def __enter__(self) -> Callable[[memoryview, int], None]:
        self._thread.start()
        return self.observe

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, at: TracebackType | None
    ) -> None:
        self._todo.put(None)
        self._thread.join()
        while kind is None and not self._done.empty():
            self._take_done()

    def observe(self, rows: memoryview, likeness: int) -> None:
        """Hand a batch over; waits while too many are under way."""
        if self._room:
            self._room -= 1
        else:
            self._take_done()
        self._todo.put((rows, likeness))

    def _take_done(self) -> None:
        raised = self._done.get()
        if raised is not None:
            raise raised

    def _work(self) -> None:
        raised: BaseException | None = None
        while (batch := self._todo.get()) is not None:
            if raised is None:
                try:
                    self._observe(*batch)
                except BaseException as error:  # it is raised where the rows come from
                    raised = error
            self._done.put(raised)
