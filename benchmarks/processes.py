"""One command, start to end: its clock, its CPU, its memory.

Memory is sampled in a run of its own, so that the sampling costs the timed runs nothing.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SAMPLE_EVERY_S = 0.02
KIB = 1024


class CommandFailed(Exception):
    """A measured command ended with another exit code than 0; the message has its last words."""


@dataclass(frozen=True)
class Run:
    """cpu_s: user and system, of the process and all children that it waited for."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Memory:
    """Resident bytes, file pages counted.

    sampled: the highest sum over the command's processes.  high_water: the highest VmHWM of a single one, as the
    kernel kept it, so that nothing is missed between two samples.
    """

    sampled: int
    high_water: int

    @property
    def peak(self) -> int:
        """The larger of the two: what a container's limit would have to allow at least."""
        return max(self.sampled, self.high_water)


def time_command(command: Sequence[str], *, piped: Path | None = None) -> Run:
    """Run to the end; `piped` is a file to be fed through `cat` and a pipe."""
    with _started(command, piped) as (process, begin):
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    return Run(wall_s, usage.ru_utime + usage.ru_stime)


def peak_memory(command: Sequence[str], *, piped: Path | None = None) -> Memory:
    """Run to the end, looking at /proc every 20 ms."""
    sampled = high_water = 0
    with _started(command, piped) as (process, _):
        while process.poll() is None:
            resident, marks = _resident(process.pid)
            sampled = max(sampled, resident)
            high_water = max(high_water, marks)
            time.sleep(SAMPLE_EVERY_S)
    return Memory(sampled, high_water)


@contextmanager
def _started(command: Sequence[str], piped: Path | None) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The running command and when it began. Raises CommandFailed when it has ended badly."""
    with tempfile.TemporaryFile() as said:
        feeder = subprocess.Popen(["cat", piped], stdout=subprocess.PIPE) if piped else None
        stdin: IO[bytes] | int | None = feeder.stdout if feeder else subprocess.DEVNULL
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=said)
        if feeder and feeder.stdout:
            feeder.stdout.close()  # or the command would never see its end
        yield process, begin
        process.wait()
        if feeder:
            feeder.wait()
        if process.returncode:
            said.seek(0)
            words = said.read()[-2000:].decode(errors="replace")
            raise CommandFailed(f"{' '.join(map(str, command))} ended with {process.returncode}: {words}")


def _resident(pid: int) -> tuple[int, int]:
    """(sum of VmRSS, highest VmHWM) of a process and its descendants, bytes."""
    total = highest = 0
    for member in _family(pid):
        fields = _status(member)
        total += fields.get("VmRSS", 0)
        highest = max(highest, fields.get("VmHWM", 0))
    return total, highest


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # ended meanwhile
            continue
        for child in found:
            yield from _family(int(child))


def _status(pid: int) -> dict[str, int]:
    """The memory lines of /proc/PID/status, in bytes; nothing for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if line.startswith("Vm"))
    return {name: int(value.split()[0]) * KIB for name, value in pairs}
