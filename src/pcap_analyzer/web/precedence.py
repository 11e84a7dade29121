"""Which threads go first where there are fewer processors than work: those that answer."""

import os
import sys
import threading

from anyio.to_thread import current_default_thread_limiter

_NICENESS = 5
# Python runs one at a time: each more that waits for its turn is one more that the loop waits for.
_AT_A_TIME = 4


async def few_at_a_time() -> None:
    """From now on few threads work for the running loop, the others wait without disturbing it."""
    current_default_thread_limiter().total_tokens = _AT_A_TIME


def yield_to_others() -> None:
    """From now on the calling thread yields to those that did not call this; of no effect but on Linux."""
    if sys.platform == "linux":
        # setpriority(2): on Linux, a thread's own, whatever POSIX says of processes.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
