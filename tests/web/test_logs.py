"""The log: one JSON object a line, and what identifies people and machines hidden as the mode says."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcap_analyzer.redaction import redaction
from pcap_analyzer.web.logs import start
from tests.jobs.captures import ordering
from tests.web.server import give, wait_for
from tests.web.test_serve import process


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


IDENTIFYING = [
    "192.0.2.17",
    "2001:db8::17",
    "2001:db8:0:1:2:3:4:17",
    "::ffff:192.0.2.17",
    "::1",
    "fe80::17%eth0",
    "[2001:db8::17]:443",
    "192.0.2.17:443",
    "00:00:5e:00:53:17",
    "00-00-5E-00-53-17",
    "0000.5e00.5317",
]


@pytest.mark.parametrize("shown", IDENTIFYING)
def test_production_shows_no_address(shown: str) -> None:
    hidden = redaction("production")(f"a packet from {shown}, at last")
    assert hidden.startswith("a packet from ")
    assert hidden.endswith(", at last")
    assert "17" not in hidden
    assert "db8" not in hidden
    assert "5e" not in hidden.lower()


@pytest.mark.parametrize("shown", IDENTIFYING)
def test_development_shows_the_network_and_not_the_machine(shown: str) -> None:
    assert "17" not in redaction("development")(f"a packet from {shown}, at last")


def test_development_keeps_what_tells_networks_apart() -> None:
    hide = redaction("development")
    assert hide("10.1.2.3") == "10.1.x.x"
    assert hide("2001:db8::17") == "2001:db8:<address>"
    assert hide("00:00:5e:00:53:17").startswith("00:00:5e:")


@pytest.mark.parametrize("mode", ["production", "development", "debug"])
@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Bearer s3cr3t",
        "Authorization: Basic s3cr3t",
        'login with {"password": "s3cr3t"}',
        "postgresql://someone:s3cr3t@db/pcap",
        "Cookie: pcap_analyzer_session=s3cr3t",
        "/login?token=s3cr3t&next=/",
        "x-csrf-token: s3cr3t",
        "AUTH_TOKEN='s3cr3t'",
    ],
)
def test_no_mode_shows_credentials(mode: str, said: str) -> None:
    assert "s3cr3t" not in redaction(mode)(said)


def test_debug_shows_addresses() -> None:
    assert redaction("debug")("from 192.0.2.17 and fe80::17") == "from 192.0.2.17 and fe80::17"


@pytest.mark.parametrize(
    "said",
    [
        "at 08:41:52 the analysis 123e4567-e89b-12d3-a456-426614174000 ended",
        "pcap_analyzer/web/logs.py:17 in start",
        "3 analyses were running when the service ended",
    ],
)
def test_what_identifies_nobody_stays(said: str) -> None:
    assert redaction("production")(said) == said


def test_a_line_is_an_object_and_hides_in_every_part(stream: io.StringIO) -> None:
    start("INFO", "production", hidden=("the-token-itself",), stream=stream)
    try:
        raise ValueError("cannot reach 192.0.2.17\nwith the-token-itself")
    except ValueError:
        logging.getLogger("some.library").exception(
            "for %s\nforged", "2001:db8::17", extra={"peer": ("192.0.2.17", 443), "session": "abc", "size": 17}
        )
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1  # a line break in a message begins no line of its own
    line = json.loads(lines[0])
    assert (line["level"], line["logger"], line["size"]) == ("error", "some.library", 17)
    assert line["event"] == "for <address>\nforged"
    assert "ValueError: cannot reach <address>" in line["exception"]
    assert line["timestamp"].endswith("Z")
    told = json.dumps(line)
    assert "192.0.2" not in told
    assert "the-token-itself" not in told
    assert "abc" not in told


def test_the_level_holds(stream: io.StringIO) -> None:
    start("WARNING", "production", stream=stream)
    logging.getLogger("ours").info("nobody asks")
    assert stream.getvalue() == ""


def test_the_service_logs_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "192.0.2.17.html").write_bytes(b"")  # an orphan that the start removes, and tells of
    with process(tmp_path) as (_, client):
        assert client.get("/api/health").status_code == 200
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["event"] for line in lines if "belongs to no analysis" in line["event"]] == [
        "removing 'reports/<address>.html', which belongs to no analysis"
    ]


def test_real_traffic_leaves_no_address_in_either_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, wrong = "the-token-of-this-test", "a-wrong-token-of-somebody"
    monkeypatch.setenv("AUTH_TOKEN", token)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    told = f"{'/'.join(IDENTIFYING)}/{token}"
    with process(tmp_path) as (_, client):
        for shown in (wrong, token):
            client.headers["Authorization"] = f"Bearer {shown}"
            for path in (f"/{told}", f"/api/history?host={told}", f"/static/{told}", f"/api/status/{told}"):
                client.get(path, headers={"Host": "192.0.2.17", "Referer": f"http://{IDENTIFYING[0]}/"})
            client.post("/login", data={"token": shown, "next": f"/{told}"})
            client.get("/api/history", headers={"Cookie": f"pcap_analyzer_session={told}", "Authorization": ""})
        for behaviour in (
            "raise 192.0.2.17",
            "raise 2001:db8::17",
            "raise 00:00:5e:00:53:17",
            f"raise {token}",
            "crash",
        ):
            wait_for(client, give(client, ordering(behaviour), f"{IDENTIFYING[0]} {IDENTIFYING[8]}.pcap"), "failed")
        client.post("/api/upload", files={"file": ("fe80::17", b"192.0.2.17")})
    written = capfd.readouterr().err + "".join(path.read_text() for path in tmp_path.glob("audit.jsonl*"))
    assert written.count("\n") > 20
    for secret in (*IDENTIFYING, "127.0.0.1", "::17", token, wrong):
        assert secret not in written, secret


def test_what_a_worker_says_is_redacted_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with process(tmp_path) as (_, client):
        wait_for(client, give(client, ordering("raise 192.0.2.17")), "failed")
    told = capfd.readouterr().err
    assert "RuntimeError: cannot read <address>" in told
    assert "192.0.2.17" not in told
