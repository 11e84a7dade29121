"""An iterator whose next items are made on another thread while the last is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from typing import TypeVar

T = TypeVar("T")
ASK_S = 0.05


class _End:
    """What stands behind the last item: how the iterator ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(make: Callable[[Callable[[], bool]], Iterator[T]], depth: int) -> Iterator[Iterator[T]]:
    """The items of `make(cancelled)` in their order, at most `depth` made before they are asked for.

    What the iterator raises is raised where its item would have come. Leaving the block early makes `cancelled()` true,
    closes the iterator, and ends the thread before the block is left.
    """
    queue: Queue[T | _End] = Queue(depth)
    over = threading.Event()

    def put(item: T | _End) -> None:
        while not over.is_set():
            with suppress(Full):
                queue.put(item, timeout=ASK_S)
                return

    def run() -> None:
        error = None
        items = make(over.is_set)
        try:
            for item in items:
                put(item)
                if over.is_set():
                    break
        except BaseException as raised:  # handed on
            error = raised
        finally:
            if isinstance(items, Generator):
                items.close()
            put(_End(error))

    thread = threading.Thread(target=run, name="ahead", daemon=True)
    thread.start()
    try:
        yield _taken(queue)
    finally:
        over.set()
        thread.join()


def _taken(queue: Queue[T | _End]) -> Iterator[T]:
    while True:
        try:
            item = queue.get(timeout=ASK_S)  # with a timeout: Ctrl-C is not kept waiting
        except Empty:
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
