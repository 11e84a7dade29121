"""The score, its parts, and that worse never scores better."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.findings import thresholds
from pcap_analyzer.findings.health import WEIGHTS, health_of
from pcap_analyzer.findings.model import Finding, Measure, Part, harm_of, reaching, severity_of

PARTS = get_args(Part)
TABLES = [value for name, value in vars(thresholds).items() if name.endswith("_HARM")]
harms = st.floats(0, 1)


def finding(part: Part, harm: float) -> Finding:
    return Finding(
        *("x", severity_of(harm), 1.0, "none", Measure("x", 1, "x"), "X.", "", "", [], 0, 0.0, None, [], "", ""),
        part,
        harm,
    )


def score(findings: list[Finding]) -> int:
    health = health_of(findings, set(PARTS))
    assert health.score is not None
    return health.score


def test_every_part_has_a_weight():
    assert set(WEIGHTS) == set(PARTS)


def test_nothing_measured_has_no_score():
    health = health_of([], set())
    assert health.score is None
    assert all(part.score is None for part in health.parts)


def test_a_network_without_findings_has_full_marks_in_what_was_measured():
    health = health_of([], {"loss"})
    assert health.score == 100
    assert {part.part: part.score for part in health.parts if part.score is not None} == {"loss": 100}


def test_one_part_that_fails_wholly_is_not_hidden_by_six_that_are_well():
    assert score([finding("connections", 1.0)]) == 10


findings = st.lists(st.builds(finding, st.sampled_from(PARTS), harms), max_size=8)


@given(findings, st.sampled_from(PARTS), harms)
def test_one_finding_more_never_scores_better(found, part, harm):
    assert score([*found, finding(part, harm)]) <= score(found)


@given(findings, st.sampled_from(PARTS), harms, harms)
def test_more_harm_never_scores_better(found, part, one, other):
    mild, bad = sorted((one, other))
    assert score([*found, finding(part, bad)]) <= score([*found, finding(part, mild)])


@pytest.mark.parametrize("table", TABLES)
@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_harm_rises_with_the_measure(table, one, other):
    low, high = sorted((one, other))
    assert 0 <= harm_of(low, table) <= harm_of(high, table) <= 1


@given(harms, harms, harms)
def test_what_reaches_further_harms_more(harm, one, other):
    low, high = sorted((one, other))
    assert reaching(harm, low) <= reaching(harm, high) <= harm


def test_an_evidence_free_part_takes_nothing():
    assert health_of([finding("loss", 0.5)], {"loss"}).score == health_of([finding("loss", 0.5)], set(PARTS)).score
