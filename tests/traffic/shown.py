"""Whether a recording holds what its scenario promised, as tshark sees it."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def counts(capture: Path, display_filters: Sequence[str]) -> list[int]:
    """How many packets of a capture each display filter shows; none of them may hold a comma.

    Not counted are packets whose dissection fails at the snap length (ICMP errors, which quote): keep those longer.
    """
    command = ["tshark", "-n", "-q", "-r", str(capture), "-z", ",".join(["io,stat,0", *display_filters])]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # One row for the whole time: | from <> to | frames | bytes | frames | bytes | …
    row = next(line for line in said.splitlines() if "<>" in line)
    cells = [int(cell) for cell in row.split("|")[2:] if cell.strip()]
    return cells[::2]


def broken_promises(folder: Path, truth: Mapping[str, Any]) -> list[str]:
    """A sentence for each filter of the truth that shows fewer or more packets than it must."""
    broken = []
    for name, filters in truth["shows"].items():
        found = counts(folder / f"{name}.pcap", list(filters))
        for (display_filter, (least, most)), number in zip(filters.items(), found, strict=True):
            if number < least or (most is not None and number > most):
                wanted = f"{least} to {most}" if most is not None else f"at least {least}"
                broken.append(f"{name}: {number} packets match `{display_filter}`, expected {wanted}")
    return broken
