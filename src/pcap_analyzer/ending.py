"""What asks a command to end: it cleans up first, as after Ctrl-C, and leaves no half-written file behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDINGS = (signal.SIGTERM, signal.SIGHUP)  # kill, timeout, a shutdown; a terminal that is closed
SIGNALLED = 128  # exit code of a process that a signal ended, as a shell counts it


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Inside the block SIGTERM and SIGHUP raise SystemExit with the exit code that a shell gives them.

    A signal that somebody else handles, or ignores (nohup), is left alone. Only for the main thread.
    """
    ours = [number for number in ENDINGS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(SIGNALLED + number)
