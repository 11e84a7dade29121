"""One flow over time, as points to draw: its sequence numbers, windows, round trips and rates.

Read is one row group of its packets after the other; of each so many points are kept that the whole has some thousands,
however many packets the flow has: of every stretch of packets the first, the last, the least and the greatest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pcap_analyzer.schema import MARKS

STRETCHES = 500
"""Of packets, of each of which four points are kept."""
STEPS = 300
"""Of time, for rates."""
MAX_MARKED = 1000
ACK = 0x10
COLUMNS = (
    *("frame_number", "timestamp", "from_client", "original_length", "payload_length", "tcp_flags", "tcp_seq"),
    *("tcp_ack", "tcp_window", "tcp_marks", "ack_rtt", "bytes_in_flight"),
)

Int64 = NDArray[np.int64]
Columns = dict[str, Any]


class Points(msgspec.Struct):
    """time_ns: since the flow's first packet.  value: as the series says."""

    time_ns: list[int]
    value: list[int]


class Side(msgspec.Struct):
    """What one side sent, and what the other said to it.

    sequence: byte behind each segment, from the first sequence number of this side.  acknowledged: the other side's
    acknowledgements of it.  allowed: the end of the other side's window, in the same numbers.  window: that it
    announced, bytes.  in_flight: bytes sent and not acknowledged.  rtt_ns: time that its acknowledgements took.
    """

    sequence: Points
    acknowledged: Points
    allowed: Points
    window: Points
    in_flight: Points
    rtt_ns: Points


class Marked(msgspec.Struct):
    """A marked segment. value: as in Side.sequence."""

    frame_number: int
    time_ns: int
    value: int
    from_client: bool
    marks: list[str]


class FlowSeries(msgspec.Struct):
    """start: of the flow, nanoseconds since 1970 as text, which keeps every digit; null where no packet has a time.

    client_bytes, server_bytes: by steps of step_ns, original lengths.  client, server: null where the flow is not TCP.
    marked: the first of marked_total.  packets: of the flow; where they are more than a graph can show, the points are
    thinned out.
    """

    start_ns: str | None
    step_ns: int
    packets: int
    client_bytes: list[int]
    server_bytes: list[int]
    client: Side | None
    server: Side | None
    marked: list[Marked]
    marked_total: int


def series_of(path: Path) -> FlowSeries:
    """The series of a flow whose packets stand in a Parquet file."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        count = file.metadata.num_rows
        first, last = _life(file)
        step = max(1, -(-(last - first + 1) // STEPS))
        rates = np.zeros((2, STEPS), np.int64)
        sides = (_Side(), _Side())
        marked: list[Marked] = []
        marked_total = 0
        for group in _groups(file, first):
            at = np.clip(group["time"] // step, 0, STEPS - 1)
            for side in (0, 1):
                np.add.at(rates[side], at[group["side"] == side], group["length"][group["side"] == side])
            if group["tcp"].any():
                keep = max(1, STRETCHES * len(at) // max(1, count))
                found = _follow(sides, group, keep)
                marked_total += len(found)
                marked += found[: MAX_MARKED - len(marked)]
    used = (last - first) // step + 1 if count else 0
    client, server = (side.points() for side in sides)
    return FlowSeries(
        start_ns=str(first) if count and first else None,
        step_ns=step,
        packets=count,
        client_bytes=rates[0][:used].tolist(),
        server_bytes=rates[1][:used].tolist(),
        client=client,
        server=server,
        marked=marked,
        marked_total=marked_total,
    )


def _life(file: pq.ParquetFile) -> tuple[int, int]:
    """The earliest and the latest time, ns; 0 where there is none."""
    least, most = [], []
    for number in range(file.num_row_groups):
        times = file.read_row_group(number, columns=["timestamp"]).column(0)
        found = pc.min_max(times.cast(pa.int64()))
        if found["min"].is_valid:
            least.append(found["min"].as_py())
            most.append(found["max"].as_py())
    return (min(least), max(most)) if least else (0, 0)


def _groups(file: pq.ParquetFile, first: int) -> Iterator[Columns]:
    """Packets with a time, a row group at a time, as arrays; -1 where there is no round trip or nothing in flight."""
    for number in range(file.num_row_groups):
        table = file.read_row_group(number, columns=list(COLUMNS))
        table = table.filter(pc.is_valid(table.column("timestamp")))
        if table.num_rows:
            yield {
                "frame": _ints(table, "frame_number"),
                "time": _ints(table, "timestamp") - first,
                "side": 1 - _ints(table, "from_client"),
                "length": _ints(table, "original_length"),
                "payload": _ints(table, "payload_length"),
                "tcp": table.column("tcp_flags").is_valid().to_numpy(zero_copy_only=False),
                "flags": _ints(table, "tcp_flags"),
                "seq": _ints(table, "tcp_seq"),
                "ack": _ints(table, "tcp_ack"),
                "window": _ints(table, "tcp_window"),
                "marks": _ints(table, "tcp_marks"),
                "rtt": _ints(table, "ack_rtt", -1),
                "in_flight": _ints(table, "bytes_in_flight", -1),
            }


def _ints(table: pa.Table, name: str, absent: int = 0) -> Int64:
    column = table.column(name).cast(pa.int64())
    values: Int64 = column.fill_null(absent).to_numpy()
    return values


def _follow(sides: tuple[_Side, _Side], group: Columns, keep: int) -> list[Marked]:
    """Add a row group's points; its marked segments."""
    marked = []
    ends = np.zeros(len(group["time"]), np.int64)
    for number, side in enumerate(sides):
        sent = np.flatnonzero(group["tcp"] & (group["side"] == number))
        came = np.flatnonzero(group["tcp"] & (group["side"] != number) & (group["flags"] & ACK > 0))
        ends[sent] = side.follow_sent(_rows(group, sent), keep)
        side.follow_acknowledged(_rows(group, came), keep)
    for row in np.flatnonzero(group["tcp"] & (group["marks"] > 0)):
        bits = int(group["marks"][row])
        marked.append(
            Marked(
                int(group["frame"][row]),
                int(group["time"][row]),
                int(ends[row]),
                bool(group["side"][row] == 0),
                [name for bit, name in enumerate(MARKS) if bits >> bit & 1],
            )
        )
    return marked


