"""The flows of a capture as record batches of the public `flows` table.

The scanner gives one record a flow (`flow_row_t`), joined of what was written out and what is live; here its fields
become Arrow columns, a batch of rows at a time. Imports numpy and pyarrow: only who asks for tables comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pcap_analyzer._native.rows import flow_community_ids, flow_row_layout
from pcap_analyzer.analysis.flows import (
    ENDED,
    KIND_SCTP,
    KIND_TCP,
    KIND_UDP,
    NO_NUMBER,
    NO_TIME,
    NO_VLAN,
    STATES,
    FlowTable,
)
from pcap_analyzer.analysis.tcp import CAUSE_ORDER, FILL_ORDER, LIMIT_ORDER
from pcap_analyzer.arrow_columns import Mask, address_words, octets, table_words, values_column, words
from pcap_analyzer.schema import FLAGS, FLOWS, MARKS, OTHER_SIDE, Field, arrow_schema, arrow_type
from pcap_analyzer.tunnels import tunnel_name

COMMUNITY_SIZE = 30  # characters
NO_SCALE = 0xFF
OPTION_SACK_PERMITTED, OPTION_TIMESTAMPS, OPTIONS_CUT = 4, 8, 64  # tcp_option_t of native/packet.pxd
FLAG_SYN = FLAGS.index("syn")

layout: Any = flow_row_layout()
FLOW = np.dtype(layout)

Rows = NDArray[np.void]
Values = Callable[[Rows], NDArray[Any]]
Present = Callable[[Rows], Mask]


def flow_batches(table: FlowTable, columns: tuple[str, ...] | None, batch_size: int) -> pa.RecordBatchReader:
    """All flows in order of flow_id. Raises KeyError for a column that the table does not have."""
    schema = arrow_schema(FLOWS, columns)
    tunnels = [tunnel_name(path) for path in table.paths]
    chosen = [(FLOWS[name], COLUMNS.get(name)) for name in schema.names]

    def column(field: Field, make: Callable[[Rows, Field], pa.Array] | None, rows: Rows) -> pa.Array:
        return table_words(tunnels, rows["path"]) if make is None else make(rows, field)

    def batches() -> Iterator[pa.RecordBatch]:
        for data in table.read(batch_size):
            rows = np.frombuffer(data, FLOW)
            yield pa.RecordBatch.from_arrays([column(field, make, rows) for field, make in chosen], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


# ---------------------------------------------------------------- values and what stands for none


def _field(name: str, rows: Rows, at: int | None = None) -> NDArray[Any]:
    """A field of the rows, or one of its places."""
    values: NDArray[Any] = rows[name]
    return values if at is None else values[:, at]


def _is_tcp(rows: Rows) -> Mask:
    mask: Mask = rows["kind"] == KIND_TCP
    return mask


def _has_ports(rows: Rows) -> Mask:
    return np.isin(rows["kind"], (KIND_TCP, KIND_UDP, KIND_SCTP))


def _other_than(missing: int, name: str, rows: Rows) -> Mask:
    mask: Mask = rows[name] != missing
    return mask


def _has_syn(side: str, rows: Rows) -> Mask:
    mask: Mask = rows[f"{side}_flags"][:, FLAG_SYN] != 0
    return mask


def _with_option(bit: int, side: str, rows: Rows) -> NDArray[Any]:
    return np.asarray(rows[f"{side}_options"] & bit != 0)


def _knows_option(bit: int, side: str, rows: Rows) -> Mask:
    """Where the SYN says it, or all of its options were captured."""
    mask: Mask = _has_syn(side, rows) & (rows[f"{side}_options"] & (bit | OPTIONS_CUT) != OPTIONS_CUT)
    return mask


def _mean(total: str, count: str, rows: Rows) -> NDArray[Any]:
    """Whole numbers, rounded down; 0 of none."""
    return np.asarray(rows[total] // np.maximum(rows[count], 1)).astype(np.int64)


def _mean_size(side: str, rows: Rows) -> NDArray[Any]:
    return np.asarray(rows[f"{side}_bytes"] / np.maximum(rows[f"{side}_packets"], 1))


def _not_negative(name: str, rows: Rows) -> Mask:
    mask: Mask = rows[name] >= 0
    return mask


def _duration(rows: Rows) -> NDArray[Any]:
    return np.asarray(rows["last_ns"] - rows["first_ns"])


def _column(values: Values, present: Present | None, rows: Rows, field: Field) -> pa.Array:
    wanted = NUMPY[field.kind]
    return values_column(values(rows).astype(wanted, copy=False), field.kind, present and present(rows))


NUMPY = {
    "bool": np.bool_,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "float64": np.float64,
    **{one.kind: np.int64 for one in FLOWS.fields if one.kind.startswith(("timestamp", "duration"))},
}


# ---------------------------------------------------------------- texts


def _address(name: str, rows: Rows, _: Field) -> pa.DictionaryArray:
    return address_words(octets(rows[name]), rows["ip_version"], None)


def _word(texts: tuple[str | None, ...], name: str, rows: Rows, _: Field) -> pa.DictionaryArray:
    """A word by its number; the first stands for none."""
    indices = rows[name]
    return words([text or "" for text in texts], indices, indices != 0)


def _history(rows: Rows, field: Field) -> pa.Array:
    texts: NDArray[np.bytes_] = np.ascontiguousarray(rows["history"])
    lengths = np.char.str_len(texts)
    taken = np.arange(texts.dtype.itemsize) < lengths[:, None]
    letters = texts.view(np.uint8).reshape(len(texts), -1)[taken]
    return _strings(letters, lengths, field, None)


def _community(rows: Rows, field: Field) -> pa.Array:
    letters = np.frombuffer(flow_community_ids(rows.view(np.uint8)), np.uint8).reshape(len(rows), COMMUNITY_SIZE)
    present = letters[:, 0] != 0
    return _strings(letters[present].reshape(-1), np.where(present, COMMUNITY_SIZE, 0), field, present)


def _strings(letters: NDArray[np.uint8], lengths: NDArray[Any], field: Field, present: Mask | None) -> pa.Array:
    """A column of strings from their letters one behind the other, and the length of each."""
    ends = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    column = values_column(ends, "uint32", None)
    validity = None if present is None else values_column(present, "bool", None).buffers()[1]
    buffers = [validity, column.buffers()[1], pa.py_buffer(np.ascontiguousarray(letters))]
    return pa.Array.from_buffers(arrow_type(field.kind), len(lengths), buffers)


# ---------------------------------------------------------------- which column is what

Make = Callable[[Rows, Field], pa.Array]


def _plain(name: str, present: Present | None = None, at: int | None = None) -> Make:
    return partial(_column, partial(_field, name, at=at), present)


def _option(bit: int, side: str) -> Make:
    return partial(_column, partial(_with_option, bit, side), partial(_knows_option, bit, side))


def _side(side: str) -> dict[str, Make]:
    """The columns of one direction. Round trips to a side are those of what the other side sent."""
    other = OTHER_SIDE[side]
    measured, stamped = (partial(_other_than, 0, f"{other}_{name}_samples") for name in ("rtt", "stamped"))
    delayed = partial(_other_than, 0, f"{side}_delays")
    windows, sent = (partial(_other_than, 0, f"{side}_{name}") for name in ("windows", "packets"))
    same = {"spurious_dsack", "spurious_timestamps", "unique_bytes", "missed_bytes", "zero_window_periods"}
    renamed = {
        "zero_window_periods": "zero_periods",
        "zero_window_time": "zero_ns",
        "retransmitted_bytes": "repeated_bytes",
        "seen_twice_bytes": "again_bytes",
        "missed_acknowledged_bytes": "missed_acknowledged",
    }
    columns: dict[str, Make] = {
        **{name: _plain(f"{side}_{name}") for name in ("packets", "bytes", "payload_bytes")},
        **{flag: _plain(f"{side}_flags", _is_tcp, at) for at, flag in enumerate(FLAGS)},
        **{mark: _plain(f"{side}_marks", _is_tcp, at) for at, mark in enumerate(MARKS)},
        **{f"repeats_{cause}": _plain(f"{side}_causes", _is_tcp, at) for at, cause in enumerate(CAUSE_ORDER)},
        **{f"fills_{fill}": _plain(f"{side}_fills", _is_tcp, at) for at, fill in enumerate(FILL_ORDER)},
        **{f"{limit}_limited": _plain(f"{side}_limits_ns", _is_tcp, at) for at, limit in enumerate(LIMIT_ORDER)},
        **{name: _plain(f"{side}_{renamed.get(name, name)}", _is_tcp) for name in {*same, *renamed}},
        **{f"window_{which}": _plain(f"{side}_window_{which}", windows) for which in ("min", "max", "last")},
        "size_min": _plain(f"{side}_shortest", sent),
        "size_mean": partial(_column, partial(_mean_size, side), sent),
        "size_max": _plain(f"{side}_longest", sent),
        "size_stddev": _plain(f"{side}_size_stddev", partial(_not_negative, f"{side}_size_stddev")),
        "mss": _plain(f"{side}_mss", partial(_other_than, 0, f"{side}_mss")),
        "window_scale": _plain(f"{side}_scale", partial(_other_than, NO_SCALE, f"{side}_scale")),
        "sack_permitted": _option(OPTION_SACK_PERMITTED, side),
        "timestamps": _option(OPTION_TIMESTAMPS, side),
        "max_bytes_in_flight": _plain(f"{side}_flight_most", partial(_other_than, 0, f"{side}_flight_most")),
        "rtt_min": _plain(f"{other}_rtt_least", measured),
        "rtt_mean": partial(_column, partial(_mean, f"{other}_rtt_total", f"{other}_rtt_samples"), measured),
        "rtt_max": _plain(f"{other}_rtt_most", measured),
        "rtt_p50": _plain(f"{other}_rtt_p50", measured),
        "rtt_p95": _plain(f"{other}_rtt_p95", measured),
        "rtt_samples": _plain(f"{other}_rtt_samples", _is_tcp),
        "first_payload": _timed(f"{side}_first_payload_ns"),
        "last_payload": _timed(f"{side}_last_payload_ns"),
        "retransmission_delay_mean": partial(_column, partial(_mean, f"{side}_delay_total", f"{side}_delays"), delayed),
        "retransmission_delay_max": _plain(f"{side}_delay_most", delayed),
        "timestamp_rtt_mean": partial(
            _column, partial(_mean, f"{other}_stamped_total", f"{other}_stamped_samples"), stamped
        ),
        "timestamp_rtt_samples": _plain(f"{other}_stamped_samples", _is_tcp),
    }
    return {f"{side}_{name}": make for name, make in columns.items()}


def _timed(name: str) -> Make:
    """A time or duration, null where it is NO_TIME."""
    return _plain(name, partial(_other_than, NO_TIME, name))


# All but `tunnel`, which depends on the capture's paths.
COLUMNS: dict[str, Make] = {
    **{name: _plain(name) for name in ("flow_id", "ip_version", "protocol", "bounded")},
    "stream": _plain("stream", partial(_other_than, NO_NUMBER, "stream")),
    **{name: partial(_address, name) for name in ("client", "server")},
    **{name: _plain(name, _has_ports) for name in ("client_port", "server_port")},
    "vlan_id": _plain("vlan_id", partial(_other_than, NO_VLAN, "vlan_id")),
    "community_id": _community,
    "first_seen": _timed("first_ns"),
    "last_seen": _timed("last_ns"),
    "duration": partial(_column, _duration, partial(_other_than, NO_TIME, "first_ns")),
    **_side("client"),
    **_side("server"),
    **{name: _timed(f"{name}_ns") for name in ("handshake_network", "handshake_client", "initial_rtt")},
    **{name: _plain(name, _is_tcp) for name in ("syn_retries", "completeness")},
    "time_to_first_byte": _timed("first_byte_ns"),
    "ended": partial(_word, ENDED, "ended"),
    "conn_state": partial(_word, STATES, "conn_state"),
    "history": _history,
    "marks_exact": partial(_column, lambda rows: rows["returned"] == 0, None),
}
