"""Measure how packets become a table, beside the peers that are installed.

    python -m benchmarks.export FILE [--json OUT] [--rounds 3] [--slice N] [--no-peers] [--full-peers]

Export        packets of FILE to Parquet, all columns, zstd: rows a second, CPU, bytes a packet, highest resident sum
Slice         the packets of one flow as a capture, beside `analyze` of the same file
One column    sum of a column of that Parquet file in DuckDB, beside an analysis of the capture
Peers         tshark -T fields with ten columns, pcaptoparquet: seconds a packet, as a ratio to ours. Of a large capture
              they read a slice of N packets, unless --full-peers

Every figure is the best of the rounds, in which the commands take turns. Ratios hold; seconds do not.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.measure import MIB, describe_machine
from benchmarks.peers import SLICE_PACKETS, write_slice
from benchmarks.processes import CommandFailed, Run, peak_memory, time_command

FIELDS = (
    *("frame.number", "frame.time_epoch", "frame.len", "ip.src", "ip.dst", "ip.proto", "tcp.srcport", "tcp.dstport"),
    *("tcp.flags", "tcp.analysis.ack_rtt"),
)
ONE_COLUMN = "import duckdb, sys; duckdb.sql(f\"SELECT sum(original_length) FROM '{sys.argv[1]}'\").fetchall()"

Figures = dict[str, Any]


def ours(*arguments: str) -> list[str]:
    """A command of the program that is installed beside this Python."""
    installed = Path(sys.executable).with_name("pcap-analyzer")
    return [str(installed), *arguments] if installed.exists() else [sys.executable, "-m", "pcap_analyzer", *arguments]


def measure(capture: Path, *, rounds: int, slice_packets: int | None) -> Figures:
    """All figures of one capture."""
    with tempfile.TemporaryDirectory(prefix="pcap-analyzer-bench-") as made:
        folder = Path(made)
        table = folder / "packets.parquet"
        export = ours("export", str(capture), "-o", str(table))
        commands = {
            "export": export,
            "analyze": ours("analyze", str(capture), "--html", str(folder / "report.html")),
            "slice": ours("slice", str(capture), "--filter", "flow_id == 7", "-o", str(folder / "flow.pcapng")),
            "one_column": [sys.executable, "-c", ONE_COLUMN, str(table)],
        }
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        time_command(["sh", "-c", 'exec cat "$0" > /dev/null', str(capture)])  # warms the page cache
        for _ in range(rounds):
            for name, command in commands.items():
                runs[name].append(time_command(command))
        packets = pq.ParquetFile(table).metadata.num_rows
        figures: Figures = {
            "packets": packets,
            "wall_s": {name: min(run.wall_s for run in done) for name, done in runs.items()},
            "cpu_s": {name: min(run.cpu_s for run in done) for name, done in runs.items()},
            "bytes_per_packet": table.stat().st_size / packets,
            "peak_bytes": peak_memory(export).peak,
            "machine": describe_machine(),
        }
        figures["rows_per_s"] = packets / figures["wall_s"]["export"]
        if slice_packets is not None:
            figures["peers"] = _peers(capture, figures, folder, slice_packets)
    return figures


def _peers(capture: Path, figures: Figures, folder: Path, slice_packets: int) -> list[Figures]:
    """Every installed peer once, in seconds a packet beside ours."""
    part, packets = capture, figures["packets"]
    if packets > slice_packets:
        part, packets = folder / "part.pcap", slice_packets
        write_slice(capture, part, packets)
    fields = [word for name in FIELDS for word in ("-e", name)]
    commands = {
        "tshark -T fields": ["tshark", "-n", "-r", str(part), "-T", "fields", *fields],
        "pcaptoparquet": ["pcaptoparquet", "-i", str(part), "-o", str(folder / "peer.parquet")],
    }
    own = figures["wall_s"]["export"] / figures["packets"]
    found: list[Figures] = []
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            continue
        try:
            run = time_command(command)
        except CommandFailed as failed:
            found.append({"name": name, "error": str(failed)})
            continue
        times = run.wall_s / packets / own
        found.append({"name": name, "packets": packets, "wall_s": run.wall_s, "times_ours": times})
    return found


def as_text(figures: Figures) -> str:
    """For people."""
    wall, cpu = figures["wall_s"], figures["cpu_s"]
    rate, size, held = figures["rows_per_s"] / 1e6, figures["bytes_per_packet"], figures["peak_bytes"] / MIB
    beside = f"analyze {wall['analyze']:.2f} s"
    lines = [
        f"export      {rate:.2f} M rows/s: {figures['packets']:,} packets in {wall['export']:.2f} s",
        f"            CPU {cpu['export']:.2f} s, {size:.1f} bytes a packet, {held:.0f} MiB",
        f"slice       {wall['slice']:.2f} s, {beside}: {wall['slice'] / wall['analyze']:.2f}",
        f"one column  {wall['one_column']:.2f} s, {beside}: {wall['one_column'] / wall['analyze']:.2f}",
    ]
    for peer in figures.get("peers", []):
        said = peer.get("error") or f"{peer['times_ours']:.0f} times as long ({peer['packets']:,} packets)"
        lines.append(f"{peer['name']}: {said}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slice", type=int, default=SLICE_PACKETS, metavar="N", help=f"for peers ({SLICE_PACKETS:,})")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--full-peers", action="store_true")
    given = parser.parse_args(arguments)
    packets = None if given.no_peers else sys.maxsize if given.full_peers else given.slice
    figures = measure(given.file, rounds=given.rounds, slice_packets=packets)
    print(as_text(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
