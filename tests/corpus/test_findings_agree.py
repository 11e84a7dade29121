"""Over the whole corpus: no finding says what tshark contradicts."""

from __future__ import annotations

import pytest

from pcap_analyzer.errors import PcapAnalyzerError
from pcap_analyzer.findings import diagnose
from pcap_analyzer.findings.model import Finding
from pcap_analyzer.pipeline import analyze_capture
from tests.corpus.conftest import CorpusFile

REPEATS = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment")
NEEDED = {
    "packet_loss": REPEATS,
    "burst_loss": REPEATS,
    "reordering": ("out_of_order", "lost_segment", "retransmission"),
    "spurious_retransmission": REPEATS,
    "duplicated_packets": REPEATS,
}
"""Marks of tshark of which a finding needs at least one."""


def found_in(file: CorpusFile) -> list[Finding]:
    try:
        return diagnose(analyze_capture(file.path)).findings
    except PcapAnalyzerError:
        return []


@pytest.mark.corpus
def test_nothing_is_named_that_tshark_contradicts(corpus):
    contradicted = []
    for file in corpus:
        if not file.is_capture or file.table is None:
            continue
        found = [one for one in found_in(file) if one.id in NEEDED]
        if found:
            seen = file.summary["counts"]
            contradicted += [
                (file.name, one.id) for one in found if not any(seen.get(f"f.{name}") for name in NEEDED[one.id])
            ]
    assert contradicted == []
