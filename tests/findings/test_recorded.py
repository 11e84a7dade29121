"""What was done to a link is what the diagnosis names: the recordings of both ends, with their truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pcap_analyzer.findings import diagnose
from pcap_analyzer.findings.model import Diagnosis, Finding
from pcap_analyzer.pipeline import analyze_capture

ENDS = ("client", "server")
UP, DOWN = "client_to_server", "server_to_client"
QUARTER, FIFTH = 0.25, 0.2
Recorded = Callable[[str, str], Diagnosis]


@pytest.fixture(scope="module")
def recorded(captures: Path) -> Recorded:
    def diagnosis(scenario: str, end: str) -> Diagnosis:
        return diagnose(analyze_capture(captures / "recorded" / f"{scenario}.{end}.pcap"))

    return diagnosis


@pytest.fixture(scope="module")
def truth(captures: Path) -> Callable[[str], dict[str, Any]]:
    return lambda scenario: json.loads((captures / "recorded" / f"{scenario}.truth.json").read_text())


def of(diagnosis: Diagnosis, name: str, direction: str | None = None) -> Finding:
    found = [one for one in diagnosis.findings if one.id == name and direction in (None, one.direction)]
    assert found, f"{name} {direction or ''} is not among {[one.id for one in diagnosis.findings]}"
    return found[0]


def names(diagnosis: Diagnosis) -> set[str]:
    return {one.id for one in diagnosis.findings}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("scenario", ["loss_cubic", "v6_burst_nosack", "bottleneck_queue"])
def test_the_share_of_loss_is_that_of_the_link(recorded, truth, scenario, end):
    diagnosis = recorded(scenario, end)
    link = truth(scenario)["link_did"]["up"]
    share = (link["lost"] + link["queue_full"]) / link["received"]
    assert diagnosis.findings[0].id == "packet_loss"
    assert of(diagnosis, "packet_loss").direction == UP
    assert of(diagnosis, "packet_loss").measure.value == pytest.approx(share, rel=QUARTER)


@pytest.mark.parametrize(
    ("end", "place"),
    [("client", "between the capture point and the server"), ("server", "between the client and the capture point")],
)
def test_loss_is_on_the_right_side_of_the_capture_point(recorded, end, place):
    assert place in of(recorded("loss_cubic", end), "packet_loss").cause


@pytest.mark.parametrize("end", ENDS)
def test_losses_in_bursts_are_told_from_single_ones(recorded, end):
    assert of(recorded("v6_burst_nosack", end), "burst_loss").direction == UP
    assert "burst_loss" not in names(recorded("loss_cubic", end))


@pytest.mark.parametrize("end", ENDS)
def test_the_queue_is_as_long_as_it_was(recorded, truth, end):
    link = truth("bottleneck_queue")["link"]["client>server"]
    full_ms = link["queue"] * 1514 * 8 / (link["rate_mbit"] * 1e6) * 1e3
    found = of(recorded("bottleneck_queue", end), "bufferbloat")
    assert found.direction == UP
    assert found.measure.unit == "ms"
    assert found.measure.value == pytest.approx(full_ms, rel=FIFTH)


def test_the_queue_is_on_the_right_side_of_the_capture_point(recorded):
    assert "between the client and the capture point" in of(recorded("bottleneck_queue", "server"), "bufferbloat").cause


@pytest.mark.parametrize(("end", "direction"), [("client", DOWN), ("server", UP)])
def test_reordering_and_copies_are_no_loss(recorded, end, direction):
    diagnosis = recorded("reorder_double", end)
    assert "packet_loss" not in names(diagnosis)
    assert diagnosis.findings[0].id == "reordering"
    here, there = of(diagnosis, "reordering", direction), of(diagnosis, "reordering", DOWN if direction == UP else UP)
    assert "and the capture point." in here.cause
    assert "between the capture point and the" in there.cause
    assert of(diagnosis, "duplicated_packets").direction == direction
    assert of(diagnosis, "spurious_retransmission").direction == DOWN


@pytest.mark.parametrize("end", ENDS)
def test_how_connections_behave_is_named(recorded, end):
    diagnosis = recorded("tcp_behaviour", end)
    assert of(diagnosis, "syn_unanswered").measure.value == 1
    assert of(diagnosis, "connection_refused").measure.value == 1
    assert of(diagnosis, "receiver_limited").direction == UP
    assert "does not read" in of(diagnosis, "receiver_limited").cause
    assert of(diagnosis, "connection_reset", UP).measure.value == 3
    assert of(diagnosis, "connection_reset", DOWN).measure.value == 1
    assert "packet_loss" not in names(diagnosis)


@pytest.mark.parametrize("end", ENDS)
def test_a_clean_network_is_clean(recorded, end):
    diagnosis = recorded("mixed_clean", end)
    assert names(diagnosis) == {"dns_errors", "dns_unanswered"}


def test_jitter_is_seen_where_the_stream_arrives(recorded, truth):
    said = truth("voice_jitter")["workload"]["iperf3"]["client"]["sum"]["jitter_ms"]
    found = of(recorded("voice_jitter", "server"), "jitter", UP)
    assert found.measure.value == pytest.approx(said, rel=QUARTER)
    assert "jitter" not in names(recorded("voice_jitter", "client"))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("scenario", ["bottleneck_queue", "reorder_double", "tcp_behaviour", "v6_burst_nosack"])
def test_a_finding_can_be_checked(recorded, scenario, end):
    for found in recorded(scenario, end).findings:
        assert 0 <= found.confidence <= 1
        assert 0 <= found.share <= 1
        assert found.flows
        assert found.evidence
        assert found.span is not None
        assert found.title.endswith(".")
        assert found.filter
        assert found.source
