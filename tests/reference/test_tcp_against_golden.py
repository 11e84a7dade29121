"""The twin of the TCP analysis agrees with tshark on every packet of the corpus, but for the differences named here.

Run with -s to see what is missed and extra of every mark, and the captures with any difference.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.reference import golden as tshark
from tests.reference import reader
from tests.reference.packets import decode
from tests.reference.tcp_capture import Analysis
from tests.reference.tcp_golden import VALUES, expected_marks, expected_values, found_marks, found_values
from tests.reference.tcp_segments import Verdict

CIRCUITS = "over Frame Relay, where a stream is a circuit's, tshark loses the window scale"
NETLINK = "of several netlink messages in a frame the twin reads the first"

# Reason, capture, and by mark or column the packets that differ.
DIFFERENCES: tuple[tuple[str, str, dict[str, int]], ...] = (
    (CIRCUITS, "derived/link_frelay.pcap", {"tcp_win": 33}),
    (
        NETLINK,
        "pcapsql/netlink-nflog.pcap",
        {"retransmission": 1, "a_bytes_in_flight": 1, "a_acks_frame": 2, "a_ack_rtt": 1, "a_initial_rtt": 1},
    ),
)


class Agreement:
    """Both sides of the corpus side by side, by mark (missed and extra) and by column (differing)."""

    def __init__(self, captures: Path, golden: Path) -> None:
        self.there: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.extra: Counter[str] = Counter()
        self.differing: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        for name in sorted(tshark.index(golden)):
            self._compare(name, (captures / name).read_bytes(), golden)

    def _compare(self, name: str, data: bytes, golden: Path) -> None:
        try:
            records = reader.read(data).records
        except reader.NotACapture:
            return
        analysis = Analysis()
        for record, row in zip(records, tshark.rows(golden, name), strict=False):
            packet = decode(record.frame, record.original, record.link_type)
            said = analysis.add(int(row["num"]), record.timestamp, packet)
            if said or row["tcp_stream"]:
                self._compare_row(name, row, said[-1][2] if said else None)

    def _compare_row(self, name: str, row: tshark.Row, verdict: Verdict | None) -> None:
        marks, found = expected_marks(row), found_marks(verdict)
        self.there.update(marks)
        self.missed.update(marks - found)
        self.extra.update(found - marks)
        different = marks ^ found
        values = found_values(verdict)
        for column, value in expected_values(row).items():
            if verdict is None and column == "tcp_win":
                continue
            self.there[column] += value != ""
            if value != values[column]:
                self.missed[column] += value != ""
                self.extra[column] += values[column] != ""
                different.add(column)
        for what in different:
            self.differing[name, what] += 1
            self.examples.setdefault((name, what), f"packet {row['num']}: tshark {row['flags']} twin {verdict}")

    def table(self) -> str:
        head = f"{'':24} {'tshark':>7} {'missed':>7} {'extra':>7}"
        whats = sorted({*self.there, *self.extra, *VALUES})
        lines = [f"{what:24} {self.there[what]:7} {self.missed[what]:7} {self.extra[what]:7}" for what in whats]
        lines += [f"{name}: {count} {what}" for (name, what), count in sorted(self.differing.items())]
        return "\n".join([head, *lines])


@pytest.fixture(scope="module")
def agreement(captures: Path, golden: Path) -> Agreement:
    return Agreement(captures, golden)


def test_the_twin_judges_every_segment_as_tshark_does_but_for_named_differences(agreement: Agreement) -> None:
    print(agreement.table())
    named = {(capture, what): count for _, capture, columns in DIFFERENCES for what, count in columns.items()}
    unexpected = {
        key: f"{agreement.differing[key]} packets differ, {named.get(key, 0)} named; {agreement.examples.get(key)}"
        for key in {*agreement.differing, *named}
        if agreement.differing[key] != named.get(key, 0)
    }
    assert not unexpected, "\n".join(f"{key}: {what}" for key, what in sorted(unexpected.items()))
