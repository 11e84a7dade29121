"""Lines are written whole or counted as lost; nobody forges one; the files stay within their bound."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pcap_analyzer.audit import AuditLog, Origin, note, noting
from pcap_analyzer.audit.file import KEPT
from pcap_analyzer.audit.log import opened
from pcap_analyzer.redaction import redaction

HOSTILE = 'a"}\n{"type": "forged"}\x1b[2J\u202e\x7f\u2028é 192.0.2.17'


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def audit(tmp_path: Path) -> AuditLog:
    return opened(tmp_path, "file", 10, redaction("production"))


def test_a_hostile_string_forges_no_line_and_steers_no_terminal(audit: AuditLog, tmp_path: Path) -> None:
    with noting(audit, Origin("stranger", address="192.0.2.17", method="GET", path=HOSTILE)):
        note("access.refused.not_signed_in")
    line = (tmp_path / "audit.jsonl").read_bytes()
    assert line.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    [event] = events(tmp_path / "audit.jsonl")
    assert event["path"] == HOSTILE.replace("192.0.2.17", "<address>")
    assert event["address"] == "<address>"


def test_strings_are_cut(audit: AuditLog, tmp_path: Path) -> None:
    with noting(audit, Origin("stranger", path="/" + "a" * 100_000)):
        note("access.refused.not_signed_in")
    assert len((tmp_path / "audit.jsonl").read_bytes()) < 1000


def test_one_client_is_known_again_in_a_run_and_not_beyond(tmp_path: Path) -> None:
    pseudonyms = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        audit = opened(tmp_path / run, "file", 10, redaction("production"))
        for address in ("192.0.2.17", "192.0.2.17", "192.0.2.18"):
            with noting(audit, Origin("stranger", address=address)):
                note("access.refused.not_signed_in")
        pseudonyms.append([event["client"] for event in events(tmp_path / run / "audit.jsonl")])
    for first, again, another in pseudonyms:
        assert first == again != another
    assert pseudonyms[0][0] != pseudonyms[1][0]


def test_what_is_not_declared_cannot_be_recorded(audit: AuditLog) -> None:
    with pytest.raises(ValueError, match="not declared"):
        audit.record("made.up")
    with pytest.raises(ValueError, match="not declared"):
        audit.record("service.started", password="secret")


def test_the_files_stay_within_their_bound(tmp_path: Path) -> None:
    audit = opened(tmp_path, "file", 1, redaction("production"))
    for _ in range(20_000):
        audit.record("service.started", version="x" * 50)
    files = sorted(tmp_path.iterdir())
    assert len(files) == KEPT + 1
    assert sum(path.stat().st_size for path in files) <= 1 << 20
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    youngest = events(tmp_path / "audit.jsonl")
    assert youngest[1]["type"] == "audit.rotated"
    numbers = [event["number"] for path in reversed(files) for event in events(path)]
    assert numbers[-1] > 20_000
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


def test_a_worker_writes_into_the_file_that_the_service_goes_on_with(tmp_path: Path) -> None:
    worker = opened(tmp_path, "file", 10, str, rotates=False)
    worker.record("worker.stopped")
    (tmp_path / "audit.jsonl").rename(tmp_path / "audit.jsonl.1")
    worker.record("worker.stopped")
    worker.close()
    assert [len(events(tmp_path / name)) for name in ("audit.jsonl.1", "audit.jsonl")] == [1, 1]


def test_what_cannot_be_written_is_counted_and_told(audit: AuditLog, tmp_path: Path) -> None:
    audit.record("service.started")
    lines = audit._lines
    kept, full = lines._descriptor, os.open("/dev/full", os.O_WRONLY)  # type: ignore[attr-defined]
    lines._descriptor = full  # type: ignore[attr-defined]
    audit.record("service.healthy")
    audit.record("service.unhealthy")
    lines._descriptor = kept  # type: ignore[attr-defined]
    audit.record("service.stopped")
    os.close(full)
    told = events(tmp_path / "audit.jsonl")
    assert [event["type"] for event in told] == ["service.started", "audit.lost", "service.stopped"]
    assert told[1]["events"] == 2
    assert told[2]["number"] > told[0]["number"] + 2  # the gap shows it, too
