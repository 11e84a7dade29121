"""TCP of a few flows, any bytes as its segments: however the kernel is asked, it tells the same, and it adds up."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pcap_analyzer._native.rows import flow_row_layout, tcp_event_layout
from pcap_analyzer._native.scan import FlowReader, Scanner
from pcap_analyzer.packet_stream import SEGMENT
from tests.fuzz.tcp_input import BYTES, clock_set_back, records

ROW = np.dtype(cast("Any", flow_row_layout()))
EVENT = np.dtype(cast("Any", tcp_event_layout()))
SEED = sha256(b"flows are told apart by keyed hashes").digest()
RAW_IP = 101
UNKNOWN = -(2**63)
WAITS = ("handshake_network_ns", "handshake_client_ns", "initial_rtt_ns", "first_byte_ns")
SUMS = ("limits_ns", "zero_ns", "delay_total", "stamped_total", "rtt_total", "missed_bytes")
HUGE = 2**62  # a negative number in an unsigned field

Told = tuple[list[dict[str, Any]], Any, Any, Any, Any, list[Any], list[Any]]


def one(data: bytes) -> None:
    file = b"".join(records(data))
    whole = told(file, threads=1, batch_rows=512, details=True)
    assert told(file, threads=3, batch_rows=2, details=True) == whole
    for threads, batch_rows in ((1, 3), (3, 512)):
        assert told(file, threads=threads, batch_rows=batch_rows, details=False)[:-2] == whole[:-2]
    rows = whole[0]
    assert sum(row["client_packets"] + row["server_packets"] for row in rows) == len(data) // BYTES
    for row in rows:
        assert row["first_ns"] <= row["last_ns"]
        for side in ("client", "server"):
            check(row, side)
        # Like tshark's, a time between two packets is negative where the clock was set back, and only there.
        assert clock_set_back(data) or all(row[name] >= 0 for name in WAITS if row[name] != UNKNOWN)


def told(records: bytes, *, threads: int, batch_rows: int, details: bool) -> Told:
    """Flows, counters and sums; with details the events and what is known of every packet, else none."""
    scanner = Scanner(threads=threads, batch_rows=batch_rows, seed=SEED, tcp_rows=details, tcp_events=details)
    scanner.begin_pcap(
        big_endian=False, tick_ns=1, record_header=16, swapped_lengths=0, snap_length=262144, link_type=RAW_IP
    )
    scanner.walk(np.frombuffer(records, np.uint8).copy(), 0, True)
    events: list[Any] = []
    packets: list[Any] = []
    while scanner.step():
        if details:
            events += found(scanner)
            packets += np.frombuffer(scanner.batch_tcp(), SEGMENT).tolist()
    scanner.release()
    reader = FlowReader(scanner)
    rows = np.frombuffer(reader.read(0, len(reader)), ROW)
    flows = [dict(zip(ROW.names or (), row, strict=True)) for row in plain(rows)]
    return flows, scanner.counters(), scanner.marks(), scanner.round_trips(), scanner.intervals(), events, packets


def found(scanner: Scanner) -> list[Any]:
    events: NDArray[np.void] = np.zeros(scanner.batch_event_count, EVENT)
    scanner.batch_tcp_events(events.view(np.uint8))
    return events.tolist()


def plain(rows: NDArray[np.void]) -> list[tuple[Any, ...]]:
    """Rows as Python values: arrays in them as lists, for they are to be compared."""
    columns = [rows[name].tolist() for name in ROW.names or ()]
    return list(zip(*columns, strict=True))


def check(row: dict[str, Any], side: str) -> None:
    """What must hold of one direction whatever was sent."""
    value = {name.removeprefix(f"{side}_"): number for name, number in row.items() if name.startswith(side)}
    payload, unique, again = value["payload_bytes"], value["unique_bytes"], value["again_bytes"]
    assert unique >= 0
    assert again >= 0
    # The rest is no data: keep-alives, probes of a closed window, a reset's words.
    assert unique + again <= payload
    assert value["missed_acknowledged"] <= value["missed_bytes"]
    assert value["repeated_bytes"] <= payload
    assert all(marked <= value["packets"] for marked in value["marks"])
    assert sum(value["causes"]) <= value["packets"]
    assert all(number < HUGE for name in SUMS for number in np.ravel(value[name]).tolist())
    assert value["delay_most"] >= 0
    assert value["gap_mean_ns"] >= -1
    times = [value[name] for name in ("rtt_least", "rtt_p50", "rtt_p95", "rtt_most")]
    assert times == [-1] * 4 if not value["rtt_samples"] else min(times) >= 0