def _rows(group: Columns, rows: NDArray[np.intp]) -> Columns:
    return {name: values[rows] for name, values in group.items()}


class _Side:
    """The points of one side so far, and where its sequence numbers stand."""

    def __init__(self) -> None:
        self._base: int | None = None
        self._sent = _Unwrapped()
        self._acknowledged = _Unwrapped()
        self._points: dict[str, list[tuple[Int64, Int64]]] = {name: [] for name in Side.__struct_fields__}

    def follow_sent(self, sent: Columns, keep: int) -> Int64:
        """Segments of this side; the byte behind each."""
        if not len(sent["seq"]):
            return np.empty(0, np.int64)
        if self._base is None:
            self._base = int(sent["seq"][0])
        ends: Int64 = self._sent.follow(sent["seq"], self._base) + sent["payload"]
        self._add("sequence", sent["time"], ends, keep)
        self._add("window", sent["time"], sent["window"], keep)
        for name, column in (("in_flight", "in_flight"), ("rtt_ns", "rtt")):
            there = sent[column] >= 0
            self._add(name, sent["time"][there], sent[column][there], keep)
        return ends

    def follow_acknowledged(self, came: Columns, keep: int) -> None:
        """What the other side said of it."""
        if not len(came["ack"]):
            return
        if self._base is None:
            self._base = int(came["ack"][0])
        acknowledged = self._acknowledged.follow(came["ack"], self._base)
        self._add("acknowledged", came["time"], acknowledged, keep)
        self._add("allowed", came["time"], acknowledged + came["window"], keep)

    def points(self) -> Side | None:
        """All there are; None where no segment was seen."""
        if self._base is None:
            return None
        return Side(**{name: _joined(parts) for name, parts in self._points.items()})

    def _add(self, name: str, time: Int64, value: Int64, keep: int) -> None:
        if len(time):
            rows = _thinned(value, keep)
            self._points[name].append((time[rows], value[rows]))


class _Unwrapped:
    """Sequence numbers that go on beyond 32 bits."""

    def __init__(self) -> None:
        self._raw = self._value = 0
        self._begun = False

    def follow(self, raw: Int64, base: int) -> Int64:
        """Each number less `base`; one that is nearer behind the last is taken as behind it (RFC 9293 section 3.4)."""
        if not self._begun:
            self._raw, self._value, self._begun = base, 0, True
        steps = np.diff(raw, prepend=self._raw).astype(np.uint32).astype(np.int32).astype(np.int64)
        values: Int64 = self._value + np.cumsum(steps)
        self._raw, self._value = int(raw[-1]), int(values[-1])
        return values


def _thinned(value: Int64, keep: int) -> NDArray[np.intp]:
    """Rows of the points that show the shape: of each of `keep` stretches the first, the last, least and greatest."""
    if len(value) <= 4 * keep:
        return np.arange(len(value))
    rows: list[int] = []
    for stretch in np.array_split(np.arange(len(value)), keep):
        inside = value[stretch]
        begin = int(stretch[0])
        rows += {begin, int(stretch[-1]), begin + int(inside.argmin()), begin + int(inside.argmax())}
    return np.array(sorted(rows))


def _joined(parts: list[tuple[Int64, Int64]]) -> Points:
    if not parts:
        return Points([], [])
    return Points(np.concatenate([time for time, _ in parts]).tolist(), np.concatenate([v for _, v in parts]).tolist())
