"""The command line. Each command is a few lines over the library; what is slow to import is imported by the command
that needs it, and for `analyze` while the scan is already running. (argparse, because it is there in a fifth of the
time of anything nicer, and a small capture is analysed in less.)

Exit codes: 0 done, damage is a warning · 1 with --strict, damaged or partly unsupported · 2 no capture or wrong use ·
3 --fail-on met · 130 interrupted. Of several files the first of 2, 1, 3 that occurred.
"""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from pcap_analyzer import __version__
from pcap_analyzer.errors import PcapAnalyzerError
from pcap_analyzer.pipeline import analyze_capture, open_capture

if TYPE_CHECKING:
    from pcap_analyzer.analysis.model import Analysis
    from pcap_analyzer.report.model import Report

PROGRAM = "pcap-analyzer"
DONE, STRICT_FAILURE, NO_CAPTURE, FOUND, INTERRUPTED = 0, 1, 2, 3, 130
STANDARD = "-"
SEVERE = ("warning", "critical")
LANGUAGES = ("en", "fr")  # of export.language, which is imported later
MAX_THREADS, MAX_BATCH, MAX_PORT = 16, 65536, 65535
SWITCH_S = 0.0002  # the scan asks for the interpreter between windows: what is imported beside it must not keep it long
USUAL_COLUMNS = 80
COLLECT_AFTER = 200_000  # objects: more than one analysis makes, so that importing is not searched for garbage
_last: list[Analysis] = []  # of the latest capture: its flows go with the process, not one by one before that


class Failure(Exception):
    """A sentence for standard error; the command ends with NO_CAPTURE."""


class Command:
    """One command: a line for the list of commands, its help, its options, and what it does. Returns an exit code.

    complete: nothing is left to be done when it returns, so the process may end at once.
    """

    def __init__(
        self,
        summary: str,
        text: str,
        options: Callable[[ArgumentParser], None],
        run: Callable[[Namespace], int],
        *,
        complete: bool = False,
    ) -> None:
        self.summary = summary
        self.text = text
        self.options = options
        self.run = run
        self.complete = complete


# ---------------------------------------------------------------- analyze

ANALYZE = """Analyse captures: a summary here, and a report to open in a browser.

FILE is pcap or pcapng, plain or compressed (gzip, zstd, lz4, xz, bzip2), or - for standard input. Without an option
that names an output the report is written as FILE.html into the current folder.

examples:
  pcap-analyzer analyze big.pcap
  pcap-analyzer analyze *.pcapng -o reports/
  pcap-analyzer analyze --join ring_*.pcapng --html ring.html
  pcap-analyzer analyze big.pcap --json - | jq .capture
  tcpdump -w - -c 10000 | pcap-analyzer analyze - --html now.html

  pcap-analyzer analyze --fail-on warning nightly.pcap

exit codes: 0 done, damage is a warning · 1 with --strict · 2 no capture or wrong use · 3 with --fail-on ·
130 interrupted"""


