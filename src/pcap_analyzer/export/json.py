"""The report as JSON, and back: the versioned contract of `report.model`."""

from __future__ import annotations

from functools import cache

import msgspec

from pcap_analyzer.report.model import Report


def encode(report: Report) -> bytes:
    """Compact UTF-8 JSON on one line, fields in the model's order."""
    return msgspec.json.encode(report)


def decode(data: bytes) -> Report:
    """The report that `encode` wrote; unknown fields are ignored. Raises msgspec.ValidationError if it is none."""
    return _decoder().decode(data)


@cache
def _decoder() -> msgspec.json.Decoder[Report]:
    # Made when it is asked for: making it takes longer than encoding a report, which is all that `analyze` does.
    return msgspec.json.Decoder(Report)
