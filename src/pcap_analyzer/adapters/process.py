"""Runs each analysis in a worker process of its own on this machine, so that a capture can break only that."""

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from pcap_analyzer.children import Child, Children, first_bytes
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
        self._children = Children(command, environment)
        self._memory_bytes = memory_bytes
        self._cpu_seconds = cpu_seconds
        self._threads = threads
        self._max_ratio = max_ratio
        self._max_output = max_output
        self._flow_limit = flow_limit

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
        process = self._children.start(task.name)
        if process is None:
            return Stopped()
        listening = threading.Thread(target=_overhear, args=(process,), daemon=True)
        telling = threading.Thread(
            target=self._tell,
            args=(process, task.name, msgspec.json.encode(order, enc_hook=str), arrived),
            daemon=True,
        )
        listening.start()
        telling.start()
        try:
            said = _listen(process, on_progress)
            code = _code_of(process)
        finally:
            process.kill()
            for thread in (listening, telling):
                thread.join(_FAREWELL_S)
            unwanted = self._children.forget(process)
        if said is not None:
            return said
        if self._children.stopping or unwanted:
            return Stopped()
        return Killed(_KILLED) if code == -signal.SIGKILL else self._failure(code)

    def end(self, name: str) -> None:
        """See Runner.end."""
        self._children.end(name)

    def stop(self) -> None:
        """See Runner.stop."""
        self._children.stop()

    def _tell(self, process: Child, name: str, order: bytes, arrived: Callable[[], Arrived | None] | None) -> None:
        """Give the order, then say how far the capture has come until it is whole."""
        orders = process.stdin
        with contextlib.suppress(BrokenPipeError), orders:
            orders.write(order + b"\n")
            orders.flush()
            told: Arrived | None = None
            while arrived is not None and not (told and told.whole) and process.poll() is None:
                now = arrived()
                if now is None:
                    self._children.end(name)
                    return
                if now != told:
                    orders.write(msgspec.json.encode(now) + b"\n")
                    orders.flush()
                told = now
                time.sleep(_LOOK_EVERY_S)

    def _failure(self, code: int) -> Failed:
        if code == -signal.SIGXCPU:
            limit = f"the analysis needed more than the {self._cpu_seconds} s of processor time it may use"
            return Failed(limit, Cause.TIME)
        if code < 0:
            crash = f"the capture crashed its worker ({signal.Signals(-code).name}); nothing else was harmed"
            return Failed(crash, Cause.CRASHED)
        end = f"the worker ended with code {code} and without a result; the log of the service may say why"
        return Failed(end, Cause.NO_RESULT)


def _listen(process: Child, on_progress: Callable[[Progress], None]) -> Succeeded | Failed | None:
    """Until the result; None when the worker ended before one came."""
    messages = process.stdout
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


def _overhear(process: Child) -> None:
    """Log what a worker says beside its messages, as its traces; in the log, it is hidden as all that is there."""
    start = first_bytes(process.stderr, _MAX_OVERHEARD)
    if start:
        log.error("a worker said: %s", start.decode(errors="backslashreplace").rstrip())


def _code_of(process: Child) -> int:
    """The exit code; a worker that has said its last word but lingers is killed."""
    if process.wait(_FAREWELL_S) is None:
        process.kill()
        process.wait()
    assert process.returncode is not None
    return process.returncode
