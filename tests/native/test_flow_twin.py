"""The flow table says of every flow what the slow twin says, on conversations that are made up."""

from __future__ import annotations

import io
from collections import Counter
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from pcap_analyzer.pipeline import analyze_capture
from tests.reference.flow_rows import flow_rows
from tests.reference.tcp_strategies import Talk, capture, conversations

# What depends on how long originals are remembered (the twin does so for longer), and what a reset without ACK takes
# from the kernel's list of unacknowledged segments, which the twin passes over.
REMEMBERED = tuple(
    f"{side}_{name}"
    for side in ("client", "server")
    for name in (
        *("repeats_rto", "repeats_fast", "repeats_tail_loss", "repeats_unknown"),
        *("retransmission_delay_mean", "retransmission_delay_max"),
        *("rtt_min", "rtt_mean", "rtt_max", "rtt_p50", "rtt_p95", "rtt_samples"),
        *("receiver_limited", "congestion_limited", "application_limited"),
    )
)
DIFFER = 0.2  # of made-up conversations, which nobody would have


def plain_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows with times as whole numbers: Python has no nanoseconds."""
    columns = [
        column.cast("int64") if pa.types.is_duration(column.type) or pa.types.is_timestamp(column.type) else column
        for column in table.columns
    ]
    rows: list[dict[str, Any]] = pa.Table.from_arrays(columns, names=table.column_names).to_pylist()
    return rows


def differences(data: bytes) -> tuple[int, Counter[str], list[str]]:
    """How many flows there are; how many differ in what is remembered, by column; what else differs."""
    engine = plain_rows(analyze_capture(io.BytesIO(data), threads=1).flows().read_all())
    twin = flow_rows(data)
    assert len(engine) == len(twin)
    remembered: Counter[str] = Counter()
    wrong = []
    for ours, theirs in zip(engine, twin, strict=True):
        differing = [name for name in theirs if ours[name] != theirs[name]]
        remembered.update(name for name in differing if name in REMEMBERED)
        wrong += [
            f"flow {ours['flow_id']}: {name} {ours[name]}, twin {theirs[name]}"
            for name in differing
            if name not in REMEMBERED
        ]
    return len(twin), remembered, wrong


@settings(max_examples=100)
@given(conversations())
def test_a_flow_is_what_the_twin_says(data: bytes) -> None:
    assert differences(data)[2] == []


@pytest.mark.parametrize("seed", range(2))
def test_many_flows_are_what_the_twin_says(seed: int) -> None:
    random = Random(seed)
    flows, remembered, wrong = differences(capture([Talk(random, far=False).make() for _ in range(1000)]))
    assert not wrong, "\n".join([f"{len(wrong)} values differ", *wrong[:20]])
    assert flows >= 1000
    assert all(count <= DIFFER * flows for count in remembered.values()), remembered
