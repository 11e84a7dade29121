"""Takes things out of a capture in a process of its own on this machine, so that a capture can break only that."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

import msgspec

from pcap_analyzer.jobs.takings import NotTaken, Taken, Taking, TakingOrder

log = logging.getLogger(__name__)

# -P: the folder that the service was started in shall not hold modules for the process.
EXTRACTOR = (sys.executable, "-P", "-m", "pcap_analyzer.jobs.extraction")

# Of what a process says, which hostile bytes may have made it say.
_MAX_SAID = 1 << 14
_decode = msgspec.json.Decoder(Taken | NotTaken).decode
_STOPPED = NotTaken("the service ends", stopped=True)


class ProcessExtractor:
    """Starts `command` once for every taking.

    environment: all that the process inherits.  memory_bytes, cpu_seconds, threads, flow_limit: see TakingOrder.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        memory_bytes: int,
        cpu_seconds: int,
        threads: int,
        flow_limit: int,
        command: Sequence[str] = EXTRACTOR,
    ) -> None:
        self._environment = dict(environment)
        self._memory_bytes = memory_bytes
        self._cpu_seconds = cpu_seconds
        self._threads = threads
        self._flow_limit = flow_limit
        self._command = list(command)
        self._lock = threading.Lock()
        self._processes: dict[subprocess.Popen[bytes], str] = {}
        self._stopping = False

    def take(self, taking: Taking) -> Taken | NotTaken:
        """See Extractor.take."""
        order = TakingOrder(taking, self._memory_bytes, self._cpu_seconds, self._threads, self._flow_limit)
        process = self._start(taking.name)
        if process is None:
            return _STOPPED
        try:
            said, complained = process.communicate(msgspec.json.encode(order, enc_hook=str))
        finally:
            process.kill()
            with self._lock:
                del self._processes[process]
        if complained:
            log.error("an extraction said: %s", complained[:_MAX_SAID].decode(errors="backslashreplace").rstrip())
        if self._stopping:
            return _STOPPED
        return self._answer(said, process.returncode)

    def end(self, name: str) -> None:
        """See Extractor.end."""
        with self._lock:
            for process, taking in self._processes.items():
                if taking == name:
                    process.kill()

    def stop(self) -> None:
        """See Extractor.stop."""
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
                # Ctrl-C in the terminal is for the service; it ends its processes itself.
                start_new_session=True,
            )
            self._processes[process] = name
        return process

    def _answer(self, said: bytes, code: int) -> Taken | NotTaken:
        try:
            if said:
                answer: Taken | NotTaken = _decode(said[:_MAX_SAID])
                return answer
        except msgspec.MsgspecError:
            log.error("an extraction sent no answer but %s", ascii(said[:200]))
        if code == -signal.SIGXCPU:
            return NotTaken(f"it needs more than the {self._cpu_seconds} s of processor time that it may use")
        if code < 0:
            return NotTaken(f"the capture crashed its process ({signal.Signals(-code).name}); nothing else was harmed")
        return NotTaken(f"its process ended with code {code} and without an answer")
