"""The points of a flow are its packets', fewer where there are many, and numbers go on beyond 32 bits."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pcap_analyzer.flow_series import STRETCHES, series_of
from pcap_analyzer.schema import MARKS, PACKETS, arrow_schema

SCHEMA = arrow_schema(PACKETS)
REQUIRED = {name: 0 for name in PACKETS.columns if PACKETS[name].null is None} | {
    "decode_status": "complete",
    "decode_layer": "none",
}
WRAP = 1 << 32


def packet(frame: int, time: int, client: bool, **values: Any) -> dict[str, Any]:
    return {**REQUIRED, "frame_number": frame, "timestamp": time, "from_client": client, **values}


def segment(frame: int, time: int, client: bool, seq: int, ack: int, payload: int = 0, **values: Any) -> dict[str, Any]:
    numbers = {"tcp_seq": seq % WRAP, "tcp_ack": ack % WRAP, "payload_length": payload, "tcp_window": 1000}
    return packet(frame, time, client, tcp_flags=0x10, tcp_marks=0, original_length=54 + payload, **numbers) | values


def write(path: Path, rows: list[dict[str, Any]], group: int = 1 << 15) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, row_group_size=group)
    return path


def test_points_are_those_of_the_packets_across_the_wrap(tmp_path: Path) -> None:
    first = WRAP - 100
    rows = [
        segment(1, 1000, True, first, 50, 80),
        segment(2, 1010, False, 50, first + 80, ack_rtt=10),
        segment(3, 1020, True, first + 80, 50, 80, bytes_in_flight=80),
        segment(4, 1030, True, first + 80, 50, 80, tcp_marks=1 << MARKS.index("retransmission")),
        segment(5, 1040, False, 50, first + 160),
    ]
    found = series_of(write(tmp_path / "p.parquet", rows, group=2))
    assert found.start_ns == "1000"
    assert found.client is not None
    assert found.server is not None
    assert (found.client.sequence.time_ns, found.client.sequence.value) == ([0, 20, 30], [80, 160, 160])
    assert (found.client.acknowledged.time_ns, found.client.acknowledged.value) == ([10, 40], [80, 160])
    assert found.client.allowed.value == [1080, 1160]
    assert found.server.rtt_ns.value == [10]
    assert found.client.in_flight.value == [80]
    assert sum(found.client_bytes) == 3 * 134
    assert sum(found.server_bytes) == 2 * 54
    [marked] = found.marked
    assert (marked.frame_number, marked.time_ns, marked.value, marked.marks) == (4, 30, 160, ["retransmission"])


def test_a_long_flow_is_thinned_out_and_keeps_its_extremes(tmp_path: Path) -> None:
    count = 20_000
    rows = [segment(n, n, True, n, 0, 1, tcp_window=9999 if n == 12_345 else 1000) for n in range(count)]
    found = series_of(write(tmp_path / "p.parquet", rows, group=4096))
    assert found.packets == count
    assert found.client is not None
    assert len(found.client.window.value) < 5 * STRETCHES
    assert max(found.client.window.value) == 9999
    assert found.client.sequence.value[-1] == count
    assert sum(found.client_bytes) == count * 55


def test_what_is_not_tcp_has_rates_only(tmp_path: Path) -> None:
    rows = [packet(n, 5000 * n, n % 2 == 0, original_length=100) for n in range(10)]
    found = series_of(write(tmp_path / "p.parquet", rows))
    assert (found.client, found.server, found.marked_total) == (None, None, 0)
    assert sum(found.client_bytes) == sum(found.server_bytes) == 500


def test_packets_without_a_time_are_no_points(tmp_path: Path) -> None:
    found = series_of(write(tmp_path / "p.parquet", [packet(1, 0, True) | {"timestamp": None}]))
    assert (found.start_ns, found.client_bytes) == (None, [0])
