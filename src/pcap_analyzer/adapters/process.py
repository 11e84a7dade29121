"""Runs each analysis in a worker process of its own on this machine, so that a capture can break only that."""

import contextlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, cast

import msgspec

from pcap_analyzer.jobs.model import Arrived, Cause, Failed, Killed, Order, Outcome, Progress, Stopped, Succeeded, Task

log = logging.getLogger(__name__)

# -P: the folder that the service was started in shall not hold modules for the worker.
WORKER = (sys.executable, "-P", "-m", "pcap_analyzer.jobs.worker")

# Longer than any message a worker sends; what exceeds it is no message.
_MAX_LINE = 1 << 16
_FAREWELL_S = 10.0
# How late a worker may hear of the last byte that came.
_LOOK_EVERY_S = 0.05
# Of what a worker says on standard error, which hostile bytes may have made it say.
_MAX_OVERHEARD = 1 << 14
_KILLED = "the worker was killed from outside; most often the machine had no memory left"
_decode = msgspec.json.Decoder(Progress | Succeeded | Failed).decode


class ProcessRunner:
    """Starts `command` once for every task.

    environment: all that the worker inherits.  The others but `command`: see Order.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        memory_bytes: int,
        cpu_seconds: int,
        threads: int,
        max_ratio: int,
        max_output: int | None = None,
        flow_limit: int = 1_000_000,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._environment = dict(environment)
        self._memory_bytes = memory_bytes
        self._cpu_seconds = cpu_seconds
        self._threads = threads
        self._max_ratio = max_ratio
        self._max_output = max_output
        self._flow_limit = flow_limit
        self._command = list(command)
        self._lock = threading.Lock()
        self._processes: dict[subprocess.Popen[bytes], str] = {}
        self._ended: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def run(
        self,
        task: Task,
        on_progress: Callable[[Progress], None],
        arrived: Callable[[], Arrived | None] | None = None,
    ) -> Outcome:
        """See Runner.run."""
        order = Order(
            task,
            self._memory_bytes,
            self._cpu_seconds,
            self._threads,
            self._max_ratio,
            self._max_output,
            self._flow_limit,
        )
        process = self._start(task.name)
        if process is None:
            return Stopped()
        listening = threading.Thread(target=_overhear, args=(process,), daemon=True)
        telling = threading.Thread(
            target=self._tell, args=(process, msgspec.json.encode(order, enc_hook=str), arrived), daemon=True
        )
        listening.start()
        telling.start()
        try:
            said = _listen(process, on_progress)
            code = _code_of(process)
        finally:
            unwanted = self._forget(process, listening, telling)
        if said is not None:
            return said
        if self._stopping or unwanted:
            return Stopped()
        return Killed(_KILLED) if code == -signal.SIGKILL else self._failure(code)

    def end(self, name: str) -> None:
        """See Runner.end."""
        with self._lock:
            for process, task in self._processes.items():
                if task == name:
                    self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """With the lock held."""
        self._ended.add(process)
        process.kill()

    def stop(self) -> None:
        """See Runner.stop."""
        with self._lock:
            self._stopping = True
            for process in self._processes:
                process.kill()

    def _start(self, name: str) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping:
                return None
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                # Ctrl-C in the terminal is for the service; it ends its workers itself.
                start_new_session=True,
            )
            self._processes[process] = name
        return process

    def _tell(
        self, process: subprocess.Popen[bytes], order: bytes, arrived: Callable[[], Arrived | None] | None
    ) -> None:
        """Give the order, then say how far the capture has come until it is whole."""
        orders = cast("IO[bytes]", process.stdin)
        with contextlib.suppress(BrokenPipeError), orders:
            orders.write(order + b"\n")
            orders.flush()
            told: Arrived | None = None
            while arrived is not None and not (told and told.whole) and process.poll() is None:
                now = arrived()
                if now is None:
                    with self._lock:
                        self._end(process)
                    return
                if now != told:
                    orders.write(msgspec.json.encode(now) + b"\n")
                    orders.flush()
                told = now
                time.sleep(_LOOK_EVERY_S)

    def _forget(self, process: subprocess.Popen[bytes], *threads: threading.Thread) -> bool:
        """Whether it was ended because nobody wants its result."""
        process.kill()
        for thread in threads:
            thread.join(_FAREWELL_S)
        with process:  # closes the pipes and waits
            pass
        with self._lock:
            del self._processes[process]
            unwanted = process in self._ended
            self._ended.discard(process)
        return unwanted

    def _failure(self, code: int) -> Failed:
        if code == -signal.SIGXCPU:
            limit = f"the analysis needed more than the {self._cpu_seconds} s of processor time it may use"
            return Failed(limit, Cause.TIME)
        if code < 0:
            crash = f"the capture crashed its worker ({signal.Signals(-code).name}); nothing else was harmed"
            return Failed(crash, Cause.CRASHED)
        end = f"the worker ended with code {code} and without a result; the log of the service may say why"
        return Failed(end, Cause.NO_RESULT)


def _listen(process: subprocess.Popen[bytes], on_progress: Callable[[Progress], None]) -> Succeeded | Failed | None:
    """Until the result; None when the worker ended before one came."""
    messages = cast("IO[bytes]", process.stdout)
    while (line := messages.readline(_MAX_LINE)).endswith(b"\n"):
        try:
            message: Progress | Succeeded | Failed = _decode(line)
        except msgspec.MsgspecError:
            log.error("a worker sent no message but %s", ascii(line[:200]))
            process.kill()
            words = "the worker sent what no worker sends, and was ended; the log of the service shows it"
            return Failed(words, Cause.NONSENSE)
        if not isinstance(message, Progress):
            return message
        on_progress(message)
    return None


def _overhear(process: subprocess.Popen[bytes]) -> None:
    """Log what a worker says beside its messages, as its traces; in the log, it is hidden as all that is there."""
    stream = cast("IO[bytes]", process.stderr)
    start = stream.read(_MAX_OVERHEARD)
    while stream.read(_MAX_OVERHEARD):
        pass  # or it would wait for somebody to read
    if start:
        log.error("a worker said: %s", start.decode(errors="backslashreplace").rstrip())


def _code_of(process: subprocess.Popen[bytes]) -> int:
    """The exit code; a worker that has said its last word but lingers is killed."""
    try:
        return process.wait(_FAREWELL_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
