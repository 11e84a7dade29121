"""A short delay counts where it comes again; at one moment alone any host may have been held up."""

from __future__ import annotations

import pytest

from pcap_analyzer.analysis.watches import Told
from pcap_analyzer.findings.slow_handshake import comes_again
from pcap_analyzer.findings.thresholds import HANDSHAKE_APART, MS


@pytest.mark.parametrize(
    ("begun", "again"),
    [([0], False), ([0, 50 * MS, 90 * MS], False), ([0, HANDSHAKE_APART], True), ([HANDSHAKE_APART, 5, 0], True)],
)
def test_connections_opened_together_are_one_moment(begun, again):
    assert comes_again(Told(flows=len(begun), worst=[{"first_ns": one} for one in begun])) is again
