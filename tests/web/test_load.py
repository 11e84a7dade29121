"""Pages that are open and captures that come in, many at a time: health answers, and nobody is told of an error."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.test_serve import process


@pytest.mark.parametrize(
    ("seconds", "pollers", "uploaders", "p99_ms"),
    [
        # Beside other tests on two processors, time says little: here it is about the answers.
        (4, 40, 5, 5000),
        pytest.param(30, 200, 20, 50, marks=pytest.mark.long),
    ],
)
def test_health_answers_while_everybody_asks_and_uploads(
    data_dir: Path, seconds: int, pollers: int, uploaders: int, p99_ms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_QUEUE_SIZE", "1000")
    monkeypatch.setenv("RATE_LIMIT_PER_MINUTE", "0")  # all of them have one address here
    with process(data_dir) as (_, client):
        command = [sys.executable, "-m", "tests.web.load", str(client.base_url).rstrip("/")]
        load = subprocess.run(
            [*command, str(seconds), str(pollers), str(uploaders)],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
    told = json.loads(load.stdout)
    print(told)
    assert {answer.rpartition(" ")[2] for answer in told["answers"]} <= {"200", "201", "204"}
    assert told["answers"]["GET 200"] >= seconds * pollers / 4
    assert told["answers"]["stream 200"] == pollers
    assert told["sent_bytes"] > 0
    assert told["health_ms"]["p99"] < p99_ms
