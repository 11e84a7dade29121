"""How many processors this process may use: what it is pinned to, and what its container's quota allows of that.

A container that may use two of 64 processors sees all 64; so many workers would take turns, and exceed its memory.
"""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def available_cores(root: Path = ROOT) -> int:
    """At least 1. root: where /proc and /sys are."""
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = (quota for folder in _groups(root) if (quota := _quota(folder)) is not None)
    # Half a processor more is worth no worker: it would be stopped for half of every tenth of a second.
    return max(1, min(pinned, int(min(quotas, default=pinned))))


def _groups(root: Path) -> Iterator[Path]:
    """Folders of the control groups that this process is in, each with those above it: all of their quotas hold.

    A container sees its own group as the root, whatever its path is said to be: what is missing is passed over.
    """
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / controllers
        parts = [part for part in path.split("/") if part not in {"", ".."}]
        for depth in range(len(parts) + 1):
            yield mount.joinpath(*parts[:depth])


def _quota(folder: Path) -> float | None:
    """Processors that a group may use, by version 2 of control groups or by version 1; None for no limit."""
    words = " ".join(_lines(folder / "cpu.max")).split()
    if not words:
        words = [*_lines(folder / "cpu.cfs_quota_us"), *_lines(folder / "cpu.cfs_period_us")]
    # Without a limit, the first is "max" or -1.
    if len(words) != 2 or not all(word.isdecimal() for word in words) or not int(words[1]):
        return None
    return int(words[0]) / int(words[1])


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, ValueError):
        return []
