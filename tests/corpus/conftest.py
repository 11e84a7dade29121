"""The corpus as a list: every capture with what tshark recorded about it."""

import gzip
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

# capinfos' names of the formats that are packet captures in the sense of this project.
CAPTURE_TYPES = {"pcap", "nsecpcap", "pcapng", "modpcap", "rh6_1pcap", "rf5pcap", "nokiapcap"}


@dataclass(frozen=True)
class CorpusFile:
    """One capture. name: path below ../shared/captures.  entry: its line in golden's INDEX.json."""

    name: str
    path: Path
    golden: Path
    entry: dict[str, Any]

    @property
    def table(self) -> Path | None:
        """tshark's packets; None where it could read none."""
        table = self.golden / f"{self.name}.packets.tsv.gz"
        return table if table.exists() else None

    @cached_property
    def summary(self) -> dict[str, Any]:
        """tshark's statistics."""
        with gzip.open(self.golden / f"{self.name}.json.gz", "rt", encoding="utf-8") as document:
            return dict(json.load(document))

    @property
    def type(self) -> str:
        """capinfos' name of the format without the remark about compression; empty where it has none."""
        return (self.summary["capinfos"].get("type") or "").partition(" (")[0]

    @property
    def is_capture(self) -> bool:
        """Whether tshark read the file as pcap or pcapng, to its end or to where it is damaged."""
        # capinfos gives a damaged file no type; tshark names the format in its complaint.
        error = self.entry["error"] or ""
        named = self.type or next((kind for kind in ("pcapng", "pcap") if f"({kind}: " in error), "")
        return self.entry["status"] != "error" and named in CAPTURE_TYPES


@pytest.fixture(scope="session")
def corpus(captures: Path, golden: Path) -> list[CorpusFile]:
    files = json.loads((golden / "INDEX.json").read_text())["files"]
    return [CorpusFile(name, captures / name, golden, entry) for name, entry in sorted(files.items())]
