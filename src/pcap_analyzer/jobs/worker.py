"""The worker process, `python -m pcap_analyzer.jobs.worker`: one capture in, two artifacts out, then it ends.

An Order comes as a line of JSON on standard input; where its capture still arrives, lines behind it say how far it has
come. Progress, then Succeeded or Failed, go out as JSON lines on standard output.
It limits itself before it opens the capture. When the service is gone, the next line finds a closed pipe and ends it.
"""

import errno
import os
import secrets
import time
import traceback
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pcap_analyzer import pipeline
from pcap_analyzer.analysis.model import Analysis, FirstResults
from pcap_analyzer.capture.source import Limits, Source, open_growing_source, open_source
from pcap_analyzer.errors import BeyondLimit, Cancelled, CaptureError
from pcap_analyzer.export import EXPORTERS, html
from pcap_analyzer.export.putting import put
from pcap_analyzer.jobs.disk import is_full
from pcap_analyzer.jobs.following import Following
from pcap_analyzer.jobs.limits import limit_this_process
from pcap_analyzer.jobs.model import DISK_FULL, Cause, Failed, Order, Phase, Progress, Succeeded, Task
from pcap_analyzer.report import build_report
from pcap_analyzer.report.findings import fit_to_send

_REPORT_EVERY_S = 0.25
RECORD_HEADER = 16  # bytes

_last: list[Analysis] = []  # what it holds goes with the process, not piece by piece before the result is told

Tell = Callable[[Progress | Succeeded | Failed], None]
Analyse = Callable[[Order, Callable[[Progress], None], Following | None], Succeeded]


def analyse_capture(order: Order, on_progress: Callable[[Progress], None], following: Following | None) -> Succeeded:
    """Run the whole pipeline and fill the artifacts. Raises CaptureError, and Cancelled when nobody is there any more.

    following: of a capture that still arrives.
    """
    task, last = order.task, Progress()

    def reading(told: pipeline.Progress) -> None:
        nonlocal last
        last = Progress(Phase.READING, told.packets, told.bytes_read, told.bytes_total, told.seconds)
        on_progress(last)

    def found(first: FirstResults) -> None:
        on_progress(replace(last, first_results=fit_to_send(first)))

    analysis = pipeline.analyze_source(
        _opened(order, following),
        progress=reading,
        first_results=found,
        cancelled=None if following is None else following.lost,
        threads=order.threads,
        flow_limit=order.flow_limit,
        keep_flows=False,
    )
    _last.append(analysis)
    on_progress(replace(last, phase=Phase.REPORTING))
    # The file has our name for it; the reader knows the user's.
    report = build_report(analysis)
    report = replace(report, source=replace(report.source, name=task.filename))
    nonce = secrets.token_urlsafe(24)
    for kind, path in task.artifacts.items():
        with path.open("wb", buffering=0) as file:
            pieces = html.pieces(report, nonce=nonce) if kind == "html" else EXPORTERS[kind].pieces(report, "en")
            put(file, pieces)
    return Succeeded(nonce, _ratio(analysis))


def _opened(order: Order, following: Following | None) -> Source:
    task, limits = order.task, Limits(order.max_output, order.max_ratio)
    if following is None or task.arriving is None:
        return open_source(task.capture, limits=limits)
    try:
        file = FileIO(task.arriving)
    except FileNotFoundError:
        file = FileIO(task.capture)  # it came whole meanwhile, and got its name
    return open_growing_source(
        file,
        finished=following.finished,
        committed=following.committed,
        cancelled=following.lost,
        name=task.filename,
        size_bytes=task.size_bytes,
        limits=limits,
    )


def _ratio(analysis: Analysis) -> float:
    """How many times its size a compressed capture had, record headers as those of pcap; 1 where it was plain."""
    size, capture = analysis.source.size_bytes, analysis.capture
    if analysis.source.compression is None or not size:
        return 1.0
    return (capture.captured_bytes + RECORD_HEADER * capture.packets) / size


def main(analyse: Analyse = analyse_capture) -> None:
    """Carry out the order on standard input."""
    tell = _own_standard_output()
    # Not sys.stdin: a thread that is blocked in it holds a lock which Python wants at its end.
    orders = FileIO(0, closefd=False)
    order = msgspec.json.decode(orders.readline(), type=Order, dec_hook=_path)
    limit_this_process(order.memory_bytes, order.cpu_seconds)
    following = None if order.task.arriving is None else Following(orders)
    try:
        tell(analyse(order, _seldom(tell), following))
    except CaptureError as error:
        cause = Cause.RATIO if isinstance(error, BeyondLimit) else Cause.UNREADABLE
        tell(Failed(_as_the_user_calls_it(str(error), order.task)[:2000], cause))
    except MemoryError:
        tell(_beyond_memory(order))
    except (BrokenPipeError, Cancelled):
        # Nobody is left to be told; without this, Python's own flush at exit would complain once more.
        os._exit(1)
    except Exception as error:
        tell(_failure(error, order))


def _as_the_user_calls_it(message: str, task: Task) -> str:
    """A reader's message with the user's name for the capture in place of ours, which is random and so stands out."""
    return message.replace(str(task.capture), task.filename).replace(task.capture.name, task.filename)


def _beyond_memory(order: Order) -> Failed:
    limit = f"the analysis needed more than the {order.memory_bytes >> 20} MiB of memory it may use"
    return Failed(limit, Cause.MEMORY)


def _failure(error: Exception, order: Order) -> Failed:
    if isinstance(error, OSError) and is_full(error):
        return DISK_FULL
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return _beyond_memory(order)
    traceback.print_exception(error)
    return Failed("the analysis met an error of its own; the log of the service has its trace")


def _path(kind: type[Path], text: str) -> Path:
    # Paths are all that an order holds beside what JSON knows.
    return kind(text)


def _own_standard_output() -> Tell:
    """Keep standard output for messages; whatever else prints goes to standard error."""
    messages = os.dup(1)
    os.dup2(2, 1)

    def tell(message: Progress | Succeeded | Failed) -> None:
        os.write(messages, msgspec.json.encode(message) + b"\n")

    return tell


def _seldom(tell: Tell) -> Callable[[Progress], None]:
    """Pass on progress at most every _REPORT_EVERY_S, and always when the phase changes or there are results."""
    last_told = float("-inf")
    phase: Phase | None = None

    def on_progress(progress: Progress) -> None:
        nonlocal last_told, phase
        now = time.monotonic()
        if progress.first_results or progress.phase is not phase or now - last_told >= _REPORT_EVERY_S:
            last_told, phase = now, progress.phase
            tell(progress)

    return on_progress


if __name__ == "__main__":
    main()
    os._exit(0)  # all is told: taking the interpreter apart would free every flow
