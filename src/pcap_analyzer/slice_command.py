"""`pcap-analyzer slice`: its options, and what they ask of `slices`. pyarrow is imported when it runs, not before."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from contextlib import nullcontext
from typing import Any

from pcap_analyzer import __version__
from pcap_analyzer.ending import ended_in_order
from pcap_analyzer.errors import ExportError, FilterError

STANDARD = "-"
TEXT = """Write the packets of a capture for which a filter holds, unchanged, as a capture of their own (pcapng).

FILE is pcap or pcapng, plain or compressed, or - for standard input. The filter is that of `export` on the table
packets. The new file has its name only when it is whole.

examples:
  pcap-analyzer slice big.pcap --filter 'flow_id == 7' -o flow-7.pcapng
  pcap-analyzer slice big.pcapng --filter 'host == 10.0.0.1 and port == 443' -o host.pcapng
  pcap-analyzer slice big.pcap --filter retransmission -o - | wireshark -k -i -

exit codes: 0 done, also without a match · 2 no capture, wrong use, or not written · 130 interrupted"""


def options(parser: ArgumentParser) -> None:
    parser.description = TEXT
    parser.add_argument("file", metavar="FILE")
    parser.add_argument(
        "--filter", metavar="TEXT", required=True, help="which packets, e.g. 'stream == 3 and tcp_seq > 0'"
    )
    parser.add_argument("-o", "--output", metavar="OUT.pcapng|-", required=True, help="where to; - is standard output")
    parser.add_argument("--threads", type=int, metavar="N", help="threads to read with (one a processor, at most 8)")


def run(given: Namespace) -> int:
    try:
        with ended_in_order():
            return _slice(given)
    except FilterError as error:  # has lines of its own, in which the mistake is shown
        print(f"pcap-analyzer: {error}", file=sys.stderr)
        return 2


def _slice(given: Namespace) -> int:
    path: str = given.output
    if given.threads is not None and not 1 <= given.threads <= 16:
        raise ExportError(f"--threads is {given.threads}, expected 1 to 16")
    if os.path.isdir(path):
        raise ExportError(f"{path} is a folder: give the slice a name")
    if path != STANDARD and os.path.isfile(path) and os.path.isfile(given.file) and os.path.samefile(path, given.file):
        raise ExportError(f"{path} is the capture itself: give the slice another name")

    from pcap_analyzer import slices  # noqa: PLC0415 - pyarrow takes 0.3 s

    with _bar(given.file) as bar:
        made = slices.slice_capture(
            given.file,
            given.filter,
            path,
            threads=given.threads,
            progress=bar,
            application=f"pcap-analyzer {__version__}",
        )
    if made.damage is not None:
        print(
            f"pcap-analyzer: warning: {given.file} was read up to byte {made.damage.offset:,}: {made.damage.reason}",
            file=sys.stderr,
        )
    if path != STANDARD and sys.stdout is not None:
        print(f"{path}: {made.packets:,} of {made.of_packets:,} packets")
    return 0


def _bar(file: str) -> Any:
    """A progress bar where somebody watches."""
    if sys.stderr is None or not sys.stderr.isatty():
        return nullcontext()
    from pcap_analyzer.terminal.progress import ProgressBar  # noqa: PLC0415

    return ProgressBar(os.path.basename(file))
