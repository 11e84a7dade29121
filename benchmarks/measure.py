"""Measure whole processes on one capture, against `cat` and against the peers that are installed.

    python -m benchmarks.measure FILE [--json OUT] [--rounds 5] [--no-peers] [--full-peers] [--pipe]

Per core      packets / CPU seconds (user + system) of `analyze --threads 1`, less those of the same on an empty capture
All cores     packets / wall seconds of `analyze --threads CORES`, less those on an empty capture; also as it stands
Against cat   wall seconds / those of `cat FILE > /dev/null`
Memory        highest resident sum over the processes, file pages counted, in a run of its own

Every figure is the best of the rounds, and in each round the commands take turns, so that a busy machine hits all
of them. The file is read once beforehand and so comes from the page cache. Ratios hold; seconds do not.
"""

import argparse
import json
import os
import platform
import struct
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.peers import run_peers
from benchmarks.processes import Run, peak_memory, time_command

ROUNDS = 5
MIB = 1 << 20
EMPTY_PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)

Figures = dict[str, Any]


def analyze_command(capture: str, folder: Path, threads: int) -> list[str]:
    """`pcap-analyzer analyze` with both reports written into `folder`."""
    installed = Path(sys.executable).with_name("pcap-analyzer")
    command = [str(installed)] if installed.exists() else [sys.executable, "-m", "pcap_analyzer"]
    reports = ["--json", str(folder / "report.json"), "--html", str(folder / "report.html")]
    return [*command, "analyze", capture, *reports, "--threads", str(threads)]


def measure(
    capture: Path,
    *,
    rounds: int = ROUNDS,
    cores: int | None = None,
    peers: bool = True,
    full_peers: bool = False,
    pipe: bool = False,
) -> Figures:
    """All figures of one capture. With `pipe`, analyze reads `cat FILE |` instead of the file."""
    cores = cores or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="pcap-analyzer-bench-") as name:
        folder = Path(name)
        empty = folder / "empty.pcap"
        empty.write_bytes(EMPTY_PCAP)
        times = _take_turns(capture, empty, folder, rounds, cores, pipe)
        packets = _packets(folder)
        memory = {
            f"threads_{threads}": asdict(held) | {"peak": held.peak}
            for threads in sorted({1, cores})
            for held in [_peak_memory(capture, folder, threads, pipe)]
        }
        figures = _figures(capture, packets, cores, times)
        figures |= {"piped": pipe, "memory_bytes": memory, "machine": describe_machine()}
        if peers:
            found = run_peers(capture, packets, folder, rounds=rounds, whole=full_peers)
            figures["peers"] = [_beside(asdict(peer), figures) for peer in found]
    return figures


def _take_turns(capture: Path, empty: Path, folder: Path, rounds: int, cores: int, pipe: bool) -> dict[str, list[Run]]:
    """The runs of each command. The last one to write reports has read the capture."""
    cat = ["sh", "-c", 'exec cat "$0" > /dev/null', str(capture)]
    piped = capture if pipe else None
    source = "-" if pipe else str(capture)
    commands: dict[str, tuple[list[str], Path | None]] = {"cat": (cat, None)}
    for threads in sorted({1, cores}):
        commands[f"empty_{threads}"] = analyze_command(str(empty), folder, threads), None
        commands[f"analyze_{threads}"] = analyze_command(source, folder, threads), piped
    time_command(cat)  # warms the page cache
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (command, feed) in commands.items():
            runs[name].append(time_command(command, piped=feed))
    return runs


def _peak_memory(capture: Path, folder: Path, threads: int, pipe: bool) -> Any:
    source = "-" if pipe else str(capture)
    return peak_memory(analyze_command(source, folder, threads), piped=capture if pipe else None)


def _packets(folder: Path) -> int:
    report = json.loads((folder / "report.json").read_bytes())
    return int(report["capture"]["packets"])


