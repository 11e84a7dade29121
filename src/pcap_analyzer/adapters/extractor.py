"""Takes things out of a capture in a process of its own on this machine, so that a capture can break only that."""

import logging
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from pcap_analyzer.children import Child, Children, first_bytes
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
        self._children = Children(command, environment)
        self._memory_bytes = memory_bytes
        self._cpu_seconds = cpu_seconds
        self._threads = threads
        self._flow_limit = flow_limit

    def take(self, taking: Taking) -> Taken | NotTaken:
        """See Extractor.take."""
        order = TakingOrder(taking, self._memory_bytes, self._cpu_seconds, self._threads, self._flow_limit)
        process = self._children.start(taking.name)
        if process is None:
            return _STOPPED
        listening = threading.Thread(target=_overhear, args=(process,), daemon=True)
        listening.start()
        try:
            with suppress(BrokenPipeError), process.stdin as orders:
                orders.write(msgspec.json.encode(order, enc_hook=str))
            said = first_bytes(process.stdout, _MAX_SAID)
            listening.join()
            code = process.wait()
        finally:
            self._children.forget(process)
        if self._children.stopping:
            return _STOPPED
        assert code is not None
        return self._answer(said, code)

    def end(self, name: str) -> None:
        """See Extractor.end."""
        self._children.end(name)

    def stop(self) -> None:
        """See Extractor.stop."""
        self._children.stop()

    def _answer(self, said: bytes, code: int) -> Taken | NotTaken:
        try:
            if said:
                answer: Taken | NotTaken = _decode(said)
                return answer
        except msgspec.MsgspecError:
            log.error("an extraction sent no answer but %s", ascii(said[:200]))
        if code == -signal.SIGXCPU:
            return NotTaken(f"it needs more than the {self._cpu_seconds} s of processor time that it may use")
        if code < 0:
            return NotTaken(f"the capture crashed its process ({signal.Signals(-code).name}); nothing else was harmed")
        return NotTaken(f"its process ended with code {code} and without an answer")


def _overhear(process: Child) -> None:
    """Log what it says beside its answer."""
    if complained := first_bytes(process.stderr, _MAX_SAID):
        log.error("an extraction said: %s", complained.decode(errors="backslashreplace").rstrip())
