"""What happened to uploads and analyses, for those who count or record it."""

from collections.abc import Callable

from msgspec import Struct

from pcap_analyzer.jobs.model import Analysis


class Event(Struct, frozen=True):
    """Something that is durable already. type: stable, as "analysis.started".

    analysis: as it was after it; None where there is none any more.  cause: of the type's reasons which, stable too.
    size_bytes: what came, where bytes came.  files: how many, where it is about files.
    """

    type: str
    analysis_id: str | None = None
    analysis: Analysis | None = None
    reason: str | None = None
    cause: str | None = None
    size_bytes: int = 0
    files: int = 0


Listener = Callable[[Event], None]
