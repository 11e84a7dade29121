"""The twin agrees with tshark on every packet of the corpus, but for the differences that have a name here.

Run with -s to see the agreement of every column.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.reference import golden as tshark
from tests.reference import reader
from tests.reference.differences import DIFFERENCES
from tests.reference.packets import decode
from tests.reference.streams import Streams

Differing = Counter[tuple[str, str]]  # (capture, column) → packets


class Agreement:
    """Both sides of the corpus side by side."""

    def __init__(self, captures: Path, golden: Path) -> None:
        self.compared: Counter[str] = Counter()
        self.differing: Differing = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        self.counts: dict[str, tuple[int, int | None]] = {}  # capture → tshark's and the twin's packets
        for name, entry in sorted(tshark.index(golden).items()):
            self._compare(name, entry, (captures / name).read_bytes(), golden)

    def _compare(self, name: str, entry: dict[str, object], data: bytes, golden: Path) -> None:
        try:
            records = reader.read(data).records
        except reader.NotACapture:
            records = None
        self.counts[name] = int(str(entry["packets"])), None if records is None else len(records)
        streams = Streams()
        for record, row in zip(records or [], tshark.rows(golden, name), strict=False):
            found = tshark.found(record, decode(record.frame, record.original, record.link_type), streams)
            for column, value in tshark.expected(row).items():
                self.compared[column] += 1
                if found[column] != value:
                    self.differing[name, column] += 1
                    self.examples.setdefault(
                        (name, column), f"packet {row['num']}: twin {found[column]!r}, tshark {value!r}"
                    )


@pytest.fixture(scope="module")
def agreement(captures: Path, golden: Path) -> Agreement:
    return Agreement(captures, golden)


def test_the_twin_reads_as_many_packets_as_tshark(agreement: Agreement, golden: Path) -> None:
    index = tshark.index(golden)
    wrong = {}
    for name, (theirs, ours) in agreement.counts.items():
        # tshark takes some files for other things than captures, and refuses link types that it does not know.
        foreign = index[name]["type"] in ("mime", "erf") or "network type" in str(index[name]["error"])
        if not foreign and theirs != (ours or 0):
            wrong[name] = theirs, ours
    assert not wrong


def test_the_twin_decodes_as_tshark_does_but_for_named_differences(agreement: Agreement) -> None:
    named = {(capture, column): count for _, capture, columns in DIFFERENCES for column, count in columns.items()}
    unexpected = {
        key: f"{agreement.differing[key]} packets differ, {named.get(key, 0)} named; {agreement.examples.get(key)}"
        for key in {*agreement.differing, *named}
        if agreement.differing[key] != named.get(key, 0)
    }
    for column, packets in agreement.compared.items():
        differing = sum(count for (_, other), count in agreement.differing.items() if other == column)
        print(f"{column:12} {packets:7} packets, {differing:5} differ: {100 - 100 * differing / packets:.4f} %")
    assert not unexpected, "\n".join(f"{key}: {what}" for key, what in sorted(unexpected.items()))
