"""Fresh recordings for tests: `fresh("bufferbloat")` is the list of its cases, recorded once a session."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.traffic.cases import Case, record_afresh
from tests.traffic.namespaces import why_not


@pytest.fixture(scope="session")
def fresh(tmp_path_factory, component, traffic_seed) -> Callable[[str], list[Case]]:
    """Records with the seed of the session, which pytest names at its start. Skips where there are no namespaces."""
    component("ip")
    component("tcpdump")
    if lacking := why_not():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("traffic")
    return cache(lambda name: record_afresh(name, traffic_seed, folder))
