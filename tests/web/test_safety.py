"""Every answer carries its headers; what another site or a foreign name sends is turned away."""

import re

import httpx
import pytest

from tests.jobs.captures import capture


@pytest.mark.parametrize(
    "path", ["/", "/api/health", "/static/upload.js", "/static/page.css", "/nowhere", "/api/upload"]
)
def test_every_answer_has_the_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers


def test_scripts_run_by_a_nonce_that_is_never_the_same(client: httpx.Client) -> None:
    seen = set()
    for _ in range(3):
        page = client.get("/")
        [nonce] = re.findall(r"script-src 'nonce-([\w-]{20,})'", page.headers["content-security-policy"])
        assert re.findall(r"<script[^>]*>", page.text) == [
            f'<script type="module" nonce="{nonce}" src="/static/{name}.js">' for name in ("page", "upload")
        ]
        seen.add(nonce)
    assert len(seen) == 3


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1:80", ""]
)
def test_a_foreign_name_is_turned_away(client: httpx.Client, host: str) -> None:
    answer = client.get("/api/history", headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["type"] == "urn:pcap-analyzer:problem:wrong-host"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_loopback_names_are_served(client: httpx.Client, host: str) -> None:
    assert client.get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_another_site_cannot_upload(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.post("/api/upload", files={"file": ("a.pcap", capture())}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:pcap-analyzer:problem:cross-site"


def test_our_own_page_and_programs_can_upload(client: httpx.Client, address: str) -> None:
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": address}):
        assert client.post("/api/upload", files={"file": ("a.pcap", capture())}, headers=headers).status_code == 202


@pytest.mark.parametrize(
    "path", ["%00", "A" * 300, "A/" * 3000, "page.css/x", "%ff", "..%2fapp.py", "%2e%2e/app.py", "%2fetc/passwd", ""]
)
def test_no_path_below_static_is_an_error_of_ours(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/static/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