def analyze_options(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--join", action="store_true", help="the files are one recording, with one report")
    parser.add_argument("-o", "--output", metavar="DIR", help="write FILE.html and FILE.json into this folder")
    parser.add_argument("--json", metavar="FILE|-", help="write the report as JSON; - is standard output")
    parser.add_argument("--html", metavar="FILE", help="write the report as one HTML file")
    parser.add_argument(
        "--threads", type=between(1, MAX_THREADS), metavar="N", help="threads to use (one a processor, at most 8)"
    )
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the HTML report (en)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a capture is damaged or unsupported")
    parser.add_argument(
        "--fail-on", choices=SEVERE, help="exit with 3 where a finding is as severe as this, or more so"
    )
    parser.add_argument(
        "--batch-size", type=between(1, MAX_BATCH), metavar="N", help="packets handled at a time; changes no result"
    )


def analyze(given: Namespace) -> int:
    captures: list[str | tuple[str, ...]] = [tuple(given.files)] if given.join else given.files
    if len(captures) > 1 and (given.html or (given.json and given.json != STANDARD)):
        raise Failure("several captures need a folder for their reports: use -o DIR, or --json - for one line each")
    if given.html == STANDARD:
        raise Failure("--html needs the name of a file")
    planned = _planned(given)
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(COLLECT_AFTER)
    codes = []
    for file, outputs in zip(captures, planned, strict=True):
        try:
            report = _analyzed(file, given.threads, given.batch_size, partial(_prepare, outputs, given.language))
        except PcapAnalyzerError as error:
            say(str(error))
            codes.append(NO_CAPTURE)
            continue
        written = _write(report, outputs, given.language)
        if given.json != STANDARD:
            _summarize(report, written)
        if given.strict and _is_flawed(report):
            codes.append(STRICT_FAILURE)
        if given.fail_on and _is_met(report, given.fail_on):
            codes.append(FOUND)
    return next((code for code in (NO_CAPTURE, STRICT_FAILURE, FOUND) if code in codes), DONE)


# ---------------------------------------------------------------- the other commands

INFO = """Say what a capture is: format, packets, times, interfaces, damage.

example:
  pcap-analyzer info big.pcapng"""


def info_options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def info(given: Namespace) -> int:
    report = _analyzed(given.file)
    if given.json:
        import msgspec

        parts = {name: getattr(report, name) for name in ("source", "capture", "quality", "interfaces")}
        print(msgspec.json.format(msgspec.json.encode(parts)).decode())
    else:
        from pcap_analyzer.terminal.summary import print_info

        print_info(report)
    return DONE


COMPARE = """Compare every column of every packet with what tshark says of CAPTURE. tshark must be installed.

Exits with 1 where a difference has no known reason.

example:
  pcap-analyzer compare-tshark trace.pcapng"""


def compare_options(parser: ArgumentParser) -> None:
    parser.add_argument("capture", metavar="CAPTURE")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def compare(given: Namespace) -> int:
    from pcap_analyzer import comparison

    try:
        with open_capture(given.capture) as opened:
            found = comparison.compare_with_tshark(given.capture, opened.packets(comparison.COLUMNS))
    except comparison.TsharkError as error:
        raise Failure(str(error)) from None
    print(comparison.as_json(found) if given.json else comparison.as_text(found))
    return found.exit_code


SERVE = """Serve the page on which captures are dropped and reports are read.

Settings come from the environment: DATA_DIR, MAX_UPLOAD_SIZE_MB, WORKERS and others, see the README.

example:
  DATA_DIR=./data pcap-analyzer serve --port 8000 --open"""


def serve_options(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=between(0, MAX_PORT), default=8000, metavar="N", help="port (8000); 0: any that is free"
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def serve(given: Namespace) -> int:
    from pcap_analyzer.web.serve import run

    run(given.host, given.port, open_browser=given.open)
    return DONE


def late_options(module: str, parser: ArgumentParser) -> None:
    import_module(f"pcap_analyzer.{module}").options(parser)


def late_run(module: str, given: Namespace) -> int:
    code: int = import_module(f"pcap_analyzer.{module}").run(given)
    return code


def late(summary: str, module: str, *, complete: bool = False) -> Command:
    """A command with a module of its own, which sets its help too: importing it costs the others nothing."""
    return Command(summary, "", partial(late_options, module), partial(late_run, module), complete=complete)


COMMANDS = {
    "analyze": Command("analyse captures, write reports", ANALYZE, analyze_options, analyze, complete=True),
    "info": Command("say what a capture is", INFO, info_options, info, complete=True),
    "compare-tshark": Command("compare our columns with tshark's", COMPARE, compare_options, compare),
    "export": late("write tables: Parquet, Arrow, CSV, JSON Lines", "export_command"),
    "sql": late("answer a query over the tables of captures", "sql_command", complete=True),
    "slice": late("the packets that match a filter, as a capture", "slice_command"),
    "serve": Command("the page for uploads and reports", SERVE, serve_options, serve),
    "worker": late("run what the service queues, beside it", "worker_command"),
    "backup": late("copy all that the service keeps", "backup_command"),
    "restore": late("put a backup back", "restore_command"),
}

# ---------------------------------------------------------------- the program


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program `pcap-analyzer`: ends the process with the exit code of its command.

    arguments: None for those of the process, which is then ours to end.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = run(given)
        if arguments is None and COMMANDS[given[0]].complete:
            leave(code)
        sys.exit(code)
    except (Failure, PcapAnalyzerError) as error:
        say(str(error))
        sys.exit(NO_CAPTURE)
    except MemoryError as error:
        say(f"there is not enough memory: {str(error) or 'close other programs, or raise the limit of this one'}")
        sys.exit(NO_CAPTURE)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # pcap-analyzer … | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
        sys.exit(DONE)
    except OSError as error:  # a full disk behind standard output or behind the temporary folder
        say(str(error.strerror or error))
        sys.exit(NO_CAPTURE)


def leave(code: int) -> NoReturn:
    """End the process without taking the interpreter apart.

    Every file was closed by who wrote it, and temporary ones have no name; only the standard streams still hold
    something. (Measured: 23 ms less for an empty capture, 43 ms less where 50 k flows would be freed.)
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by who started us
            stream.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Do what the arguments ask for; its exit code. Raises SystemExit for --help, --version and wrong use."""
    if not arguments or arguments[0] not in COMMANDS:
        overview().parse_args(arguments or ["--help"])
    command = COMMANDS[arguments[0]]
    parser = ArgumentParser(f"{PROGRAM} {arguments[0]}", description=command.text, formatter_class=HelpFormatter)
    command.options(parser)
    return command.run(parser.parse_intermixed_args(arguments[1:]))


def overview() -> ArgumentParser:
    """The help without a command."""
    commands = "\n".join(f"  {name:16}{command.summary}" for name, command in COMMANDS.items())
    parser = ArgumentParser(
        PROGRAM,
        usage=f"{PROGRAM} COMMAND [options]",
        description=f"Find out from a packet capture what a network did.\n\ncommands:\n{commands}",
        epilog=f"{PROGRAM} COMMAND --help shows a command's options and examples.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


class HelpFormatter(RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse asks shutil, which takes 2 ms to import, even where no help is printed."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_terminal_columns() - 2)


def _terminal_columns() -> int:
    """Of the terminal that standard output is."""
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or USUAL_COLUMNS  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # closed, or no terminal
        return USUAL_COLUMNS


def between(low: int, high: int) -> Callable[[str], int]:
    """An argument that is a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        if text.isdecimal() and low <= int(text) <= high:
            return int(text)
        raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")

    return parse


def say(sentence: str) -> None:
    """Print to standard error; what a file name holds cannot steer the terminal."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in sentence)
    print(f"{PROGRAM}: {shown}", file=sys.stderr)


# ---------------------------------------------------------------- analysing


def _analyzed(
    file: str | tuple[str, ...],
    threads: int | None = None,
    batch_size: int | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Report:
    """The report on one capture, with a progress bar where somebody watches."""
    analyze = partial(
        analyze_capture, file, threads=threads, batch_size=batch_size, meanwhile=meanwhile, keep_flows=False
    )
    _last.clear()
    if sys.stderr is None or not sys.stderr.isatty():
        analysis = analyze()
    else:
        from pcap_analyzer.terminal.progress import ProgressBar

        with ProgressBar(os.path.basename(file if isinstance(file, str) else file[0])) as bar:
            analysis = analyze(progress=bar)
    from pcap_analyzer.report import build_report

    _last.append(analysis)
    return build_report(analysis)


def _is_flawed(report: Report) -> bool:
    """Whether part of the capture could not be read."""
    quality = report.quality
    return quality.damage is not None or quality.unsupported > 0


def _is_met(report: Report, least: str) -> bool:
    """Whether a finding is as severe as `least`."""
    met = SEVERE[SEVERE.index(least) :]
    return any(finding.severity in met for finding in report.findings)


def _summarize(report: Report, written: Sequence[str]) -> None:
    from pcap_analyzer.terminal.summary import print_summary

    print_summary(report, written)


def _prepare(outputs: Sequence[tuple[str, str]], language: str) -> None:
    """Load what the end of `analyze` needs."""
    _import_msgspec()
    import_module("pcap_analyzer.report")
    if ("json", STANDARD) not in outputs:
        import_module("pcap_analyzer.terminal.summary").writer(sys.stdout)
    if any(kind == "html" for kind, _path in outputs):
        import_module("pcap_analyzer.export.html").prepare(language)


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions, which takes 10 ms with all that it imports itself.

    msgspec does without where that is not installed: since Python 3.11 `typing` has all that it asks of it. For a
    program's own process only; elsewhere others may be importing it just now.
    """
    name = "typing_extensions"
    if name in sys.modules:
        return
    sys.modules[name] = None  # type: ignore[assignment]  # importing it fails
    try:
        import_module("msgspec")
    finally:
        sys.modules.pop(name, None)


# ---------------------------------------------------------------- writing


def _report_names(files: Sequence[str]) -> list[str]:
    """One file name per capture, without its folder; the second of the same name gets -2."""
    names: list[str] = []
    for file in files:
        base = "standard-input" if file == STANDARD else os.path.basename(file)
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names


def _outputs(name: str, given: Namespace) -> list[tuple[str, str]]:
    """(format, path) of every file to write for one capture."""
    outputs = [("html", given.html)] if given.html else []
    outputs += [("json", given.json)] if given.json else []
    if given.output is not None:
        outputs += [(kind, os.path.join(given.output, f"{name}.{kind}")) for kind in ("html", "json")]
    return outputs or [("html", f"{name}.html")]


def _write(report: Report, outputs: Sequence[tuple[str, str]], language: str) -> list[str]:
    """Write each output whole or not at all; the names of the files made."""
    from pcap_analyzer.export import EXPORTERS

    written = []
    for kind, path in outputs:
        pieces = EXPORTERS[kind].pieces(report, language)
        if path == STANDARD:
            sys.stdout.buffer.writelines((*pieces, b"\n"))
            sys.stdout.buffer.flush()
            continue
        try:
            _replace(path, pieces)
        except OSError as error:
            raise Failure(f"{path} cannot be written: {error.strerror}") from None
        written.append(path)
    return written


def _planned(given: Namespace) -> list[list[tuple[str, str]]]:
    """The outputs of every capture. Raises Failure where one would be written over a capture."""
    planned = [_outputs(name, given) for name in _report_names(given.files[:1] if given.join else given.files)]
    for path in (path for outputs in planned for _kind, path in outputs):
        if _is_capture(path, given.files):
            raise Failure(f"{path} is the capture itself: give the report another name")
    return planned


def _is_capture(path: str, files: Sequence[str]) -> bool:
    """Whether a report would be written over one of the captures."""
    captures = [file for file in files if file != STANDARD and os.path.exists(file)]
    return os.path.isfile(path) and any(os.path.samefile(path, file) for file in captures)


def _replace(path: str, pieces: Sequence[bytes | memoryview]) -> None:
    """Put `pieces` under the name `path` in one step, so that nobody finds half a report there."""
    from pcap_analyzer.export.putting import put

    if os.path.exists(path) and not os.path.isfile(path):  # /dev/null, a pipe
        with open(path, "wb", buffering=0) as file:
            put(file, pieces)
        return
    folder, name = os.path.split(path)
    os.makedirs(folder or os.curdir, exist_ok=True)
    aside = os.path.join(folder, f".{name}.{os.urandom(4).hex()}")
    try:
        with open(aside, "xb", buffering=0) as file:
            put(file, pieces)
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise
