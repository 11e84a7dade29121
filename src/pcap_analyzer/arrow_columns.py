"""Parts of Arrow columns that more than one table is made of: bitmaps of what is absent, words, addresses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer.address_keys import address_keys
from pcap_analyzer.addresses import key_octets
from pcap_analyzer.schema import WORD, arrow_type

Mask = NDArray[np.bool_]
LONGEST = 65536  # rows of a batch


def values_column(values: NDArray[Any], kind: str, present: Mask | None) -> pa.Array:
    """A column of the type `kind` (schema.py) from one value a row; null where not present, None: nowhere."""
    rows = len(values)
    if kind == "bool":
        values = np.packbits(values.astype(bool), bitorder="little")
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(arrow_type(kind), rows, [bitmap(present), data])


def bitmap(present: Mask | None) -> pa.Buffer | None:
    """Arrow's validity bitmap; None where every row is valid."""
    return None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))


def text_array(texts: Sequence[str]) -> pa.StringArray:
    """Texts as an Arrow array. (pa.array would import pandas where that is installed: half a second.)"""
    return encoded_array([text.encode() for text in texts])


def encoded_array(encoded: Sequence[bytes]) -> pa.StringArray:
    """The same of texts that are encoded already."""
    ends = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=ends[1:])
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def words(texts: Sequence[str], indices: NDArray[Any], present: Mask | None = None) -> pa.DictionaryArray:
    """A dictionary column from a small table of texts and one index per row."""
    data = pa.py_buffer(np.ascontiguousarray(indices, np.int32))
    rows = pa.Array.from_buffers(pa.int32(), len(indices), [bitmap(present), data])
    return pa.DictionaryArray.from_arrays(rows, text_array(texts))


def table_words(texts: Sequence[str], rows: NDArray[Any]) -> pa.DictionaryArray:
    """A dictionary column in which row r has the text number `rows[r]`; empty texts are null."""
    different = sorted(set(texts) - {""})
    if not different:
        return no_words(len(rows))
    number = {word: index for index, word in enumerate(different)}
    indices = np.array([number.get(text, -1) for text in texts], np.int32)[rows]
    present = indices >= 0
    if present.all():
        return words(different, indices)
    return words(different, np.where(present, indices, 0), present)


def octets(addresses: NDArray[np.void]) -> NDArray[np.uint8]:
    """(n,) values of 16 bytes as (n, 16) octets, out of the records in one copy."""
    return np.ascontiguousarray(addresses).view(np.uint8).reshape(len(addresses), 16)


def address_words(
    addresses: NDArray[np.uint8], ip_version: NDArray[np.uint8], present: Mask | None
) -> pa.DictionaryArray:
    """A dictionary column in which every different address is written once, by first appearance."""
    keys = address_keys(addresses, ip_version)
    buffers = [bitmap(present), pa.py_buffer(keys.reshape(-1))]
    encoded = pa.Array.from_buffers(pa.binary(keys.shape[1]), len(keys), buffers).dictionary_encode()
    texts = [key_octets(key) for key in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded_array(texts))


@lru_cache(1)
def _no_words(rows: int) -> pa.DictionaryArray:
    return pa.nulls(rows, arrow_type(WORD))


def no_words(rows: int) -> pa.DictionaryArray:
    """A dictionary column without a value; all share the memory of the longest."""
    return _no_words(max(rows, LONGEST)).slice(0, rows)
