"""Recordings as cases: a capture, where it was taken, and the truth about it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "captures"
SLOWEST_S = 120


@dataclass(frozen=True)
class Case:
    """One capture of a recording; `where` it was taken: client, server or mirror."""

    name: str
    where: str
    capture: Path
    truth: dict[str, Any]

    @property
    def first(self) -> list[dict[str, Any]]:
        """The findings of which one must be the top one: id, direction, measure, tolerance. None for a clean case."""
        return list(self.truth["expected"][self.where]["first"])

    @property
    def also(self) -> list[str]:
        """The ids that may follow it."""
        return list(self.truth["expected"][self.where]["also"])

    def __str__(self) -> str:
        return f"{self.name}-{self.where}-seed-{self.truth['seed']}"


def cases(recording: Path) -> list[Case]:
    """The captures of one recording, by the folder that holds them."""
    truth = json.loads((recording / "truth.json").read_text())
    return [Case(recording.name, where, recording / f"{where}.pcap", truth) for where in truth["expected"]]


def kept() -> list[Case]:
    """Every recording in tests/captures."""
    return [case for truth in sorted(KEPT.glob("*/truth.json")) for case in cases(truth.parent)]


def record_afresh(name: str, seed: int, folder: Path) -> list[Case]:
    """Record a scenario in a process of its own: forking is no good idea where other threads run."""
    command = [sys.executable, "-m", "tests.traffic", "--scenario", name, "--seed", str(seed), "-o", str(folder)]
    # A sanitizer that was preloaded for us would only slow the link down.
    environment = {name: value for name, value in os.environ.items() if name not in {"LD_PRELOAD", "PYTHONMALLOC"}}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=SLOWEST_S
    )
    if done.returncode:
        raise RuntimeError(f"recording {name} with seed {seed} failed:\n{done.stderr}")
    return cases(folder / name)
