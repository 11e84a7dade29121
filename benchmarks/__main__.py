"""`make bench`: nanoseconds a packet by stage, at three frame sizes and four flow counts, and under attack.

    python -m benchmarks [--packets 1M] [--rounds 3] [--captures DIR] [--json OUT] [--quick] [--no-peers]

Captures are made from a fixed seed, one at a time, and deleted, unless --captures names a folder to keep them in.
Stages are those of one thread. The last part compares whole processes with the peers that are installed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import MIB, analyze_command, as_text, describe_machine, measure
from benchmarks.processes import peak_memory

SEED = 7
FRAME_BYTES = {"tiny": 64, "mixed": 700, "bulk": 1400}
RECORD_HEADER = 16
FLOW_COUNTS = (100, 1_000, 10_000, 100_000)
REFERENCE = "mixed", 10_000  # what attacks and peers are compared with
ATTACK_BYTES = 100_000_000
ATTACKS = (
    ("duplicates", "pcap"),
    ("half_open", "pcap"),
    ("overlaps", "pcap"),
    ("holes", "pcap"),
    ("port_reuse", "pcap"),
    ("tiny_records", "pcap"),
    ("tiny_records", "pcapng"),
    ("tunnels", "pcap"),
    ("false_records", "pcap"),
    ("false_records", "pcapng"),
    ("wild_times", "pcap"),
    ("interfaces", "pcapng"),
)
STAGES = ("read", "walk", "decode", "flow", "number", "tcp", "statistics", "write")
DEFAULT_JSON = Path(__file__).with_name("results") / "latest.json"

Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A capture to be made: its name and the arguments of the generator."""

    name: str
    arguments: tuple[str, ...]

    def make(self, folder: Path) -> Path:
        """The capture in `folder`, made unless it is there."""
        path = folder / f"{self.name}.{'pcapng' if 'pcapng' in self.arguments else 'pcap'}"
        if not path.with_name(path.name + ".json").exists():
            command = [sys.executable, "-m", "benchmarks.generate", str(path), *self.arguments, "--seed", str(SEED)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return path


def flow_recipe(mode: str, flows: int, packets: int) -> Recipe:
    """About so many packets in so many flows."""
    size = packets * (FRAME_BYTES[mode] + RECORD_HEADER)
    arguments = ("--mode", mode, "--flows", str(flows), "--size", str(size))
    return Recipe(f"{mode}-{flows}-flows-{packets}-packets", arguments)


def recipes(packets: int, quick: bool) -> Iterator[Recipe]:
    """All captures of the table; the quick form has one flow count and no attacks."""
    for mode in FRAME_BYTES:
        for flows in FLOW_COUNTS:
            if not quick or flows == REFERENCE[1]:
                yield flow_recipe(mode, flows, packets)
    for case, file_format in () if quick else ATTACKS:
        arguments = ("--mode", "adversarial", "--case", case, "--format", file_format, "--size", str(ATTACK_BYTES))
        yield Recipe(f"attack-{case}-{file_format}", arguments)


def measure_capture(recipe: Recipe, capture: Path, folder: Path, rounds: int) -> Row:
    """One row of the table."""
    command = [sys.executable, "-m", "benchmarks.stages", str(capture), "--rounds", str(rounds)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: Row = json.loads(said)
    packets = max(1, found["packets"])
    stages = dict(found["stage_ns"] or {}) | {"write": found["write_ns"]}
    truth = json.loads(capture.with_name(capture.name + ".json").read_text())
    return {
        "capture": recipe.name,
        "average_frame": truth["average_frame"],
        "flows": found["flows"],
        "packets": packets,
        "file_bytes": found["file_bytes"],
        "ns_per_packet": {stage: spent / packets for stage, spent in stages.items()},
        "total_ns_per_packet": found["total_ns"] / packets,
        "packets_per_s": packets / found["total_ns"] * 1e9,
        "bytes_per_s": found["file_bytes"] / found["total_ns"] * 1e9,
        "peak_bytes": peak_memory(analyze_command(str(capture), folder, 1)).peak,
    }


HEADINGS = ("capture", "frame B", "flows", "packets", *STAGES, "ns/packet", "Mpps", "GB/s", "peak MiB", "x mixed")
WIDTHS = (34, 8, 9, 10, *(max(7, len(stage) + 1) for stage in STAGES), 10, 7, 7, 9, 8)


def as_line(row: Row, reference: Row | None) -> str:
    """A row for people; stages that the engine does not tell are a dash."""
    spent = row["ns_per_packet"]
    ratio = row["total_ns_per_packet"] / reference["total_ns_per_packet"] if reference else None
    return _columns(
        row["capture"],
        f"{row['average_frame']:.0f}",
        f"{row['flows']:,}",
        f"{row['packets']:,}",
        *(f"{spent[stage]:.1f}" if stage in spent else "-" for stage in STAGES),
        f"{row['total_ns_per_packet']:.1f}",
        f"{row['packets_per_s'] / 1e6:.2f}",
        f"{row['bytes_per_s'] / 1e9:.2f}",
        f"{row['peak_bytes'] / MIB:.0f}",
        "" if ratio is None else f"{ratio:.2f}",
    )


def _columns(first: str, *others: str) -> str:
    cells = (cell.rjust(width) for cell, width in zip(others, WIDTHS[1:], strict=True))
    return first.ljust(WIDTHS[0]) + "".join(cells)


def run_table(folder: Path, packets: int, rounds: int, *, quick: bool, keep: bool) -> list[Row]:
    """Measure and print every row as it comes."""
    print(_columns(*HEADINGS), flush=True)
    rows: list[Row] = []
    reference: Row | None = None
    wanted = flow_recipe(*REFERENCE, packets).name
    for recipe in recipes(packets, quick):
        capture = recipe.make(folder)
        row = measure_capture(recipe, capture, folder, rounds)
        rows.append(row)
        reference = row if recipe.name == wanted else reference
        print(as_line(row, reference), flush=True)
        if not keep and recipe.name != wanted:
            capture.unlink()
            capture.with_name(capture.name + ".json").unlink()
    return rows


def _count(text: str) -> int:
    units = {"k": 1_000, "M": 1_000_000}
    return int(float(text.rstrip("kM")) * units.get(text[-1:], 1))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=_count, default=1_000_000, help="in each capture of the table (1M)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--captures", type=Path, help="make captures here, keep them, and use those that are there")
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON)
    parser.add_argument("--quick", action="store_true", help="three captures, no attacks")
    parser.add_argument("--no-peers", action="store_true", help="only ourselves and cat")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pcap-analyzer-bench-") as name:
        folder = given.captures or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        rows = run_table(folder, given.packets, given.rounds, quick=given.quick, keep=given.captures is not None)
        capture = flow_recipe(*REFERENCE, given.packets).make(folder)
        whole = measure(capture, rounds=given.rounds, peers=not given.no_peers)
    print("\nWhole processes\n" + as_text(whole))
    results = {"machine": describe_machine(), "seed": SEED, "table": rows, "whole": whole}
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nAll figures: {given.json}")


if __name__ == "__main__":
    main()
