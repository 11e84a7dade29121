"""`make bench`: nanoseconds a packet by stage, at three frame sizes and four flow counts, and under attack.

    python -m benchmarks [--packets 1M] [--rounds 3] [--captures DIR] [--json OUT] [--quick] [--no-peers]
    python -m benchmarks --attacks [CASE ...]

Captures are made from a fixed seed, one at a time, and deleted, unless --captures names a folder to keep them in.
Stages are those of one thread. --attacks measures the attacks alone, all or some of them, beside the mixed capture of
the same run. Else the last part compares whole processes with the peers that are installed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
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
    ("descending", "pcap"),
    ("shuffled", "pcap"),
    ("holes", "pcap"),
    ("filled_holes", "pcap"),
    ("sack_heavy", "pcap"),
    ("resets", "pcap"),
    ("stray_resets", "pcap"),
    ("tiny_windows", "pcap"),
    ("port_reuse", "pcap"),
    ("tiny_records", "pcap"),
    ("tiny_records", "pcapng"),
    ("tunnels", "pcap"),
    ("false_records", "pcap"),
    ("false_records", "pcapng"),
    ("wild_times", "pcap"),
    ("interfaces", "pcapng"),
)
SLOW = 2.0  # times the time a packet of the reference: no attack should take as long
STAGES = ("read", "walk", "decode", "flow", "number", "tcp", "statistics", "write")
RESULTS = Path(__file__).with_name("results")

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
    if not quick:
        yield from attack_recipes()


def attack_recipes(cases: Collection[str] = ()) -> Iterator[Recipe]:
    """The captures of these attacks; of all where none is named."""
    for case, file_format in ATTACKS:
        if case in cases or not cases:
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


def as_line(row: Row) -> str:
    """A row for people; stages that the engine does not tell are a dash."""
    spent = row["ns_per_packet"]
    ratio = row["times_mixed"]
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


def run_table(wanted: Iterable[Recipe], reference: str, folder: Path, rounds: int, *, keep: bool) -> list[Row]:
    """Measure and print every row as it comes. reference: the capture that those behind it are compared with."""
    print(_columns(*HEADINGS), flush=True)
    rows: list[Row] = []
    compared: Row | None = None
    for recipe in wanted:
        capture = recipe.make(folder)
        row = measure_capture(recipe, capture, folder, rounds)
        rows.append(row)
        compared = row if recipe.name == reference else compared
        row["times_mixed"] = row["total_ns_per_packet"] / compared["total_ns_per_packet"] if compared else None
        print(as_line(row), flush=True)
        if not keep and recipe.name != reference:
            capture.unlink()
            capture.with_name(capture.name + ".json").unlink()
    return rows


def slow_attacks(rows: Iterable[Row]) -> str:
    """Which attacks took longer than they should."""
    attacks = [row for row in rows if row["capture"].startswith("attack-")]
    slow = [f"{row['capture']} {row['times_mixed']:.2f}" for row in attacks if row["times_mixed"] > SLOW]
    if not attacks:
        return ""
    return f"\nAttacks above {SLOW:g} times the mixed capture: {', '.join(slow) or 'none'} (of {len(attacks)})"


def _count(text: str) -> int:
    units = {"k": 1_000, "M": 1_000_000}
    return int(float(text.rstrip("kM")) * units.get(text[-1:], 1))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=_count, default=1_000_000, help="in each capture of the table (1M)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--captures", type=Path, help="make captures here, keep them, and use those that are there")
    parser.add_argument("--json", type=Path, help="where the figures go (benchmarks/results/latest.json)")
    parser.add_argument("--quick", action="store_true", help="three captures, no attacks")
    parser.add_argument("--no-peers", action="store_true", help="only ourselves and cat")
    parser.add_argument("--attacks", nargs="*", choices=sorted({case for case, _ in ATTACKS}), metavar="CASE")
    given = parser.parse_args(arguments)
    reference = flow_recipe(*REFERENCE, given.packets)
    with tempfile.TemporaryDirectory(prefix="pcap-analyzer-bench-") as name:
        folder = given.captures or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = recipes(given.packets, given.quick)
        if given.attacks is not None:
            wanted = chain([reference], attack_recipes(given.attacks))
        rows = run_table(wanted, reference.name, folder, given.rounds, keep=given.captures is not None)
        print(slow_attacks(rows))
        results = {"machine": describe_machine(), "seed": SEED, "table": rows}
        if given.attacks is None:
            whole = measure(reference.make(folder), rounds=given.rounds, peers=not given.no_peers)
            print("\nWhole processes\n" + as_text(whole))
            results["whole"] = whole
    path = given.json or RESULTS / ("latest.json" if given.attacks is None else "attacks.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nAll figures: {path}")


if __name__ == "__main__":
    main()
