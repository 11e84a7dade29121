"""TCP measured by hand: a lossy office line, and one connection that lost a segment."""

from __future__ import annotations

import random
from array import array
from functools import cache

from pcap_analyzer.analysis.model import Histogram, TcpDirection, TcpIntervals, TcpTotals, Windows

SECOND = 1_000_000_000


def histogram(values_ns: list[int]) -> Histogram:
    """Buckets a thirtieth wide from a microsecond on."""
    edges = [1_000]
    while edges[-1] <= max(values_ns):
        edges.append(edges[-1] * 31 // 30)
    counts = [0] * (len(edges) - 1)
    place = 0
    for value in sorted(values_ns):
        while edges[place + 1] <= value:
            place += 1
        counts[place] += 1
    return Histogram(array("q", edges), array("q", counts), sum(values_ns), min(values_ns), max(values_ns))


def series(buckets: int, **columns: list[int]) -> TcpIntervals:
    """Columns that are not given are zero."""
    names = TcpIntervals.__struct_fields__
    return TcpIntervals(**{name: array("q", columns.get(name, [0] * buckets)) for name in names})


def one_repair() -> TcpTotals:
    """One segment lost and repaired by fast retransmission; round trips to the server only."""
    return TcpTotals(
        segments=13,
        payload_bytes=6_417,
        unique_bytes=4_969,
        seen_twice_segments=1,
        seen_twice_bytes=1_448,
        missed_bytes=0,
        client_marks={"duplicate_ack": 3},
        server_marks={"retransmission": 1, "fast_retransmission": 1, "seen_twice": 1},
        causes={"fast": 1},
        client_rtt=Histogram(),
        server_rtt=histogram([20_100_000, 20_300_000]),
        zero_window_count=0,
        zero_window_ns=0,
        limited_ns={},
    )


@cache
def busy(seed: int = 5) -> TcpTotals:
    """Thirty thousand connections over a lossy line."""
    dice = random.Random(seed)
    return TcpTotals(
        segments=9_411_207,
        payload_bytes=6_502_113_904,
        unique_bytes=6_398_021_450,
        seen_twice_segments=71_904,
        seen_twice_bytes=104_092_454,
        missed_bytes=31_441_092,
        client_marks={
            "retransmission": 6_120,
            "fast_retransmission": 1_804,
            "spurious_retransmission": 402,
            "out_of_order": 911,
            "lost_segment": 1_230,
            "ack_lost_segment": 611,
            "duplicate_ack": 214_300,
            "zero_window": 312,
            "zero_window_probe": 40,
            "zero_window_probe_ack": 2,
            "window_full": 77,
            "window_update": 61_220,
            "keep_alive": 4_400,
            "keep_alive_ack": 12,
            "seen_twice": 6_204,
        },
        server_marks={
            "retransmission": 64_811,
            "fast_retransmission": 41_090,
            "spurious_retransmission": 2_377,
            "out_of_order": 18_455,
            "lost_segment": 21_904,
            "ack_lost_segment": 190,
            "duplicate_ack": 5_120,
            "zero_window": 4,
            "window_full": 1_204,
            "window_update": 9_001,
            "keep_alive": 610,
            "keep_alive_ack": 4_380,
            "reused_ports": 31,
            "seen_twice": 65_700,
        },
        causes={
            "rto": 9_120,
            "fast": 51_400,
            "tail_loss": 3_904,
            "syn_retry": 2_951,
            "spurious": 4_410,
            "unknown": 119,
        },
        client_rtt=histogram([int(dice.lognormvariate(12.2, 0.9)) for _ in range(40_000)]),
        server_rtt=histogram(
            [int(dice.lognormvariate(16.7 if dice.random() < 0.8 else 18.9, 0.45)) for _ in range(90_000)]
        ),
        zero_window_count=318,
        zero_window_ns=412 * SECOND,
        limited_ns={"receiver": 4_120 * SECOND, "congestion": 21_904 * SECOND, "application": 88_120 * SECOND},
        flows_bounded=3,
        client_windows=Windows(min=0, median=131_072, max=4_194_304),
        server_windows=Windows(min=0, median=64_128, max=3_145_728),
    )


def busy_series(buckets: int, seed: int = 5) -> TcpIntervals:
    """A quiet line with two bad spells."""
    dice = random.Random(seed)

    def column(level: float, spell: float) -> list[int]:
        rates = [spell if 900 < bucket < 960 or 1_400 < bucket < 1_412 else level for bucket in range(buckets)]
        return [int(dice.expovariate(1 / rate)) for rate in rates]

    fast, spurious, others = column(14, 190), column(1, 9), column(5, 60)
    return series(
        buckets,
        retransmissions=[sum(kinds) for kinds in zip(fast, spurious, others, strict=True)],
        fast=fast,
        spurious=spurious,
        out_of_order=column(8, 20),
        lost_segments=column(9, 110),
        duplicate_acks=column(70, 900),
        zero_windows=[6 if 500 < bucket < 540 else 0 for bucket in range(buckets)],
        seen_twice=column(20, 260),
    )


def direction(dice: random.Random, level: int) -> TcpDirection:
    """One side of a flow that repeated about `level` segments; none: no round trip was measured either."""
    median = int(dice.lognormvariate(16.5, 0.9)) if level else None
    return TcpDirection(
        retransmissions=level,
        out_of_order=level // 4,
        seen_twice=level + level // 9,
        lost_segments=level // 3,
        duplicate_acks=level // 50,
        zero_windows=dice.choice([0, 0, 0, 3, 41]),
        max_bytes_in_flight=level * 1_448 + 1_448,
        rtt_p50_ns=median,
        rtt_p95_ns=None if median is None else median * 3,
    )
