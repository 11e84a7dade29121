"""Recordings hold what their scenarios promise: those of tests/captures, and those made in this run."""

import json

import pytest

from tests.traffic.cases import KEPT, cases, kept
from tests.traffic.listing import listing
from tests.traffic.scenarios import SCENARIOS
from tests.traffic.shown import broken_promises

# One of each kind; the others in check-long.
IN_CI = ("bufferbloat", "http_keep_alive", "mtu_black_hole", "port_scan", "slow_server")
LARGEST_CAPTURE, LARGEST_OF_ALL = 300_000, 4_200_000


def recording_parameters():
    return [pytest.param(name, marks=() if name in IN_CI else pytest.mark.long) for name in sorted(SCENARIOS)]


@pytest.mark.parametrize("name", recording_parameters())
def test_a_fresh_recording_holds_what_its_scenario_promises(name, fresh, component):
    component("tshark")
    case = fresh(name)[0]
    assert broken_promises(case.capture.parent, case.truth) == [], f"TRAFFIC_SEED={case.truth['seed']}"


@pytest.mark.parametrize("name", recording_parameters())
def test_tcpdump_and_link_missed_no_packet(name, fresh):
    case = fresh(name)[0]
    for count in case.truth["captures"].values():
        assert count["dropped_by_kernel"] == 0
        assert count["captured"] == count["received_by_filter"]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_kept_recording_holds_what_its_scenario_promises(name, component):
    component("tshark")
    truth = json.loads((KEPT / name / "truth.json").read_text())
    assert broken_promises(KEPT / name, truth) == []


def test_every_scenario_is_kept_and_listed_with_purpose_and_seed():
    assert {case.name for case in kept()} == SCENARIOS.keys()
    assert (KEPT / "README.md").read_text() == listing(), "write it anew: python -m tests.traffic.listing"


def test_kept_recordings_are_small():
    sizes = [case.capture.stat().st_size for case in kept()]
    assert max(sizes) <= LARGEST_CAPTURE
    assert sum(sizes) <= LARGEST_OF_ALL


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_expected_findings_are_said_for_every_capture_and_nothing_else_is_kept(name):
    known = {case.capture.name for case in cases(KEPT / name)}
    assert {path.name for path in (KEPT / name).iterdir()} == known | {"truth.json"}
