"""What the command line says: a progress bar while a capture is read, a summary when it has been.

Import it late: rich costs more than the analysis of a small capture. No text is read as markup; the report has already
taken control characters out of what came from the capture.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pcap_analyzer.report import words
from pcap_analyzer.report.model import Report
from pcap_analyzer.report.text import plain

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from pcap_analyzer.pipeline import Progress

LEVEL_STYLES = {"problem": "bold red", "caution": "yellow", "note": "dim"}
BAR_AFTER_S = 0.25  # shorter runs end before anybody could read a bar
MAX_TALKERS = 5
MAX_PROTOCOLS = 12
MAX_SERVICES = 5
PIPE_WIDTH = 110


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
            rates=_rates_so_far(progress),
        )

    def _start(self) -> Bar:
        # As long to import as the rest of rich together, and most runs show no bar.
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


def print_summary(report: Report, written: Sequence[str] = (), *, file: TextIO | None = None) -> None:
    """The report in a screenful. written: names of the files that were made from it."""
    console = _console(file or sys.stdout)
    console.print(_capture_line(report))
    for part in (_quality(report), _talkers(report), _protocols(report), _services(report), _connections(report)):
        if part is not None:
            console.print()
            console.print(part)
    console.print()
    console.print(_closing(report, written))


def print_info(report: Report, *, file: TextIO | None = None) -> None:
    """What the capture is: format, times, link types, interfaces, comments, and whether it can be trusted."""
    console = _console(file or sys.stdout)
    console.print(_capture_line(report))
    for comment in report.capture.comments:
        console.print(Text.assemble(("Comment     ", "bold"), comment))
    for part in (_quality(report), _interfaces(report)):
        console.print()
        console.print(part)


def _console(file: TextIO) -> Console:

    # A pipe has no width; a log is read in wide lines.
    width = None if file.isatty() else PIPE_WIDTH
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def _capture_line(report: Report) -> Text:

    capture = report.capture
    facts = [capture.variant or capture.format, words.plural(capture.packets, "packet"), words.size(capture.bytes)]
    if capture.duration_ns is not None:
        facts += [words.duration(capture.duration_ns), words.bit_rate(capture.bytes, capture.duration_ns)]
    line = Text.assemble((report.source.name, "bold"), "  ", " · ".join(facts))
    if capture.first_ns is not None:
        line.append(f"\n{words.moment(capture.first_ns)} to {words.moment(capture.last_ns)}", "dim")
    if not capture.packets:
        line.append("\nThis capture holds no packets.")
    return line


def _quality(report: Report) -> RenderableType:

    if not report.quality.remarks:
        return Text("Quality: nothing was found that limits what this capture can show.", "green")
    grid = Table.grid(padding=(0, 2))
    for remark in report.quality.remarks:
        grid.add_row(Text(remark.level, LEVEL_STYLES[remark.level]), Text(remark.text))
    return grid


def _interfaces(report: Report) -> Table:
    table = _table("Interfaces", "link type", "snap length", "resolution", "packets", "dropped")
    for row in report.interfaces.rows:
        _add(
            table,
            f"{row.id} {row.name or ''}",
            row.link_type_name,
            words.count(row.snap_length) if row.snap_length else "unlimited",
            row.resolution,
            words.count(row.packets),
            "–" if row.dropped is None else words.count(row.dropped),
        )
    if report.interfaces.total > len(report.interfaces.rows):
        _add(table, f"and {words.count(report.interfaces.total - len(report.interfaces.rows))} more")
    return table


def _talkers(report: Report) -> Table | None:
    rows = report.endpoints.rows[:MAX_TALKERS]
    if not rows:
        return None
    table = _table("Top talkers", "bytes", "sent", "received", "packets", "flows")
    for row in rows:
        _add(
            table,
            row.address,
            words.size(row.bytes_sent + row.bytes_received),
            words.size(row.bytes_sent),
            words.size(row.bytes_received),
            words.count(row.packets_sent + row.packets_received),
            words.count(row.flows),
        )
    return table


def _protocols(report: Report) -> Table | None:
    rows = report.protocols.rows
    if not rows:
        return None
    # The largest rows, shown in the order of the hierarchy: a parent is never smaller than its child.
    order = sorted(range(len(rows)), key=lambda row: (-rows[row].packets, row))
    shown = sorted(order[:MAX_PROTOCOLS])
    table = _table("Protocols", "packets", "share", "bytes")
    for row in (rows[place] for place in shown):
        _add(
            table,
            "  " * (len(row.path) - 1) + row.path[-1],
            words.count(row.packets),
            words.share(row.packets, report.capture.packets),
            words.size(row.bytes),
        )
    return table


def _services(report: Report) -> Table | None:
    rows = report.services[:MAX_SERVICES]
    if not rows:
        return None
    table = _table("Services", "bytes", "packets", "flows")
    for row in rows:
        name = f"{row.protocol_name} {row.port}" + (f" ({row.name})" if row.name else "")
        _add(table, name, words.size(row.bytes), words.count(row.packets), words.count(row.flows))
    return table


def _connections(report: Report) -> Text | None:

    flows, tcp = report.flows, report.tcp
    if not flows.total:
        return None
    kinds = {"TCP": flows.tcp, "UDP": flows.udp, "ICMP": flows.icmp, "SCTP": flows.sctp, "other": flows.other}
    lines = [("Flows       ", f"{words.count(flows.total)}: {_named(kinds)}")]
    if tcp.flows:
        hands = tcp.handshakes
        parts = {"complete": hands.complete, "incomplete": hands.incomplete, "not seen": hands.unseen}
        lines.append(("Handshakes  ", _named(parts)))
        if tcp.handshake_network.p50_ns is not None:
            median, late = words.duration(tcp.handshake_network.p50_ns), words.duration(tcp.handshake_network.p95_ns)
            lines[-1] = ("Handshakes  ", f"{_named(parts)}; SYN to SYN/ACK {median} (p50), {late} (p95)")
        lines.append(("States      ", _named({row.state: row.flows for row in tcp.conn_states})))
    text = Text()
    for place, (label, value) in enumerate(lines):
        text.append(("\n" if place else "") + label, "bold").append(value, "not bold")
    return text


def _closing(report: Report, written: Sequence[str]) -> Text:

    source = report.source
    text = Text()
    if written:
        text.append("Written     ", "bold").append(", ".join(map(plain, written)) + "\n")
    octets = report.capture.captured_bytes if source.size_bytes is None else source.size_bytes
    text.append(f"Read in {words.duration(int(source.seconds * words.SECOND))}: ", "dim")
    return text.append(_rates(report.capture.packets, octets, source.seconds), "dim")


def _rates_so_far(progress: Progress) -> str:
    packets = words.plural(progress.packets, "packet")
    return f"{packets}, {_rates(progress.packets, progress.bytes_read, progress.seconds)}"


def _rates(packets: int, octets: int, seconds: float) -> str:
    nanoseconds = max(1, int(seconds * words.SECOND))
    per_second = octets * words.SECOND // nanoseconds
    return f"{words.packet_rate(packets, nanoseconds)}, {words.size(per_second)}/s"


def _named(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {words.count(number)}" for name, number in numbers.items() if number)


def _table(title: str, *columns: str) -> Table:

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column(title, header_style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _add(table: Table, *cells: str) -> None:

    table.add_row(*(Text(cell) for cell in cells))
