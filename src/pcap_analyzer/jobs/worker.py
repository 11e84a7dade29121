"""The worker process, `python -m pcap_analyzer.jobs.worker`: one capture in, two artifacts out, then it ends.

An Order comes as JSON on standard input; Progress, then Succeeded or Failed, go out as JSON lines on standard output.
It limits itself before it opens the capture. When the service is gone, the next line finds a closed pipe and ends it.
"""

import os
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pcap_analyzer import pipeline
from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.capture.source import Limits
from pcap_analyzer.errors import BeyondLimit, CaptureError
from pcap_analyzer.export import EXPORTERS, html
from pcap_analyzer.jobs.disk import is_full
from pcap_analyzer.jobs.limits import limit_this_process
from pcap_analyzer.jobs.model import DISK_FULL, Cause, Failed, Order, Phase, Progress, Succeeded, Task
from pcap_analyzer.report import build_report

_REPORT_EVERY_S = 0.25
RECORD_HEADER = 16  # bytes

Tell = Callable[[Progress | Succeeded | Failed], None]
Analyse = Callable[[Order, Callable[[Progress], None]], Succeeded]


def analyse_capture(order: Order, on_progress: Callable[[Progress], None]) -> Succeeded:
    """Run the whole pipeline and fill the artifacts. Raises CaptureError."""
    task, last = order.task, Progress()

    def reading(told: pipeline.Progress) -> None:
        nonlocal last
        last = Progress(Phase.READING, told.packets, told.bytes_read, told.bytes_total, told.seconds)
        on_progress(last)

    limits = Limits(max_ratio=order.max_ratio)
    analysis = pipeline.analyze_capture(
        task.capture, progress=reading, threads=order.threads, limits=limits, keep_flows=False
    )
    on_progress(replace(last, phase=Phase.REPORTING))
    # The file has our name for it; the reader knows the user's.
    report = build_report(analysis)
    report = replace(report, source=replace(report.source, name=task.filename))
    nonce = secrets.token_urlsafe(24)
    for kind, path in task.artifacts.items():
        with path.open("wb") as file:
            pieces = html.pieces(report, nonce=nonce) if kind == "html" else EXPORTERS[kind].pieces(report, "en")
            file.writelines(pieces)
    return Succeeded(nonce, _ratio(analysis))


def _ratio(analysis: Analysis) -> float:
    """How many times its size a compressed capture had, record headers as those of pcap; 1 where it was plain."""
    size, capture = analysis.source.size_bytes, analysis.capture
    if analysis.source.compression is None or not size:
        return 1.0
    return (capture.captured_bytes + RECORD_HEADER * capture.packets) / size


def main(analyse: Analyse = analyse_capture) -> None:
    """Carry out the order on standard input."""
    tell = _own_standard_output()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order, dec_hook=_path)
    limit_this_process(order.memory_bytes, order.cpu_seconds)
    try:
        tell(analyse(order, _seldom(tell)))
    except CaptureError as error:
        cause = Cause.RATIO if isinstance(error, BeyondLimit) else Cause.UNREADABLE
        tell(Failed(_as_the_user_calls_it(str(error), order.task)[:2000], cause))
    except MemoryError:
        limit = f"the analysis needed more than the {order.memory_bytes >> 20} MiB of memory it may use"
        tell(Failed(limit, Cause.MEMORY))
    except BrokenPipeError:
        # Nobody is left to be told; without this, Python's own flush at exit would complain once more.
        os._exit(1)
    except Exception as error:
        tell(_failure(error))


def _as_the_user_calls_it(message: str, task: Task) -> str:
    """A reader's message with the user's name for the capture in place of ours, which is random and so stands out."""
    return message.replace(str(task.capture), task.filename).replace(task.capture.name, task.filename)


def _failure(error: Exception) -> Failed:
    if isinstance(error, OSError) and is_full(error):
        return DISK_FULL
    traceback.print_exception(error)
    return Failed("the analysis met an error of its own; the log of the service has its trace")


def _path(kind: type[Path], text: str) -> Path:
    # Paths are all that an order holds beside what JSON knows.
    return kind(text)


def _own_standard_output() -> Tell:
    """Keep standard output for messages; whatever else prints goes to standard error."""
    messages = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def tell(message: Progress | Succeeded | Failed) -> None:
        messages.write(msgspec.json.encode(message) + b"\n")

    return tell


def _seldom(tell: Tell) -> Callable[[Progress], None]:
    """Pass on progress at most every _REPORT_EVERY_S, and always when the phase changes."""
    last_told = float("-inf")
    phase: Phase | None = None

    def on_progress(progress: Progress) -> None:
        nonlocal last_told, phase
        now = time.monotonic()
        if progress.phase is not phase or now - last_told >= _REPORT_EVERY_S:
            last_told, phase = now, progress.phase
            tell(progress)

    return on_progress


if __name__ == "__main__":
    main()
