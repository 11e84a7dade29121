"""Over the whole corpus: no finding says what tshark contradicts."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator

import pytest

from pcap_analyzer.errors import PcapAnalyzerError
from pcap_analyzer.findings import diagnose
from pcap_analyzer.findings.model import Finding
from pcap_analyzer.pipeline import analyze_capture
from tests.corpus.conftest import CorpusFile

REPEATS = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment")
MARKS = {
    "packet_loss": REPEATS,
    "burst_loss": REPEATS,
    # What overtakes is seen as late data, or by a receiver that lacks something for a while.
    "reordering": ("out_of_order", "lost_segment", "retransmission", "duplicate_ack"),
    "spurious_retransmission": REPEATS,
    "duplicated_packets": REPEATS,
    "receiver_limited": ("zero_window", "window_full", "zero_window_probe"),
    "mtu_black_hole": ("retransmission", "fast_retransmission"),
    "idle_drop": ("retransmission", "keep_alive"),
}
"""Marks of tshark of which a finding needs at least one."""
FIN, SYN, RST = 1, 2, 4
ICMP_ERRORS, ICMP6_ERRORS = {3, 4, 5, 11, 12}, {1, 2, 3, 4}
Row = dict[str, str]


def flag(wanted: int) -> Callable[[Row], bool]:
    return lambda row: bool(int(row["tcp_flags"] or "0", 0) & wanted)


def any_of(column: str, wanted: set[int]) -> Callable[[Row], bool]:
    return lambda row: any(int(one) in wanted for one in row[column].split(",") if one)


PACKETS: dict[str, Callable[[Row], bool]] = {
    "connection_reset": flag(RST),
    "connection_refused": flag(RST),
    "syn_unanswered": flag(SYN),
    "slow_handshake": flag(SYN),
    "icmp_errors": lambda row: any_of("icmp_type", ICMP_ERRORS)(row) or any_of("icmp6_type", ICMP6_ERRORS)(row),
    "fragmentation": lambda row: bool(row["frag"]),
    "micro_bursts": lambda row: bool(row["udp_sport"] or row["tcp_sport"]),
}
"""What at least one of a finding's evidence frames has to be in tshark's table of packets."""


def found_in(file: CorpusFile) -> list[Finding]:
    try:
        return diagnose(analyze_capture(file.path)).findings
    except PcapAnalyzerError:
        return []


def table_of(file: CorpusFile) -> Iterator[Row]:
    assert file.table is not None
    with gzip.open(file.table, "rt", encoding="utf-8", errors="replace") as table:
        yield from csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)


def contradictions(file: CorpusFile) -> Iterator[str]:
    found = found_in(file)
    seen = file.summary["counts"]
    for one in found:
        if one.id in MARKS and not any(seen.get(f"f.{name}") for name in MARKS[one.id]):
            yield f"{one.id}: no packet has one of its marks"
    wanted = {one.id: {told.frame for told in one.evidence} for one in found if one.id in PACKETS}
    if not wanted:
        return
    rows = {int(row["num"]): row for row in table_of(file) if any(int(row["num"]) in one for one in wanted.values())}
    for name, frames in wanted.items():
        if not any(PACKETS[name](rows[frame]) for frame in frames if frame in rows):
            yield f"{name}: none of the frames {sorted(frames)} shows it"


@pytest.mark.corpus
def test_nothing_is_named_that_tshark_contradicts(corpus):
    contradicted = [
        (file.name, said)
        for file in corpus
        if file.is_capture and file.table is not None
        for said in contradictions(file)
    ]
    assert contradicted == []
