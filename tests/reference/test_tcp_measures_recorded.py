"""The measures on connections recorded at both ends, beside what the link and both kernels say they did.

truth.json: kernel_counters are the two hosts' own, for the recording alone; link_did.events names every packet that the
link lost; workload has TCP_INFO of the connections.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reference.tcp_measures import Conversation, measure
from tests.reference.tcp_measures_golden import Stream, streams
from tests.reference.tcp_measures_state import Direction, after

RECORDINGS = (
    "bottleneck_queue",
    "loss_cubic",
    "mixed_clean",
    "reorder_double",
    "tcp_behaviour",
    "v6_burst_nosack",
    "voice_jitter",
)
ENDS = ("client", "server")
Range = tuple[int, int, int]  # source port, sequence number, bytes


@pytest.fixture(params=RECORDINGS)
def name(request) -> str:
    return request.param


@pytest.fixture
def truth(captures, name) -> dict[str, Any]:
    path: Path = captures / "recorded" / f"{name}.truth.json"
    if not path.exists():
        pytest.skip(f"no recording {name}")
    return dict(json.loads(path.read_text()))


@pytest.fixture
def recording(golden, truth, name):
    """End of the link → its streams and what was measured there."""

    def at(end: str) -> list[tuple[Stream, Conversation]]:
        found = streams(golden, f"recorded/{name}.{end}.pcap")
        return [(stream, measure(stream.segments)) for stream in found.values()]

    return at


def senders(recording, end: str) -> Iterator[Direction]:
    """That end's own direction of every connection, captured there."""
    for _, conversation in recording(end):
        yield conversation.sides[ENDS.index(end)]


def counter(truth, end: str, *names: str) -> int:
    return sum(truth["kernel_counters"][end].get(name, 0) for name in names)


@pytest.mark.parametrize("end", ENDS)
def test_what_the_sender_sent_twice_is_the_kernels_own_count(truth, recording, end):
    sent_twice = sum(side.seen_twice_segments + side.syn_retries + side.fin_retries for side in senders(recording, end))
    assert sent_twice == counter(truth, end, "Tcp.RetransSegs")


@pytest.mark.parametrize("end", ENDS)
def test_causes_are_the_kernels_own(truth, recording, end):
    causes = sum((side.causes() for side in senders(recording, end)), Counter[str]())
    time_outs = causes["rto"] + causes["syn_retry"]
    assert causes["fast"] == counter(truth, end, "TcpExt.TCPFastRetrans")
    # What goes back after a time-out belongs to it here, and is a counter of its own there.
    assert time_outs == counter(truth, end, "TcpExt.TCPTimeouts", "TcpExt.TCPSlowStartRetrans")
    # A probe may carry new data instead, and is then no repetition.
    assert causes["tail_loss"] <= counter(truth, end, "TcpExt.TCPLossProbes")
    assert causes["unknown"] == 0


@pytest.mark.parametrize("end", ENDS)
def test_dsacks_prove_as_many_repetitions_spurious_as_for_the_kernel(truth, recording, end):
    sides = list(senders(recording, end))
    proved = sum(side.spurious_by_dsack for side in sides)
    believed = counter(truth, end, "TcpExt.TCPDSACKRecvSegs")
    # Once copies made by the network have shown it more than it repeated, the kernel believes none.
    assert believed <= proved <= believed + counter(truth, end, "TcpExt.TCPDSACKIgnoredDubious")
    received = counter(truth, end, "TcpExt.TCPDSACKRecv", "TcpExt.TCPDSACKOfoRecv")
    assert sum(side.dsack_blocks for side in sides) == received


@pytest.mark.parametrize("sender", ENDS)
def test_losses_found_from_the_receivers_side_are_what_the_link_dropped(truth, recording, sender):
    receiver = ENDS[1 - ENDS.index(sender)]
    found, invisible = set[Range](), set[Range]()
    for stream, conversation in recording(receiver):
        side = conversation.sides[ENDS.index(sender)]
        port = stream.ends[ENDS.index(sender)][1]
        found |= {(port, one.begin % (1 << 32), one.end - one.begin) for one in side.repairs if one.kind == "repaired"}
        invisible |= at_the_top(stream, ENDS.index(sender))
        assert side.missed_bytes == 0
    dropped = {
        (event["sport"], event["seq"], event["len"])
        for event in truth["link_did"]["events"]
        if event["what"] in ("lost", "queue_full") and event["dir"].startswith(sender) and event["proto"] == 6
        if event["len"]
    }
    # The last segment of a flight, repeated before anything else comes, leaves no hole.
    assert found == dropped - invisible


def at_the_top(stream: Stream, direction: int) -> set[Range]:
    """The segments that arrived where the highest one before ended."""
    found, high = set(), None
    for segment in stream.segments:
        if segment.direction == direction and segment.payload:
            if segment.seq == high:
                found.add((stream.ends[direction][1], segment.seq, segment.payload))
            end = (segment.seq + segment.payload) % (1 << 32)
            high = end if high is None or after(end, high) > 0 else high
    return found


def test_a_link_that_only_delays_and_doubles_loses_nothing(golden, captures):
    for end in ENDS:
        for stream in streams(golden, f"recorded/reorder_double.{end}.pcap").values():
            for side in measure(stream.segments).sides:
                assert {one.kind for one in side.repairs} <= {"reordered"}
                assert side.missed_bytes == 0


def test_the_receivers_limit_is_the_kernels_own(truth, recording):
    """tcpi_rwnd_limited, to a round trip, and tcpi_busy_time. Both count in steps of 4 ms."""
    kernel = {
        (one["local"][1], one["remote"][1]): one["tcp_info"]
        for one in connections_of(truth["workload"])
        if one["role"] == "client"
    }
    for stream, conversation in recording("client"):
        info = kernel.get((stream.ends[0][1], stream.ends[1][1]))
        if info and info["bytes_sent"] > 20_000:
            limits = conversation.sides[0].limit_ns
            assert abs(limits["receiver"] / 1000 - info["rwnd_limited"]) <= 12_000 + info["min_rtt"]
            assert abs(sum(limits.values()) / 1000 - info["busy_time"]) <= 12_000


def connections_of(report: Any) -> Iterator[dict[str, Any]]:
    """Every connection that a program of the workload reported."""
    if isinstance(report, dict):
        if "tcp_info" in report:
            yield report
        for value in report.values():
            yield from connections_of(value)
    elif isinstance(report, list):
        for value in report:
            yield from connections_of(value)


def test_echoed_timestamps_and_karn_agree_where_nothing_was_delayed(golden, captures):
    """The link's 12 ms, within what two sleepy hosts add."""
    for stream in streams(golden, "recorded/mixed_clean.client.pcap").values():
        client = measure(stream.segments).sides[0]
        for samples in (client.rtt, client.echo_rtt):
            assert 12_000_000 <= samples.least <= 14_000_000
