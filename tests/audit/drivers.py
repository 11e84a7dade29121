"""What makes the service record each type of event: requests and accidents, never a call of the audit log."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy

from tests.web.server import serving

TOKEN = "a-token-of-the-tests"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


class World:
    """A folder for a service, and what a driver may bend."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch

    @contextmanager
    def service(self, **settings: str) -> Iterator[httpx.Client]:
        """A running service, and a client of it; with few workers and small uploads unless told otherwise."""
        given = {"WORKERS": "1", "MAX_QUEUE_SIZE": "50", "MAX_UPLOAD_SIZE_MB": "2", **settings}
        with serving(self.folder, **given) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield client

    def sql(self, statement: str) -> None:
        """Change the database behind the back of the service."""
        engine = sqlalchemy.create_engine(f"sqlite:///{self.folder}/pcap_analyzer.db")
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement))
        engine.dispose()

    def make_old(self) -> None:
        """Let everything have happened long ago."""
        past = "'2001-01-01 00:00:00.000000'"
        self.sql(f"UPDATE analyses SET expires_at = {past} WHERE expires_at IS NOT NULL")
        self.sql(f"UPDATE analyses SET finished_at = {past} WHERE finished_at IS NOT NULL")

    def events(self) -> list[dict[str, Any]]:
        """All that was recorded."""
        lines = [line for path in self.folder.glob("audit.jsonl*") for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines]

    def wait_for_event(self, kind: str) -> None:
        """Until it is recorded: of a connection that ended, the service hears later than its client."""
        end = time.monotonic() + 20
        while kind not in {event["type"] for event in self.events()}:
            assert time.monotonic() < end, kind
            time.sleep(0.02)


Driver = Callable[[World], None]
DRIVERS: dict[str, Driver] = {}


def drives(*kinds: str) -> Callable[[Driver], Driver]:
    """Marks what makes all of `kinds` happen."""

    def mark(driver: Driver) -> Driver:
        for kind in kinds:
            assert kind not in DRIVERS, kind
            DRIVERS[kind] = driver
        return driver

    return mark
