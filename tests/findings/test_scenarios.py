"""Each recorded scenario has its cause first; the clean ones have none. See tests/captures/README.md."""

from __future__ import annotations

import subprocess

import pytest

from pcap_analyzer.findings import diagnose, found_so_far
from pcap_analyzer.pipeline import analyze_capture
from tests.traffic.cases import Case, kept

CASES = kept()
UNSHOWN = {"dns_errors", "dns_slow"}
"""Findings whose evidence is the question, while their filter shows the answer."""
SILENCE = {"syn_unanswered", "idle_drop", "connection_lost", "mtu_black_hole"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_cause_comes_first_and_nothing_else_is_named(case: Case):
    found = diagnose(analyze_capture(case.capture)).findings
    assert {one.id for one in found} <= {one["id"] for one in case.first} | set(case.also)
    if not case.first:
        return
    top = found[0]
    expected = next(one for one in case.first if one["id"] == top.id)
    assert expected["direction"] in (None, top.direction)
    if expected["measure"] is not None:
        wanted = expected["measure"]["value"]
        assert top.measure.value == pytest.approx(wanted, abs=expected["tolerance"] * abs(wanted))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_only_what_silence_shows_waits_for_the_end(case: Case):
    analysis = analyze_capture(case.capture)
    so_far = [one.id for one in found_so_far(analysis)]
    assert so_far == [one for one in dict.fromkeys(one.id for one in diagnose(analysis).findings) if one not in SILENCE]


@pytest.mark.parametrize("case", [case for case in CASES if case.first], ids=str)
def test_wireshark_shows_what_a_filter_promises(case: Case, component):
    for found in diagnose(analyze_capture(case.capture)).findings:
        command = [component("tshark"), "-n", "-r", str(case.capture), "-Y", found.filter, "-T", "fields"]
        done = subprocess.run([*command, "-e", "frame.number"], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, (found.id, found.filter, done.stderr)
        shown = {int(number) for number in done.stdout.split()}
        assert shown, (found.id, found.filter)
        assert shown & {one.frame for one in found.evidence} or found.id in UNSHOWN, (found.id, found.filter)
