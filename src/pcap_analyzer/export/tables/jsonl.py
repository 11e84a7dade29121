"""JSON Lines: one object a row, every column in each, null where a value is absent."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pcap_analyzer.export.tables.text import compressed, is_text, value_text

# Arrow has no JSON writer. What has to be escaped is rare: only those texts are looked at one by one.
UNSAFE = r'[\x00-\x1f"\\\x7f]'


class Writer:
    """See TableWriter."""

    def __init__(self, sink: pa.NativeFile, schema: pa.Schema, compression: str) -> None:
        self._sink = compressed(sink, compression)
        names = [json.dumps(name, ensure_ascii=False) for name in schema.names]
        self._keys = [f"{',' if number else '{'}{name}:" for number, name in enumerate(names)]

    def write(self, group: pa.Table) -> None:
        for batch in group.to_batches():
            if batch.num_rows:
                self._sink.write(_lines(self._keys, batch))

    def close(self) -> None:
        self._sink.close()


def _lines(keys: list[str], batch: pa.RecordBatch) -> pa.Buffer:
    """The rows of a batch, one behind the other, as Arrow keeps the strings of a column."""
    parts: list[pa.Array | pa.Scalar] = []
    for key, column in zip(keys, batch.columns, strict=True):
        parts += [pa.scalar(key), pc.fill_null(_json(column), "null")]
    lines = pc.binary_join_element_wise(*parts, pa.scalar("}\n"), pa.scalar(""))
    return lines.buffers()[2]


def _json(column: pa.Array) -> pa.Array:
    """Each value as JSON; null stays null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _json(column.dictionary).take(column.indices)
    if is_text(kind):
        return _quoted(column)
    if pa.types.is_nested(kind):
        dumps = partial(json.dumps, ensure_ascii=False, default=_word)
        return pa.array([None if value is None else dumps(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_floating(kind):  # JSON has no infinity
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
    text = value_text(column)
    is_word = pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind)
    return _in_quotes(text) if is_word else text


def _quoted(texts: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(texts, UNSAFE)).as_py():
        dumps = partial(json.dumps, ensure_ascii=False)
        return pa.array([None if text is None else dumps(text) for text in texts.to_pylist()], pa.string())
    return _in_quotes(texts)


def _in_quotes(texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar('"'), texts, pa.scalar('"'), pa.scalar(""))


def _word(value: object) -> float | str:
    """What JSON has no form for, inside of a list: a decimal number, a time."""
    return float(value) if isinstance(value, Decimal) else str(value)
