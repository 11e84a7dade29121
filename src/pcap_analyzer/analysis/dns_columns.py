"""DNS transactions of the engine as record batches of the public `dns` table.

Imports pyarrow: only who asks for tables comes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer._native.dns_table import dns_row_layout
from pcap_analyzer.analysis.dns import OPEN_NS, SERVICES, DnsTable
from pcap_analyzer.arrow_columns import Mask, address_words, bitmap, octets, values_column, words
from pcap_analyzer.iana import dns_rcode_name, dns_type_name
from pcap_analyzer.schema import DNS, arrow_schema

# dns_state_t of native/dns_out.pxd
ASKED, ANSWERED, MULTICAST, ASKED_TIMED, LAST_TIMED, ANSWERED_TIMED = 1, 2, 4, 8, 16, 32
AUTHORITATIVE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x400, 0x200, 0x100, 0x80
STATUS = ("answered", "unanswered", "open", "no_query", "multicast")
TRANSPORT = ("udp", "tcp")
TCP = 6

type_of = {one.name: one.kind for one in DNS.fields}


@dataclass(frozen=True)
class DnsBatch:
    """Some transactions as the engine hands them over.

    rows: (n,) dns_row_t.  ends: (n,) int32, where each name ends in `texts`.  texts: ASCII.
    end_ns: time of the capture's last packet; None: no packet has one.
    """

    rows: NDArray[np.void]
    ends: NDArray[np.int32]
    texts: bytes
    end_ns: int | None


def dns_batches(table: DnsTable, columns: tuple[str, ...] | None, batch_size: int) -> pa.RecordBatchReader:
    """The table's columns asked for. Raises KeyError for one that it does not have."""
    schema = arrow_schema(DNS, columns)
    layout: Any = dns_row_layout()
    row = np.dtype(layout)
    batches = (
        dns_batch(DnsBatch(np.frombuffer(rows, row), np.frombuffer(ends, np.int32), texts, table.end_ns), schema)
        for rows, ends, texts in table.read(batch_size)
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def dns_batch(batch: DnsBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch's columns, those of the schema."""
    return pa.RecordBatch.from_arrays([_column(batch, name) for name in schema.names], schema=schema)


def _column(batch: DnsBatch, name: str) -> pa.Array:
    """One column: its values with its own nulls."""
    if name in MADE:
        return MADE[name](batch)
    values = VALUES[name](batch.rows) if name in VALUES else batch.rows[name]
    present = PRESENT[name](batch.rows) if name in PRESENT else None
    return values_column(values, type_of[name], present)


Values = Callable[[NDArray[np.void]], NDArray[Any]]


def _having(bits: int, rows: NDArray[np.void]) -> Mask:
    """Rows with all of these bits in `state`."""
    mask: Mask = rows["state"] & bits == bits
    return mask


def _flag(field: str, bit: int, rows: NDArray[np.void]) -> Mask:
    mask: Mask = rows[field] & bit != 0
    return mask


def _named(rows: NDArray[np.void]) -> Mask:
    """Rows whose question was captured."""
    mask: Mask = rows["name_length"] != 0
    return mask


def _opcode(rows: NDArray[np.void]) -> NDArray[np.uint8]:
    flags = np.where(_having(ASKED, rows), rows["query_flags"], rows["response_flags"])
    return (flags >> 11 & 15).astype(np.uint8)


# Where a column is not simply the field of the same name.
VALUES: dict[str, Values] = {
    "frame_number": lambda rows: rows["frame"],
    "timestamp": lambda rows: rows["time"],
    "transaction_id": lambda rows: rows["id"],
    "opcode": _opcode,
    "query_type": lambda rows: rows["type"],
    "query_class": lambda rows: rows["question_class"],
    "rcode": lambda rows: (rows["response_flags"] & 15).astype(np.uint8),
    "latency": lambda rows: rows["response_time"] - rows["time"],
    "retry_latency": lambda rows: rows["response_time"] - rows["last_time"],
    "extra_responses": lambda rows: rows["repeats"],
    "authoritative": partial(_flag, "response_flags", AUTHORITATIVE),
    "truncated": partial(_flag, "response_flags", TRUNCATED),
    "recursion_desired": partial(_flag, "query_flags", RECURSION_DESIRED),
    "recursion_available": partial(_flag, "response_flags", RECURSION_AVAILABLE),
}

answered, asked = partial(_having, ANSWERED), partial(_having, ASKED)
PRESENT: dict[str, Callable[[NDArray[np.void]], Mask]] = {
    **dict.fromkeys(("response_frame", "rcode", "answers", "response_bytes"), answered),
    **dict.fromkeys(("authoritative", "truncated", "recursion_available"), answered),
    **dict.fromkeys(("recursion_desired", "query_bytes"), asked),
    **dict.fromkeys(("query_type", "query_class"), _named),
    "timestamp": partial(_having, ASKED_TIMED),
    "latency": partial(_having, ASKED_TIMED | ANSWERED_TIMED),
    "retry_latency": partial(_having, LAST_TIMED | ANSWERED_TIMED),
}


def _name(batch: DnsBatch) -> pa.StringArray:
    """The names, whose text is already one behind the other."""
    offsets = np.concatenate((np.zeros(1, np.int32), batch.ends))
    buffers = [bitmap(_named(batch.rows)), pa.py_buffer(offsets), pa.py_buffer(batch.texts)]
    return pa.Array.from_buffers(pa.string(), len(batch.rows), buffers)


def _numbered(name_of: Callable[[int], str], numbers: NDArray[Any], present: Mask) -> pa.DictionaryArray:
    """Names of numbers, each written once."""
    different, indices = np.unique(numbers, return_inverse=True)
    return words([name_of(int(number)) for number in different], indices, present)


def _status(batch: DnsBatch) -> pa.DictionaryArray:
    rows = batch.rows
    unanswered = np.full(len(rows), STATUS.index("unanswered"))
    if batch.end_ns is not None:
        waited = batch.end_ns - rows["last_time"]
        unanswered[_having(LAST_TIMED, rows) & (waited < OPEN_NS)] = STATUS.index("open")
    answered_ones = np.where(asked(rows), STATUS.index("answered"), STATUS.index("no_query"))
    found = np.where(answered(rows), answered_ones, unanswered)
    return words(STATUS, np.where(_having(MULTICAST, rows), STATUS.index("multicast"), found))


def _address(name: str, batch: DnsBatch) -> pa.DictionaryArray:
    """An address of the transaction's packets."""
    return address_words(octets(batch.rows[name]), batch.rows["ip_version"], None)


def _first_address(batch: DnsBatch) -> pa.DictionaryArray:
    version = batch.rows["address_version"]
    return address_words(octets(batch.rows["address"]), version, version != 0)


MADE: dict[str, Callable[[DnsBatch], pa.Array]] = {
    "service": lambda batch: words(SERVICES, batch.rows["service"]),
    "transport": lambda batch: words(TRANSPORT, batch.rows["transport"] == TCP),
    "client": partial(_address, "client"),
    "resolver": partial(_address, "resolver"),
    "query_name": _name,
    "query_type_name": lambda batch: _numbered(dns_type_name, batch.rows["type"], _named(batch.rows)),
    "status": _status,
    "rcode_name": lambda batch: _numbered(dns_rcode_name, batch.rows["response_flags"] & 15, answered(batch.rows)),
    "first_address": _first_address,
}
