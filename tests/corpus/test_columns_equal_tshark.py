"""Every decoded column of every packet of the corpus beside tshark's recorded answer."""

from collections import Counter

import pytest

from pcap_analyzer.comparison import COLUMNS, SAME_STREAMS, Comparison, compare, compare_with_golden
from pcap_analyzer.comparison.marks import WIRESHARK_MARKS, mark_column
from pcap_analyzer.comparison.reasons import RULES
from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import open_capture
from tests.corpus.differences import ELSEWHERE, REMAINING

pytestmark = pytest.mark.corpus

REQUIRED = 99.9  # percent of packets equal, in every column
COMPARED = (
    "captured_length",
    "original_length",
    "timestamp",
    "ip_version",
    "src",
    "dst",
    "protocol",
    "ttl",
    "ip_id",
    "fragment_offset",
    "more_fragments",
    "src_port",
    "dst_port",
    "vlan_id",
    "inner_vlan_id",
    "tcp_seq",
    "tcp_ack",
    "tcp_flags",
    "tcp_window_raw",
    "payload_length",
    "icmp_type",
    "icmp_code",
    "interface_id",
    "stream (TCP)",
    "stream (UDP)",
    "tcp_window",
    "ack_rtt",
    "bytes_in_flight",
)
MISSED = 0.0005  # of a mark's packets in a capture, or one packet
UNBLEMISHED = 0.97  # of the captures that have TCP: no mark missed, none too many


@pytest.fixture(scope="module")
def comparisons(corpus) -> dict[str, Comparison]:
    """Capture → comparison, for all captures that tshark reads as pcap or pcapng."""
    found = {}
    for file in corpus:
        if file.is_capture:
            with open_capture(file.path) as capture:
                packets = capture.packets(COLUMNS)
                found[file.name] = (
                    compare_with_golden(file.table, packets) if file.table else compare(file.name, packets, [])
                )
    return found


def test_as_many_packets_as_tshark_counts(corpus, comparisons):
    counted = {name: one.packets + one.only_ours.count for name, one in comparisons.items()}
    expected = {file.name: file.entry["packets"] for file in corpus if file.is_capture}
    assert counted == expected
    assert sum(counted.values()) > 140_000


def test_frames_have_tsharks_numbers(comparisons):
    assert not [name for name, one in comparisons.items() if one.only_ours.count or one.only_theirs.count]


def test_what_tshark_cannot_open_gives_an_error_or_an_empty_capture(corpus):
    wrong = []
    for file in corpus:
        if file.entry["status"] == "error" and file.type not in ("pcap", "nsecpcap", "pcapng"):
            try:
                with open_capture(file.path) as capture:
                    sum(batch.num_rows for batch in capture.packets(("frame_number",)))
            except CaptureError as error:
                if not str(error):
                    wrong.append(file.name)
    assert not wrong


@pytest.mark.parametrize("column", COMPARED)
def test_a_column_equals_tsharks(comparisons, column):
    agreements = {name: one.columns[column] for name, one in comparisons.items() if column in one.columns}
    packets = sum(one.packets for one in comparisons.values())
    compared = sum(one.compared for one in agreements.values())
    equal = sum(one.equal for one in agreements.values())
    explained = sum((one.explained for one in agreements.values()), Counter[str]())
    print(f"{column}: {compared:,} with a value, {equal:,} equal; {dict(explained)}")
    assert not {name: one.differences for name, one in agreements.items() if one.different}
    assert 100 * (packets - compared + equal) >= REQUIRED * packets


@pytest.mark.parametrize("mark", WIRESHARK_MARKS)
def test_a_mark_is_wiresharks(comparisons, mark):
    """Per capture: packets that have the mark on either side, how many of them on both."""
    counted = {
        name: one.columns[mark_column(mark)] for name, one in comparisons.items() if mark_column(mark) in one.columns
    }
    for name, one in counted.items():
        print(f"{mark:24}{one.compared:8,}{one.equal:8,}  {name}")
    too_many = {
        name: one.differences
        for name, one in counted.items()
        if one.compared - one.equal - one.explained.total() > max(1, MISSED * one.compared)
    }
    assert not too_many


def test_hardly_any_capture_has_a_mark_missed_or_too_many(comparisons):
    with_tcp = {name: one for name, one in comparisons.items() if "tcp_window" in one.columns}
    blemished = {
        name
        for name, one in with_tcp.items()
        if any(column.different for column in one.columns.values() if column.name.startswith("mark "))
    }
    assert with_tcp
    assert len(blemished) <= (1 - UNBLEMISHED) * len(with_tcp), blemished


def test_the_differences_with_a_reason_are_those_that_are_listed(comparisons):
    found: dict[str, Counter[str]] = {}
    for name, one in comparisons.items():
        for column in one.columns.values():
            for reason, count in column.explained.items():
                found.setdefault(reason, Counter())[name] += count
    assert found == REMAINING


def test_every_reason_occurs():
    assert {*RULES, *SAME_STREAMS} == REMAINING.keys() | ELSEWHERE
    assert not REMAINING.keys() & ELSEWHERE
