"""A comparison in words and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from pcap_analyzer.comparison.model import ColumnAgreement, Comparison, Difference, Unmatched


def as_text(comparison: Comparison) -> str:
    """A table with one line per column, the differing frames below it, and the summary as the last line."""
    lines = [f"{'column':<28}{'compared':>12}{'equal':>12}{'agreement':>12}  {'explained':>10}{'different':>10}"]
    lines += [_line(column) for column in comparison.columns.values()]
    lines += _missing("in tshark's answer alone", comparison.only_theirs)
    lines += _missing("in ours alone", comparison.only_ours)
    lines += [line for column in comparison.columns.values() for line in _differences(column)]
    if comparison.message:
        lines.append(f"tshark says: {comparison.message}")
    return "\n".join([*lines, summary(comparison)])


def summary(comparison: Comparison) -> str:
    """The outcome in one sentence."""
    explained = sum(column.explained.total() for column in comparison.columns.values())
    different = sum(column.different for column in comparison.columns.values())
    missing = comparison.only_ours.count + comparison.only_theirs.count
    begin = f"{comparison.name}: {comparison.packets:,} packets"
    if comparison.agrees and not explained:
        return f"{begin}, every column equals tshark's"
    if comparison.agrees:
        return f"{begin}, equal but for {explained:,} values with a known reason"
    return (
        f"{begin}, {different:,} values differ for no known reason, {explained:,} for a known one, "
        f"{missing:,} packets on one side alone"
    )


def as_json(comparison: Comparison) -> str:
    """The same as a JSON document."""
    return json.dumps(
        {
            "name": comparison.name,
            "packets": comparison.packets,
            "agrees": comparison.agrees,
            "only_ours": dataclasses.asdict(comparison.only_ours),
            "only_theirs": dataclasses.asdict(comparison.only_theirs),
            "tshark_message": comparison.message,
            "columns": [_column(column) for column in comparison.columns.values()],
        },
        indent=2,
    )


def _column(column: ColumnAgreement) -> dict[str, Any]:
    return {
        "name": column.name,
        "compared": column.compared,
        "equal": column.equal,
        "agreement_percent": round(column.agreement, 4),
        "different": column.different,
        "explained": dict(column.explained),
        "differences": [dataclasses.asdict(one) for one in column.differences],
    }


def _line(column: ColumnAgreement) -> str:
    return (
        f"{column.name:<28}{column.compared:>12,}{column.equal:>12,}{_percent(column):>12}  "
        f"{column.explained.total():>10,}{column.different:>10,}"
    )


def _percent(column: ColumnAgreement) -> str:
    """Never rounded up to 100 %."""
    if column.equal == column.compared:
        return "100 %"
    return f"{int(column.agreement * 1000) / 1000:.3f} %"


def _missing(where: str, frames: Unmatched) -> Iterator[str]:
    if frames.count:
        more = " …" if frames.count > len(frames.first) else ""
        yield f"{frames.count:,} frames {where}: {', '.join(map(str, frames.first))}{more}"


def _differences(column: ColumnAgreement) -> Iterator[str]:
    """The first frames that differ, by reason."""
    for name, count in column.explained.items():
        yield f"{column.name}: {count:,} explained: {name}"
    for one in column.differences:
        if one.reason is None:
            yield _difference(column.name, one)


def _difference(column: str, one: Difference) -> str:
    return f"{column}: frame {one.frame_number}: ours {_shown(one.ours)}, tshark {_shown(one.theirs)} ({one.layers})"


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
