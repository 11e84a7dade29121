"""Every declared type of event happens: each is made to, through HTTP, a command, or an accident of the service."""

from pathlib import Path

import pytest

from pcap_analyzer.audit import DECLARED
from pcap_analyzer.audit.declared import COMMON
from tests.audit import access_drivers, analysis_drivers, upload_drivers
from tests.audit.drivers import DRIVERS, Driver, World

ALL = (access_drivers, analysis_drivers, upload_drivers)


def test_every_declared_type_is_driven_and_no_other() -> None:
    assert ALL
    assert set(DRIVERS) == set(DECLARED)


@pytest.mark.parametrize("driver", dict.fromkeys(DRIVERS.values()), ids=lambda driver: driver.__name__)
def test_it_is_recorded(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch)
    driver(world)
    monkeypatch.undo()
    events = world.events()
    assert {kind for kind, known in DRIVERS.items() if known is driver} <= {event["type"] for event in events}
    for event in events:
        fields = set(event) - set(COMMON)
        assert fields <= set(DECLARED[event["type"]].fields), event
        assert {"time", "run", "number", "type"} <= set(event), event
        assert "127.0.0.1" not in str(event), event
