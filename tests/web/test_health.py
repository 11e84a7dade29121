"""Health says whether the service is alive and can take work."""

from pathlib import Path

import httpx
import pytest
import sqlalchemy

from pcap_analyzer import __version__
from tests.web.server import serving


def test_a_healthy_service_says_so(client: httpx.Client) -> None:
    answer = client.get("/api/health")
    told = answer.json()
    assert answer.status_code == 200
    assert told["status"] in {"healthy", "degraded"}
    assert told["version"] == __version__
    assert told["uptime_seconds"] >= 0
    assert told["active_analyses"] == told["queue_size"] == 0
    assert told["disk_space_gb"] > 0


@pytest.mark.parametrize("probe", ["liveness", "readiness"])
def test_probes_of_a_healthy_service_succeed(client: httpx.Client, probe: str) -> None:
    assert client.get("/api/health", params={"probe": probe}).status_code == 200


def test_a_broken_store_is_alive_but_not_ready(data_dir: Path) -> None:
    with serving(data_dir) as address, httpx.Client(base_url=address) as client:
        engine = sqlalchemy.create_engine(f"sqlite:///{data_dir}/pcap_analyzer.db")
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("ALTER TABLE analyses RENAME TO lost"))
        engine.dispose()
        assert client.get("/api/health?probe=liveness").status_code == 200
        answer = client.get("/api/health?probe=readiness")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unhealthy"
        assert "sql" not in answer.text.lower()
        broken = client.get("/api/history")
        assert broken.status_code == 500
        assert "sql" not in broken.text.lower()
