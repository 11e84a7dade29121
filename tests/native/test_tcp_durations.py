"""Round trips of one flow, few and thousands: sums exact, percentiles those of the slow twin's buckets."""

from __future__ import annotations

import io
from random import Random

import pytest

from pcap_analyzer.pipeline import analyze_capture
from tests.native.test_flow_twin import plain_rows
from tests.reference.tcp_measures_statistics import Statistics
from tests.reference.tcp_strategies import Sent, capture

MS = 1_000_000
LENGTH = 10
# Where durations move: out of the flow, into a list, into longer ones, into bars.
COUNTS = (1, 2, 4, 5, 8, 24, 28, 29, 60, 61, 124, 125, 248, 252, 253, 256, 500, 3000)


def transfer(delays: list[int]) -> list[Sent]:
    """Segments of the client, each acknowledged after so many ms."""
    sent: list[Sent] = [Sent(0, "S", 99, 0), Sent(1, "SA", 499, 100), Sent(0, "A", 100, 500)]
    for number, delay in enumerate(delays):
        seq = 100 + number * LENGTH
        sent += [Sent(0, "PA", seq, 500, LENGTH), Sent(1, "A", 500, seq + LENGTH, delay=delay)]
    return sent


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("spread", [1, 40, 5000])
def test_percentiles_of_any_number_of_round_trips_are_the_twins(count: int, spread: int) -> None:
    random = Random(count * spread)
    delays = [random.randint(1, spread) for _ in range(count)]
    [flow] = plain_rows(analyze_capture(io.BytesIO(capture([transfer(delays)])), threads=1).flows().read_all())
    twin = Statistics()
    for delay in [1, *delays]:  # the SYN and its answer, too
        twin.add(delay * MS)
    names = ("samples", "min", "max", "p50", "p95")
    assert [flow[f"server_rtt_{name}"] for name in names] == [
        *(twin.samples, twin.least, twin.most),
        *(twin.percentile(50), twin.percentile(95)),
    ]
    assert flow["server_rtt_mean"] == twin.total // twin.samples