def _figures(capture: Path, packets: int, cores: int, times: dict[str, list[Run]]) -> Figures:
    wall = {name: min(run.wall_s for run in runs) for name, runs in times.items()}
    cpu = {name: min(run.cpu_s for run in runs) for name, runs in times.items()}
    size = capture.stat().st_size
    return {
        "capture": capture.name,
        "file_bytes": size,
        "packets": packets,
        "cores": cores,
        "rounds": len(times["cat"]),
        "wall_s": wall,
        "cpu_s": cpu,
        "per_core_pps": _rate(packets, cpu["analyze_1"] - cpu["empty_1"]),
        "per_core_pps_with_start": _rate(packets, cpu["analyze_1"]),
        "all_cores_pps": _rate(packets, wall[f"analyze_{cores}"] - wall[f"empty_{cores}"]),
        "all_cores_pps_with_start": _rate(packets, wall[f"analyze_{cores}"]),
        "all_cores_bytes_per_s": _rate(size, wall[f"analyze_{cores}"]),
        "times_cat_1": wall["analyze_1"] / wall["cat"],
        "times_cat": wall[f"analyze_{cores}"] / wall["cat"],
        "runs": {name: [asdict(run) for run in runs] for name, runs in times.items()},
    }


def _rate(amount: float, seconds: float) -> float | None:
    """None where the difference of two measurements drowns in noise."""
    return amount / seconds if seconds > 0 else None


def _beside(peer: Figures, ours: Figures) -> Figures:
    """The peer with how many times longer a packet takes it: by the clock against all cores, and by CPU."""
    if peer["error"] is None:
        best = f"analyze_{ours['cores']}"
        packets = ours["packets"]
        peer["times_slower_wall"] = (peer["wall_s"] / peer["packets"]) / (ours["wall_s"][best] / packets)
        peer["times_slower_cpu"] = (peer["cpu_s"] / peer["packets"]) / (ours["cpu_s"]["analyze_1"] / packets)
    return peer


def describe_machine() -> Figures:
    """What the figures depend on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def as_text(figures: Figures) -> str:
    """The figures for people."""
    cores, wall, cpu = figures["cores"], figures["wall_s"], figures["cpu_s"]
    size, packets = figures["file_bytes"], figures["packets"]
    lines = [
        f"{figures['capture']}: {packets:,} packets, {size / 1e9:.2f} GB, best of {figures['rounds']}"
        + (", through a pipe" if figures["piped"] else ""),
        f"  cat > /dev/null            {wall['cat']:8.3f} s",
    ]
    for threads in sorted({1, cores}):
        name = f"analyze_{threads}"
        lines.append(
            f"  analyze --threads {threads}        {wall[name]:8.3f} s wall  {cpu[name]:8.3f} s CPU"
            f"   {wall[name] / wall['cat']:5.2f} x cat"
            f"   peak {figures['memory_bytes'][f'threads_{threads}']['peak'] / MIB:6.0f} MiB"
        )
        empty = f"empty_{threads}"
        lines.append(f"    on an empty capture      {wall[empty]:8.3f} s wall  {cpu[empty]:8.3f} s CPU")
    lines.append(f"  per core                   {_millions(figures['per_core_pps'])} M packets/s")
    lines.append(
        f"  {cores} cores                    {_millions(figures['all_cores_pps'])} M packets/s,"
        f" {_millions(figures['all_cores_pps_with_start']).strip()} with the start,"
        f" {figures['all_cores_bytes_per_s'] / 1e9:.2f} GB/s"
    )
    lines += [_peer_line(peer, packets) for peer in figures.get("peers", ())]
    return "\n".join(lines)


def _millions(rate: float | None) -> str:
    return "     (?)" if rate is None else f"{rate / 1e6:8.2f}"


def _peer_line(peer: Figures, packets: int) -> str:
    if peer["error"] is not None:
        return f"  {peer['name']:<26} failed: {peer['error'][:80]}"
    part = "" if peer["packets"] == packets else f", on the first {peer['packets']:,} packets"
    return (
        f"  {peer['name']:<26} {peer['wall_s']:8.3f} s wall  {peer['cpu_s']:8.3f} s CPU"
        f"   {peer['times_slower_wall']:6.1f} x our wall, {peer['times_slower_cpu']:6.1f} x our CPU"
        f" a packet (best of {peer['runs']}{part})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--cores", type=int, help="threads of the second measurement (default: what the machine has)")
    parser.add_argument("--no-peers", action="store_true", help="only ourselves and cat")
    parser.add_argument("--full-peers", action="store_true", help="tshark too reads the whole file, however long")
    parser.add_argument("--pipe", action="store_true", help="analyze reads standard input")
    given = parser.parse_args(arguments)
    figures = measure(
        given.file,
        rounds=given.rounds,
        cores=given.cores,
        peers=not given.no_peers,
        full_peers=given.full_peers,
        pipe=given.pipe,
    )
    print(as_text(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
