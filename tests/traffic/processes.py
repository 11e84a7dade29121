"""Functions at work in processes of their own; what they return comes back as JSON."""

import ctypes
import json
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG = 1
# A program that hangs would hang the recording, and CI with it.
LONGEST_S = 90

libc = ctypes.CDLL(None, use_errno=True)


def checked(status: int, what: str) -> None:
    """Raise the error that a call of libc left behind."""
    if status:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


class Program:
    """`work(*args)` in a forked process, after `inside()` has brought that process where it belongs."""

    def __init__(self, inside: Callable[[], None], work: Callable[..., Any], *args: Any) -> None:
        self._answer, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._answer)
            os._exit(_live(told, inside, work, *args))
        os.close(told)

    def result(self, within_s: float = LONGEST_S) -> Any:
        """What the function returned. Raises RuntimeError with the child's own message if it failed."""
        message = json.loads(self._read(within_s) or b'{"failed": "it ended without a word"}')
        os.close(self._answer)
        os.waitpid(self.pid, 0)
        self.pid = 0
        if "failed" in message:
            raise RuntimeError(f"a program of the recording failed: {message['failed']}")
        return message["returned"]

    def end(self) -> None:
        """Kill it, whatever it does; nothing happens if it has ended."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self._answer)
            self.pid = 0

    def _read(self, within_s: float) -> bytes:
        deadline = time.monotonic() + within_s
        text = b""
        while self._ready(deadline - time.monotonic()):
            piece = os.read(self._answer, 65536)
            if not piece:
                return text
            text += piece
        raise RuntimeError(f"a program of the recording was not done after {within_s} s")

    def _ready(self, within_s: float) -> bool:
        return bool(select.select([self._answer], [], [], max(0.0, within_s))[0])


class Server(Program):
    """A program that says when it listens, by calling its first argument, and works until it is ended."""

    def __init__(self, inside: Callable[[], None], work: Callable[..., Any], *args: Any) -> None:
        heard, told = os.pipe()

        def ready() -> None:
            os.write(told, b"!")

        super().__init__(inside, work, ready, *args)
        os.close(told)
        listens = select.select([heard], [], [], 10)[0] and os.read(heard, 1)
        os.close(heard)
        if not listens:
            self.result(within_s=1)


def _live(told: int, inside: Callable[[], None], work: Callable[..., Any], *args: Any) -> int:
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.alarm(LONGEST_S)
        inside()
        message = {"returned": work(*args)}
    except BaseException as fault:  # told to the parent, which raises
        message = {"failed": f"{type(fault).__name__}: {fault}"}
    os.write(told, json.dumps(message).encode())
    return int("failed" in message)
