"""A worker whose analysis does what the capture's only packet says: how the service takes it is what tests look at.

Everything else is the real worker: its limits, its messages, its end.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pcap_analyzer.errors import Cancelled, CaptureError
from pcap_analyzer.jobs.following import Following
from pcap_analyzer.jobs.model import Order, Phase, Progress, Succeeded
from pcap_analyzer.jobs.worker import main

COMMAND = [sys.executable, "-P", __file__]
NONCE = "nonce-of-the-double"
RECORDS_START = 24 + 16


def analyse(order: Order, on_progress: Callable[[Progress], None], following: Following | None) -> Succeeded:
    if following is not None:
        follow(order, on_progress, following)
    behaviour = order.task.capture.read_bytes()[RECORDS_START:].decode(errors="replace")
    match behaviour.split()[:-1] if behaviour.rpartition(" ")[2].isdecimal() else behaviour.split():
        case ["fail", *_]:
            raise CaptureError("this is no capture", offset=24)
        case ["raise"]:
            raise RuntimeError("an error with a secret in it")
        case ["raise", address]:
            raise RuntimeError(f"cannot read {address}")
        case ["crash"]:
            os.kill(os.getpid(), signal.SIGSEGV)
        case ["killed"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["exit"]:
            os._exit(7)
        case ["spin"]:
            while True:
                pass
        case ["grow"]:
            taken = []
            while True:
                taken.append(bytearray(16 << 20))
        case ["chatter"]:
            for _ in range(100):
                os.write(2, b"word " * 1000)
        case ["nonsense"]:
            os.write(1, b"printed, not said\n")
            os.write(_messages(), b'{"type":"progress","packets":-1}\n')
            time.sleep(60)
        case ["wait"]:
            while True:
                on_progress(Progress(Phase.READING, 1000, 10, 100, 0.1))
                time.sleep(0.05)
        case ["environment"]:
            order.task.artifacts["json"].write_text("\n".join(os.environ))
    on_progress(Progress(Phase.REPORTING, 3, 100, 100, 0.5))
    for kind, path in order.task.artifacts.items():
        if not path.stat().st_size:
            path.write_text(f'{kind} of {order.task.filename} <script nonce="{NONCE}"></script>')
    return Succeeded(NONCE, ratio=1001.0 if behaviour.startswith("compressed") else 1.0)


def follow(order: Order, on_progress: Callable[[Progress], None], following: Following) -> None:
    """Until it is whole, unless its first word, which is followed by a space, is an order for this very time."""
    assert order.task.arriving is not None
    while not following.finished():
        if following.lost():
            raise Cancelled("nobody is there any more")
        with contextlib.suppress(FileNotFoundError):
            committed = order.task.arriving.read_bytes()[: following.committed()]
            if committed[RECORDS_START:].startswith(b"fail-following "):
                raise CaptureError("this cannot be followed")
            if committed[RECORDS_START:].startswith(b"killed-following "):
                os.kill(os.getpid(), signal.SIGKILL)
        on_progress(Progress(Phase.READING, 7, following.committed(), order.task.size_bytes, 0.1))
        time.sleep(0.02)


def _messages() -> int:
    """The descriptor on which the worker talks: standard output, moved out of the way of prints."""
    # The descriptor that lists the folder is among them, and closed by now.
    opened = [entry for entry in Path("/proc/self/fd").iterdir() if int(entry.name) > 2 and entry.exists()]
    return next(int(entry.name) for entry in opened if entry.readlink().name.startswith("pipe:"))


if __name__ == "__main__":
    main(analyse)
