"""What is taken out of a capture once it was analysed: its tables, the packets of one flow, one flow as a capture.

The same rule as for analyses holds: hostile bytes are read in a process of its own with limits (`extraction`).
"""

from pathlib import Path
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from pcap_analyzer.jobs.model import Count, Sentence
from pcap_analyzer.schema import TABLES

KEPT_TABLES = tuple(name for name in TABLES if name != "packets")
"""Tables that are written for every analysis. Packets would take as much room as the capture: they are read by flow."""
PACKETS, SLICE = "packets", "pcapng"
"""What is taken of one flow: its rows of the table, its records."""


class Taking(Struct, frozen=True):
    """One run of the process.

    files: by what they shall hold, one of KEPT_TABLES, or PACKETS or SLICE of the flow `flow_id`.  filename: as the
    user called the capture.  name: by which Extractor.end knows it.
    """

    capture: Path
    filename: str
    files: dict[str, Path]
    flow_id: int | None = None
    name: str = ""


class TakingOrder(Struct, frozen=True):
    """A taking and what the process may use for it. flow_limit: flows that are held in memory."""

    taking: Taking
    memory_bytes: int
    cpu_seconds: int
    threads: int
    flow_limit: int


class Taken(Struct, frozen=True, tag="taken"):
    """The files are written; rows: how many each has."""

    rows: Annotated[dict[Annotated[str, Meta(max_length=50)], Count], Meta(max_length=50)]


class NotTaken(Struct, frozen=True, tag="not_taken"):
    """There are no files; `reason` is a sentence for the user. stopped: only because the service ends."""

    reason: Sentence
    stopped: bool = False


class Extractor(Protocol):
    """Runs takings apart from this process."""

    def take(self, taking: Taking) -> Taken | NotTaken:
        """Fill the files; block until that has ended.

        Whatever the capture does to the process comes back as NotTaken. Safe to call from several threads.
        """

    def end(self, name: str) -> None:
        """End the run of the taking of that name; of no effect when there is none. From any thread."""

    def stop(self) -> None:
        """End every run, now and later, as stopped. From any thread."""
