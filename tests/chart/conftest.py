"""The real helm, and what the chart renders."""

from collections.abc import Callable

import pytest

from tests.chart.rendering import Rendered, render


@pytest.fixture(scope="session")
def helm(component: Callable[[str], str]) -> str:
    return component("helm")


@pytest.fixture(scope="session")
def default(helm: str) -> Rendered:
    """The chart as it is installed without a value."""
    return render(helm)
