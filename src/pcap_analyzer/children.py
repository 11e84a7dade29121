"""Processes of ours with their three pipes: what `subprocess.Popen` is, begun without stopping all other threads."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

from pcap_analyzer._native.spawn import spawn

_LOOK_EVERY_S = 0.02


class Child:
    """Runs `command` in a session of its own: Ctrl-C in a terminal is not for it.

    stdin, stdout, stderr: its pipes.  returncode: None while it runs, or before anybody has waited; -N: ended by signal
    N.  Raises OSError where it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        ours, theirs = zip(*(_pipe(inwards=at == 0) for at in range(3)), strict=True)
        try:
            self.pid = spawn(
                [os.fsencode(word) for word in command],
                [os.fsencode(f"{name}={value}") for name, value in environment.items()],
                *theirs,
            )
        except BaseException:
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self.stdin = os.fdopen(ours[0], "wb")
        self.stdout = os.fdopen(ours[1], "rb")
        self.stderr = os.fdopen(ours[2], "rb")
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout_s: float | None = None) -> int | None:
        """The exit code, when it has ended; None where that took longer."""
        if timeout_s is None:
            with suppress(ChildProcessError):  # somebody else has waited
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            return self.poll()
        until = time.monotonic() + timeout_s
        while self.poll() is None and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
        return self.returncode

    def kill(self) -> None:
        """End it at once; of no effect where it has ended."""
        with self._lock:
            if self.returncode is None:
                os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pipes and wait."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        self.stderr.close()
        self.wait()


class Children:
    """Those that run now, by the name of what each does; all run `command`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._names: dict[Child, str] = {}
        self._ended: set[Child] = set()
        self.stopping = False

    @property
    def running(self) -> int:
        """How many."""
        return len(self._names)

    def start(self, name: str) -> Child | None:
        """One more; None where all were stopped."""
        with self._lock:
            if self.stopping:
                return None
            child = Child(self._command, self._environment)
            self._names[child] = name
        return child

    def end(self, name: str) -> None:
        """Kill those that do this: nobody wants it any more."""
        with self._lock:
            for child, does in self._names.items():
                if does == name:
                    self._ended.add(child)
                    child.kill()

    def stop(self) -> None:
        """Kill all, and start no more."""
        with self._lock:
            self.stopping = True
            for child in self._names:
                child.kill()

    def forget(self, child: Child) -> bool:
        """End it, if it has not ended; whether nobody wanted what it did."""
        child.kill()
        with child:
            pass
        with self._lock:
            del self._names[child]
            unwanted = child in self._ended
            self._ended.discard(child)
        return unwanted


def first_bytes(stream: IO[bytes], most: int) -> bytes:
    """What comes first, `most` bytes of it, when all has come: or the other side would wait for somebody to read."""
    first = stream.read(most)
    while stream.read(most):
        pass
    return first


def _pipe(*, inwards: bool) -> tuple[int, int]:
    """Our end and the child's, neither of them inherited; the child's above 2."""
    reading, writing = os.pipe()
    ours, theirs = (writing, reading) if inwards else (reading, writing)
    if theirs < 3:
        low, theirs = theirs, fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(low)
    return ours, theirs
