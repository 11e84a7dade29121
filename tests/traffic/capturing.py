"""tcpdump on a host's device, and the silences put into its capture afterwards."""

import re
import signal
import struct
import subprocess
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import IO

from tests.traffic.namespaces import Host

SECOND_NS = 10**9


class Tcpdump:
    """Records from its making until stop(); times are the kernel's, in nanoseconds."""

    def __init__(self, host: Host, file: Path, snap_length: int) -> None:
        # Nothing stays in the ring when it ends, and the ring is large enough for a second of everything.
        how = ["-n", "-U", "-Z", "root", "--immediate-mode", "-B", "16384", "--time-stamp-precision", "nano"]
        self.process = subprocess.Popen(
            ["tcpdump", "-i", host.device, *how, "-s", str(snap_length), "-w", str(file)],
            preexec_fn=host.enter,  # noqa: PLW1509 - there are no threads here
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self._errors():
            if "listening on" in line:
                return
        raise RuntimeError("tcpdump did not start")

    def stop(self) -> dict[str, int]:
        """Its own count of packets: captured, received by filter, dropped by kernel."""
        self.process.send_signal(signal.SIGINT)
        said = "".join(self._errors())
        self.process.wait()
        return {what.replace(" ", "_"): int(n) for n, what in re.findall(r"(\d+) packets? ([a-z ]+)", said)}

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _errors(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr


@dataclass(frozen=True)
class Calendar:
    """Silences that last a moment while recording and minutes in the capture: later packets are moved by the rest.

    A line a silence, in a file, because programs in other processes write it.
    """

    file: Path

    def pass_time(self, seconds: float, really_s: float = 0.3) -> None:
        """Let `seconds` pass in the capture. Nothing may be under way between the hosts."""
        time.sleep(really_s / 2)
        with self.file.open("a") as lines:
            lines.write(f"{time.time_ns()} {int((seconds - really_s) * SECOND_NS)}\n")
        time.sleep(really_s / 2)

    def silences(self) -> list[tuple[int, int]]:
        """(when, how much longer) in ns, in order."""
        if not self.file.exists():
            return []
        return sorted((int(when), int(longer)) for when, longer in map(str.split, self.file.read_text().splitlines()))

    def moved(self, when_ns: int) -> int:
        return when_ns + sum(longer for since, longer in self.silences() if when_ns >= since)


def insert_silences(capture: Path, silences: list[tuple[int, int]]) -> None:
    """Move the packets of a classic nanosecond capture, in the byte order of this machine, behind each silence."""
    if not silences:
        return
    data = bytearray(capture.read_bytes())
    later = list(accumulate(longer for _, longer in silences))
    at = 24
    while at < len(data):
        seconds, fraction, captured = struct.unpack_from("=III", data, at)
        when = seconds * SECOND_NS + fraction
        passed = sum(when >= since for since, _ in silences)
        if passed:
            struct.pack_into("=II", data, at, *divmod(when + later[passed - 1], SECOND_NS))
        at += 16 + captured
    capture.write_bytes(data)
