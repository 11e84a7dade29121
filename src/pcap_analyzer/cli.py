"""The command line. Each command is a few lines over the library; what is slow to import is imported by the command
that needs it, and for `analyze` while the scan is already running.

Exit codes: 0 done, damage is a warning · 1 with --strict, damaged or partly unsupported · 2 no capture or wrong use ·
130 interrupted. Of several files the first of 2, 1 that occurred.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pcap_analyzer import __version__
from pcap_analyzer.errors import PcapAnalyzerError
from pcap_analyzer.pipeline import analyze_capture, open_capture

if TYPE_CHECKING:
    from pcap_analyzer.report.model import Report

T = TypeVar("T")

DONE, STRICT_FAILURE, NO_CAPTURE, INTERRUPTED = 0, 1, 2, 130
STANDARD = "-"

ANALYZE_HELP = """Analyse captures: a summary here, and a report to open in a browser.

FILE is pcap or pcapng, plain or compressed (gzip, zstd, lz4, xz, bzip2), or - for standard input. Without an option
that names an output the report is written as FILE.html into the current folder.

\b
Examples:
  pcap-analyzer analyze big.pcap
  pcap-analyzer analyze *.pcapng -o reports/
  pcap-analyzer analyze big.pcap --json - | jq .capture
  tcpdump -w - -c 10000 | pcap-analyzer analyze - --html now.html
"""


class Program(click.Group):
    """All commands, ended quietly when nobody reads on: `pcap-analyzer analyze … | head`."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
            sys.exit(DONE)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pcap-analyzer")
def cli() -> None:
    """Find out from a packet capture what a network did."""


@cli.command(help=ANALYZE_HELP)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False), help="Write FILE.html and FILE.json into this folder."
)
@click.option("--json", "json_file", metavar="FILE|-", help="Write the report as JSON; - is standard output.")
@click.option("--html", "html_file", metavar="FILE", help="Write the report as one HTML file.")
@click.option("--threads", type=click.IntRange(1, 16), help="Threads to use.  [default: one a processor, at most 8]")
@click.option("--strict", is_flag=True, help="Exit with 1 where a capture is damaged or partly unsupported.")
@click.option("--batch-size", type=click.IntRange(1, 65536), hidden=True, help="Packets handled at a time.")
def analyze(
    files: tuple[str, ...],
    output: str | None,
    json_file: str | None,
    html_file: str | None,
    threads: int | None,
    strict: bool,
    batch_size: int | None,
) -> None:
    if len(files) > 1 and (html_file or (json_file and json_file != STANDARD)):
        raise click.UsageError(
            "several captures need a folder for their reports: use -o DIR, or --json - for one line each"
        )
    preparing = _prepare(html=json_file is None or html_file is not None or output is not None)
    codes = []
    for file, name in zip(files, _report_names(files), strict=True):
        try:
            report = _analyzed(file, threads, batch_size)
        except PcapAnalyzerError as error:
            click.echo(f"pcap-analyzer: {error}", err=True)
            codes.append(NO_CAPTURE)
            continue
        preparing()
        written = _write(report, _outputs(name, output, json_file, html_file))
        if json_file != STANDARD:
            _summarize(report, written)
        codes.append(STRICT_FAILURE if strict and _is_flawed(report) else DONE)
    sys.exit(_first_of(codes))


@cli.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def info(file: str, as_json: bool) -> None:
    """Say what a capture is: format, packets, times, interfaces, damage.

    \b
    Example:
      pcap-analyzer info big.pcapng
    """
    from pcap_analyzer import terminal

    report = _or_exit(lambda: _analyzed(file, None, None))
    if as_json:
        import msgspec

        parts = {name: getattr(report, name) for name in ("source", "capture", "quality", "interfaces")}
        click.echo(msgspec.json.format(msgspec.json.encode(parts)).decode())
    else:
        terminal.print_info(report)


