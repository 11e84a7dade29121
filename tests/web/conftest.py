"""A service and a client of it, for every test that needs nothing special."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.server import serving


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with one worker, room for many, and small uploads."""
    with serving(tmp_path_factory.mktemp("data"), WORKERS="1", MAX_QUEUE_SIZE="100", MAX_UPLOAD_SIZE_MB="2") as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"
