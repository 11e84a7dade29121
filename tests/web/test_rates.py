"""Whoever asks too often waits, by address and by session; probes never do; proxies are believed where named."""

import json
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.web import rates
from pcap_analyzer.web.rates import Rates
from tests.web.server import serving
from tests.web.test_access import TOKEN, Clock, sign_in


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    limit = Rates(60, now=clock)
    assert [limit.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert limit.wait_s("a") == pytest.approx(1.0)
    assert limit.wait_s("b") == 0
    clock.now += 1
    assert limit.wait_s("a") == 0
    assert limit.wait_s("a") > 0
    clock.now += 3600
    assert [limit.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert limit.wait_s("a") > 0


def test_what_is_remembered_is_bounded_and_the_busy_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MAX_COUNTED", 10)
    limit = Rates(2, now=Clock())
    for number in range(100):
        limit.wait_s("busy")
        limit.wait_s(str(number))
    assert len(limit._buckets) == 10
    assert limit.wait_s("busy") > 0


def test_whoever_asks_too_often_is_429_and_probes_are_not(tmp_path: Path) -> None:
    with serving(tmp_path, RATE_LIMIT_PER_MINUTE="5") as address, httpx.Client(base_url=address) as client:
        answers = [client.get("/api/queue/status") for _ in range(20)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert answers[0].status_code == 200
        assert len(limited) >= 10
        for answer in limited:
            assert answer.json()["type"] == "urn:pcap-analyzer:problem:too-many-requests"
            assert 1 <= int(answer.headers["retry-after"]) <= 12
        assert {client.get("/api/health").status_code for _ in range(20)} == {200}
    told = [json.loads(line)["type"] for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert told.count("limit.requests") == 1


def test_strangers_are_limited_before_they_are_asked(tmp_path: Path) -> None:
    with serving(tmp_path, AUTH_TOKEN=TOKEN, RATE_LIMIT_PER_MINUTE="5") as address:
        told = [httpx.get(f"{address}/api/history").status_code for _ in range(10)]
    assert told[0] == 401
    assert 429 in told


def test_a_session_is_limited_wherever_it_comes_from(tmp_path: Path) -> None:
    settings = {"AUTH_TOKEN": TOKEN, "RATE_LIMIT_PER_MINUTE": "10", "TRUSTED_PROXIES": "127.0.0.1"}
    with serving(tmp_path, **settings) as address, httpx.Client(base_url=address) as client:
        sign_in(client)
        told = [
            client.get("/api/history", headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
            for number in range(20)
        ]
        assert told[0] == 200
        assert told.count(429) >= 5


@pytest.mark.parametrize(("trusted", "limited"), [("127.0.0.0/8", False), ("", True), ("192.0.2.1", True)])
def test_only_a_named_proxy_says_for_whom_it_asks(tmp_path: Path, trusted: str, limited: bool) -> None:
    with serving(tmp_path, RATE_LIMIT_PER_MINUTE="5", TRUSTED_PROXIES=trusted) as address:
        told = {
            httpx.get(f"{address}/api/history", headers={"X-Forwarded-For": f"evil, 198.51.100.{number}"}).status_code
            for number in range(15)
        }
    assert (429 in told) is limited


def test_no_limit_is_none() -> None:
    limit = Rates(0, now=Clock())
    assert {limit.wait_s("a") for _ in range(1000)} == {0.0}
