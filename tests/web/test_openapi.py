"""The document says what the service does: every route is in it, and nothing that is asked is an internal error."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pcap_analyzer.adapters.process import WORKER
from pcap_analyzer.web.problems import MEDIA_TYPE
from tests.web.server import give, serving, wait_for
from tests.web.test_access import served

HERE = Path(__file__).parent
LOSSY = HERE.parent / "captures" / "random_loss" / "client.pcap"
SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))
# Not that the service refuses what cannot be told by a schema, as the sort of a column that a table has not.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = {"WORKERS": "1", "RATE_LIMIT_PER_MINUTE": "0"}
    with (
        serving(tmp_path_factory.mktemp("data"), WORKER, **settings) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def document(reader: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = reader.get("/api/openapi.json").json()
    return found


def test_it_is_openapi_3_1_and_its_references_lead_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_operations_have_names_of_their_own_and_say_their_problems(document: dict[str, Any]) -> None:
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) >= 20
    for operation in operations:
        assert operation["summary"]
        wrong = [answer for status, answer in operation["responses"].items() if int(status) >= 400]
        assert wrong
        assert all(MEDIA_TYPE in answer["content"] for answer in wrong if "content" in answer)


def test_every_route_of_the_api_is_in_it(document: dict[str, Any], tmp_path: Path) -> None:
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    offered = {(method, re.sub(r":\w+}", "}", path)) for method, path in served(tmp_path)}
    ours = {one for one in offered if one[1].startswith("/api/") and one[1] not in {"/api/docs", "/api/openapi.json"}}
    # litestar answers OPTIONS everywhere.
    assert {one for one in ours if one[0] != "OPTIONS"} <= described
    assert described - {("GET", "/metrics")} <= ours


def test_the_page_shows_every_operation_and_asks_nobody(reader: httpx.Client, document: dict[str, Any]) -> None:
    page = reader.get("/api/docs").text
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


def fuzz(client: httpx.Client, document: dict[str, Any], folder: Path, seconds: float) -> None:
    """Ask what the document allows, and what it does not, until the time is over."""
    task_id = give(client, LOSSY.read_bytes(), "lossy.pcap")
    wait_for(client, task_id, "succeeded", seconds=60)
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "task_id":
                    parameter["example"] = task_id
    (folder / "openapi.json").write_text(json.dumps(document))
    end = time.monotonic() + seconds
    seed = 0
    while time.monotonic() < end:
        seed += 1
        command = [
            *(
                SCHEMATHESIS,
                "run",
                str(folder / "openapi.json"),
            ),
            *("--url", str(client.base_url), "--checks", CHECKS, "--seed", str(seed), "--no-color"),
            # What it is about would be gone.
            *("--exclude-operation-id", "delete", "--suppress-health-check", "all", "--max-examples", "20"),
        ]
        hooks = {
            "SCHEMATHESIS_HOOKS": "tests.web.openapi_hooks",
            "PYTHONPATH": str(HERE.parent.parent),
        }
        ended = subprocess.run(command, env=os.environ | hooks, cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]


def test_whatever_is_asked_no_internal_error_in_a_minute(
    reader: httpx.Client, document: dict[str, Any], tmp_path: Path
) -> None:
    fuzz(reader, document, tmp_path, 60)


@pytest.mark.long
def test_whatever_is_asked_no_internal_error_in_ten_minutes(
    reader: httpx.Client, document: dict[str, Any], tmp_path: Path
) -> None:
    fuzz(reader, document, tmp_path, 600)
