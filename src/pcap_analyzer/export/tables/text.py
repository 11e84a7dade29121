"""What CSV and JSON Lines have in common: every value as text, without a Python object per row.

Times are ISO 8601 in UTC with nine digits, durations whole nanoseconds: nothing passes through a float.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

TIME_DIGITS = 10  # of the date; behind it Arrow writes a space where ISO 8601 has a T


def value_text(column: pa.Array) -> pa.Array:
    """The values as strings; null stays null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return value_text(column.dictionary).take(column.indices)
    if pa.types.is_timestamp(kind):
        return pc.binary_replace_slice(
            column.cast(pa.string()), start=TIME_DIGITS, stop=TIME_DIGITS + 1, replacement="T"
        )
    if pa.types.is_duration(kind):
        return column.cast(pa.int64()).cast(pa.string())
    return column.cast(pa.string())


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are text already, to be quoted."""
    return bool(pa.types.is_string(kind) or (pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type)))


def compressed(sink: pa.NativeFile, compression: str) -> pa.NativeFile:
    """The sink, or one that compresses what goes into it."""
    return sink if compression == "none" else pa.CompressedOutputStream(sink, compression)
