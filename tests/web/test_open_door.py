"""A service that others can reach, started without a word about tokens: it makes one, and asks everybody for it."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.test_access import PUBLIC, routes

SERVE = "from pcap_analyzer.web import serve; serve.run(host='0.0.0.0', port=0)"


@pytest.fixture
def reached(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Its address as others see it, and the token it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTH_")}
    environment["DATA_DIR"] = str(tmp_path / "data")
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            port = re.search(r"http://0\.0\.0\.0:(\d+)/", service.stdout.readline())
            token = re.search(r"Sign in with the token (\S+) ", service.stdout.readline())
            assert port
            assert token
            yield f"http://{own_address()}:{port[1]}", token[1]
        finally:
            service.kill()


def own_address() -> str:
    """By which others would reach this machine; loopback where there are no others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards:
        try:
            towards.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return str(towards.getsockname()[0])


def test_without_a_token_nothing_opens_but_health_and_sign_in(reached: tuple[str, str], tmp_path: Path) -> None:
    address, token = reached
    asked = routes(tmp_path)
    with httpx.Client(base_url=address, timeout=30) as client:
        for method, path in asked:
            if path not in PUBLIC:
                assert client.request(method, path).status_code == 401, (method, path)
        assert client.get("/api/health").status_code == 200
        assert client.get("/login").status_code == 200
        assert client.get("/api/history", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert len(asked) > 25
