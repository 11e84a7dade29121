"""What the name of an output says of its format and compression."""

from __future__ import annotations

import os

from pcap_analyzer.errors import ExportError
from pcap_analyzer.export.tables import TABLE_EXPORTERS

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
FORMATS = {
    **{exporter.suffix: form for form, exporter in TABLE_EXPORTERS.items()},
    **{f".{form}": form for form in TABLE_EXPORTERS},
    ".ndjson": "jsonl",
}


def form_of(output: str | None, form: str | None, compression: str | None) -> tuple[str, str]:
    """Format and compression of an output: what was asked for, else what its name ends in, else what is usual.

    output: None, "-" and names without an ending mean Parquet.  Raises ExportError for an ending that says nothing, and
    for a compression that the format does not have.
    """
    name = "" if output is None else os.path.basename(output)
    base, last = os.path.splitext(name)
    packed = COMPRESSIONS.get(last.lower()) if os.path.splitext(base)[1] else None
    ending = (os.path.splitext(base)[1] if packed else last).lower()
    if form is None:
        if ending and ending not in FORMATS and output != os.devnull:
            raise ExportError(f"{name} does not say which format: choose --format {', '.join(TABLE_EXPORTERS)}")
        form = FORMATS.get(ending, "parquet")
    exporter = TABLE_EXPORTERS[form]
    if compression is None:
        compression = packed if packed in exporter.compressions else exporter.compressions[0]
    if compression not in exporter.compressions:
        raise ExportError(
            f"{form} cannot be compressed with {compression!r}; choose {', '.join(exporter.compressions)}"
        )
    return form, compression
