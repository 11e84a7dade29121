"""A progress bar while a capture is read. It is there before the scan begins: what it shows is imported later."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from pcap_analyzer.pipeline import Progress

BAR_AFTER_S = 0.25  # shorter runs end before anybody could read a bar


class ProgressBar:
    """A bar with packets/s and GB/s on a terminal; nothing when the stream is piped.

    with ProgressBar("big.pcap") as bar:
        analyze_capture(path, progress=bar)
    """

    def __init__(self, name: str, *, file: TextIO | None = None) -> None:
        self._name = name
        self._file = file or sys.stderr
        self._quiet = not self._file.isatty()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far reading has come."""
        if self._quiet or (self._bar is None and progress.seconds < BAR_AFTER_S):
            return
        if self._bar is None:
            self._bar = self._start()
        self._bar.update(
            self._bar.task_ids[0],
            completed=progress.bytes_read,
            total=progress.bytes_total,
            rates=_so_far(progress),
        )

    def _start(self) -> Bar:
        # As long to import as the rest of rich together, and most runs show no bar.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rates]}", markup=False),
            console=Console(file=self._file),
            transient=True,
        )
        bar.start()
        bar.add_task(self._name, total=None, rates="")
        return bar


def _so_far(progress: Progress) -> str:
    from pcap_analyzer.report import words  # noqa: PLC0415
    from pcap_analyzer.terminal.rates import rates  # noqa: PLC0415

    packets = words.plural(progress.packets, "packet")
    return f"{packets}, {rates(progress.packets, progress.bytes_read, progress.seconds)}"
