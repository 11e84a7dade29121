"""Our own TCP measures of the kernel beside those of the slow twin, added up over every capture of the corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from pcap_analyzer.analysis.model import TcpTotals
from pcap_analyzer.pipeline import analyze_capture
from tests.reference.tcp_measures import measure
from tests.reference.tcp_measures_golden import streams
from tests.reference.tcp_measures_state import Direction

pytestmark = pytest.mark.corpus

EXACT = ("seen_twice_segments", "seen_twice_bytes", "missed_bytes", "zero_window_count", "zero_window_ns")
# Captures whose packets are not the same to both: the twin reads tshark's answer.
APART = {
    "derived/link_frelay.pcap": "a stream of tshark is a circuit there",
    "pcapsql/netlink-nflog.pcap": "several packets in a frame",
    "zeek/gtp1_gn_normal_incl_fragmentation.pcap": "whole segments in fragments of a tunnel, which the twin leaves out",
}
# Round trips of 4,690 directions that may differ, summed: the kernel's list is also taken from by segments that the
# twin passes over (a reset without ACK), and forgets originals sooner.
ROUND_TRIPS = 0.002
# Segments of the whole corpus whose cause may differ: their original was forgotten, or a SYN/ACK came twice, of which
# the flow's handshake takes the first and the twin the last.
CAUSES = 10
REPEATED_HANDSHAKE = "tcptrace/pcap_v2.2.dmp"  # so what its transfers waited for is told apart otherwise


def kernels(tcp: TcpTotals | None) -> dict[str, Any]:
    if tcp is None:
        return {**dict.fromkeys(EXACT, 0), "causes": Counter(), "limited_ns": {}, "round_trips": 0}
    causes = Counter({name: count for name, count in tcp.causes.items() if name != "spurious"})
    return {
        **{name: getattr(tcp, name) for name in EXACT},
        "causes": causes,
        "limited_ns": {name: ns for name, ns in tcp.limited_ns.items() if ns},
        "round_trips": sum(tcp.client_rtt.counts) + sum(tcp.server_rtt.counts),
    }


def twins(directions: Iterable[Direction]) -> dict[str, Any]:
    total: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    limits: Counter[str] = Counter()
    for one in directions:
        total += Counter(
            seen_twice_segments=one.seen_twice_segments,
            seen_twice_bytes=one.seen_twice_bytes,
            missed_bytes=one.missed_bytes,
            zero_window_count=one.zero_periods,
            zero_window_ns=one.zero_ns,
            round_trips=one.rtt.samples,
        )
        causes += one.causes()
        limits += one.limit_ns
    named = {name: total[name] for name in (*EXACT, "round_trips")}
    return {**named, "causes": causes, "limited_ns": {name: ns for name, ns in limits.items() if ns}}


@pytest.fixture(scope="module")
def measured(corpus, golden) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Capture → the kernel's sums and the twin's."""
    found = {}
    for file in corpus:
        if file.is_capture and file.table and file.name not in APART:
            directions = [
                one for stream in streams(golden, file.name).values() for one in measure(stream.segments).sides
            ]
            if directions:
                found[file.name] = kernels(analyze_capture(file.path, threads=1).tcp), twins(directions)
    return found


@pytest.mark.parametrize("name", EXACT)
def test_a_measure_is_the_twins(measured, name):
    wrong = {
        capture: (ours[name], twin[name]) for capture, (ours, twin) in measured.items() if ours[name] != twin[name]
    }
    assert len(measured) > 100
    assert not wrong


def test_what_transfers_waited_for_is_the_twins(measured):
    """To a thousandth of a capture's time: where an original is forgotten, so is that a segment was short."""
    wrong = {
        capture: (ours["limited_ns"], twin["limited_ns"])
        for capture, (ours, twin) in measured.items()
        for name in ("receiver", "congestion", "application")
        if capture != REPEATED_HANDSHAKE
        and abs(ours["limited_ns"].get(name, 0) - twin["limited_ns"].get(name, 0)) * 1000
        > sum(twin["limited_ns"].values())
    }
    assert not wrong


def test_causes_are_the_twins_but_for_forgotten_originals(measured):
    differ = sum(
        ((ours["causes"] - twin["causes"]) + (twin["causes"] - ours["causes"])).total()
        for ours, twin in measured.values()
    )
    assert sum(twin["causes"].total() for _, twin in measured.values()) > 1000
    assert differ <= 2 * CAUSES


def test_round_trips_are_as_many_as_the_twins(measured):
    differ = sum(abs(ours["round_trips"] - twin["round_trips"]) for ours, twin in measured.values())
    assert differ <= ROUND_TRIPS * sum(twin["round_trips"] for _, twin in measured.values())
