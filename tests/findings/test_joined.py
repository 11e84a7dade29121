"""Findings of one kind are not listed by the hundred, and none is lost from the count."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.findings import KEPT_ALIKE, joined
from pcap_analyzer.findings.model import Finding, Measure, severity_of


def finding(kind: str, harm: float) -> Finding:
    return Finding(
        *(kind, severity_of(harm), 1.0, "none", Measure("x", 1, "x"), "X.", "", "", [], 0, 0.0, None, [], "", ""),
        "loss",
        harm,
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=60))
def test_the_worst_of_each_kind_stay_in_order_and_the_first_says_how_many_more(drawn):
    found = sorted((finding(*one) for one in drawn), key=lambda one: -one.harm)
    listed = joined(found)
    assert [one.harm for one in listed] == sorted((one.harm for one in listed), reverse=True)
    assert all(count <= KEPT_ALIKE for count in Counter(one.id for one in listed).values())
    for kind in "abc":
        kept = [one for one in listed if one.id == kind]
        assert len(kept) + sum(one.alike for one in kept) == sum(one.id == kind for one in found)
        assert all(one.alike == 0 for one in kept[1:])
        assert [one.harm for one in kept] == [one.harm for one in found if one.id == kind][:KEPT_ALIKE]
