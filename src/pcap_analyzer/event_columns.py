"""Events of TCP as record batches of the public `tcp_events` table.

The engine keeps one record per event (`tcp_event_t`); here each of its fields becomes an Arrow column, with its nulls.
Imports pyarrow: only who asks for tables comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer.arrow_columns import Mask, values_column, words
from pcap_analyzer.schema import CAUSES, FILLS, TCP_EVENT_KINDS, TCP_EVENTS, arrow_schema

# has_t of native/events.pxd
TIMED, EXPECTED, FOUND, CAUSE, FILL, FROM_CLIENT = 1, 2, 4, 8, 16, 32

type_of = {one.name: one.kind for one in TCP_EVENTS.fields}
Events = NDArray[np.void]


def event_batch(events: Events, columns: tuple[str, ...] | None = None) -> pa.RecordBatch:
    """The `tcp_events` columns of (n,) tcp_event_t, or those asked for.

    Raises KeyError for a column the table does not have.
    """
    schema = arrow_schema(TCP_EVENTS, columns)
    return pa.RecordBatch.from_arrays([_column(events, name) for name in schema.names], schema=schema)


def _column(events: Events, name: str) -> pa.Array:
    """One column: its values with its own nulls."""
    present = PRESENT[name](events) if name in PRESENT else None
    if name in WORDS:
        return words(WORDS[name], events[name], present)
    values = _having(FROM_CLIENT, events) if name == "from_client" else events[name]
    return values_column(values, type_of[name], present)


def _having(bits: int, events: Events) -> Mask:
    """Rows with any of these bits in `has`."""
    mask: Mask = events["has"] & bits != 0
    return mask


def _not_zero(name: str, events: Events) -> Mask:
    mask: Mask = events[name] != 0
    return mask


WORDS: dict[str, Sequence[str]] = {"event": TCP_EVENT_KINDS, "cause": CAUSES, "fill": FILLS}
PRESENT: dict[str, Callable[[Events], Mask]] = {
    "timestamp": partial(_having, TIMED),
    "expected": partial(_having, EXPECTED),
    "found": partial(_having, FOUND),
    "cause": partial(_having, CAUSE),
    "fill": partial(_having, FILL),
    "threshold": partial(_not_zero, "threshold"),
    "since": partial(_not_zero, "threshold"),
    "delay": lambda events: _having(CAUSE, events) & _not_zero("repeats_frame", events),
    "duplicate_number": partial(_not_zero, "duplicate_number"),
    **{
        name: partial(_not_zero, name)
        for name in ("repeats_frame", "answers_frame", "acks_frame", "since_frame", "needless_frame")
    },
}