@cli.command("compare-tshark")
@click.argument("capture", type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare_tshark(capture: str, as_json: bool) -> None:
    """Compare every column of every packet with what tshark says of CAPTURE. tshark must be installed.

    Exits with 1 where a difference has no known reason.

    \b
    Example:
      pcap-analyzer compare-tshark trace.pcapng
    """
    from pcap_analyzer import comparison

    try:
        with open_capture(capture) as opened:
            found = comparison.compare_with_tshark(capture, opened.packets(comparison.COLUMNS))
    except (PcapAnalyzerError, comparison.TsharkError) as error:
        raise Failure(str(error)) from None
    click.echo(comparison.as_json(found) if as_json else comparison.as_text(found))
    sys.exit(found.exit_code)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
def serve(host: str, port: int, open_browser: bool) -> None:
    """Serve the page on which captures are dropped and reports are read.

    Settings come from the environment: DATA_DIR, MAX_UPLOAD_SIZE_MB, WORKERS and others, see the README.

    \b
    Example:
      DATA_DIR=./data pcap-analyzer serve --port 8000 --open
    """
    from pcap_analyzer.web.serve import run

    _or_exit(lambda: run(host, port, open_browser=open_browser))


def main() -> None:
    """The program `pcap-analyzer`."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("pcap-analyzer: interrupted", err=True)
        sys.exit(INTERRUPTED)


# ---------------------------------------------------------------- analysing


def _analyzed(file: str, threads: int | None, batch_size: int | None) -> Report:
    """The report on one capture, with a progress bar where somebody watches."""
    if not sys.stderr.isatty():
        analysis = analyze_capture(file, threads=threads, batch_size=batch_size)
    else:
        from pcap_analyzer.terminal import ProgressBar

        with ProgressBar(Path(file).name) as bar:
            analysis = analyze_capture(file, threads=threads, batch_size=batch_size, progress=bar)
    from pcap_analyzer.report import build_report

    return build_report(analysis)


def _is_flawed(report: Report) -> bool:
    """Whether part of the capture could not be read."""
    quality = report.quality
    return quality.damage is not None or quality.unsupported > 0


def _first_of(codes: Sequence[int]) -> int:
    """The exit code for several captures."""
    return next((code for code in (NO_CAPTURE, STRICT_FAILURE) if code in codes), DONE)


def _summarize(report: Report, written: Sequence[str]) -> None:
    from pcap_analyzer.terminal import print_summary

    print_summary(report, written)


def _prepare(*, html: bool) -> Callable[[], None]:
    """Beside the scan, load what the end of `analyze` needs; the answer waits until it is there."""

    def load() -> None:
        import_module("pcap_analyzer.report")
        import_module("pcap_analyzer.terminal")
        if html:
            import_module("pcap_analyzer.export.html").prepare()

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    return thread.join


def _or_exit(action: Callable[[], T]) -> T:
    """What `action` returns; an error of ours ends the command with a sentence."""
    try:
        return action()
    except PcapAnalyzerError as error:
        raise Failure(str(error)) from None


class Failure(click.ClickException):
    """A sentence on standard error and the exit code of wrong use."""

    exit_code = NO_CAPTURE


# ---------------------------------------------------------------- writing


def _report_names(files: Sequence[str]) -> list[str]:
    """One file name per capture, without its folder; the second of the same name gets -2."""
    names: list[str] = []
    for file in files:
        base = "standard-input" if file == STANDARD else Path(file).name
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names


def _outputs(name: str, folder: str | None, json_file: str | None, html_file: str | None) -> list[tuple[str, str]]:
    """(format, path) of every file to write for one capture."""
    outputs = [("html", html_file)] if html_file else []
    outputs += [("json", json_file)] if json_file else []
    if folder is not None:
        outputs += [(kind, os.path.join(folder, f"{name}.{kind}")) for kind in ("html", "json")]
    return outputs or [("html", f"{name}.html")]


def _write(report: Report, outputs: Sequence[tuple[str, str]]) -> list[str]:
    """Write each output whole or not at all; the names of the files made."""
    from pcap_analyzer.export import EXPORTERS

    written = []
    for kind, path in outputs:
        data = EXPORTERS[kind].export(report)
        if path == STANDARD:
            sys.stdout.buffer.write(data + b"\n")
            sys.stdout.buffer.flush()
            continue
        try:
            _replace(Path(path), data)
        except OSError as error:
            raise Failure(f"{path} cannot be written: {error.strerror}") from None
        written.append(path)
    return written


def _replace(path: Path, data: bytes) -> None:
    """Put `data` under the name `path` in one step, so that nobody finds half a report there."""
    if path.exists() and not path.is_file():  # /dev/null, a pipe
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
        try:
            aside.write(data)
            aside.flush()
            os.chmod(aside.name, 0o666 & ~_umask())
            os.replace(aside.name, path)
        except BaseException:
            os.unlink(aside.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
