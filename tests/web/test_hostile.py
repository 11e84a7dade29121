"""Captures that are made to break their analysis: each has a clear answer, and the service goes on as before."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from backports import zstd

from pcap_analyzer.adapters.process import WORKER
from pcap_analyzer.wiring import live_flows
from tests.jobs.captures import HEADER, fresh
from tests.web.server import give, serving, wait_for

MIB = 1 << 20
SYN = bytes.fromhex(
    "020000000001 020000000002 0800 4500 0028 0001 0000 40 06 0000 0a000000 c0000202"
    "3039 0050 00000001 00000000 5002 2000 0000 0000"
)


def flows(count: int) -> bytes:
    """A capture in which every packet is a flow of its own, from a new address."""
    records = np.zeros((count, 16 + len(SYN)), np.uint8)
    header = np.zeros((count, 4), "<u4")
    header[:, 0] = 1_700_000_000
    header[:, 2] = header[:, 3] = len(SYN)
    records[:, :16] = header.view(np.uint8).reshape(count, 16)
    records[:, 16:] = np.frombuffer(SYN, np.uint8)
    records[:, 16 + 26 : 16 + 30] = (0x0A000000 + np.arange(count)).astype(">u4").view(np.uint8).reshape(count, 4)
    return HEADER + records.tobytes()


def bomb(times: int) -> bytes:
    """A compressed capture of `times` 16 MiB of empty records."""
    return zstd.compress(HEADER) + zstd.compress(bytes(16 * MIB), 19) * times


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a service with little memory and time for an analysis, and the real worker."""
    limits = {"ANALYSIS_MEMORY_MB": "256", "ANALYSIS_CPU_SECONDS": "20", "DECOMPRESSION_RATIO_MAX": "1000"}
    with (
        serving(tmp_path_factory.mktemp("data"), WORKER, WORKERS="1", **limits) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bomb(20), "holds more than 1000 times its size when decompressed"),
        (flows(600_000), "needed more than the 256 MiB of memory"),
        (gzip.compress(gzip.compress(fresh())), "is compressed twice"),
        (gzip.compress(b"GIF89a" + bytes(600)), "no capture is inside"),
        (gzip.compress(fresh())[:9], "holds no capture"),
        (HEADER[:22], "the pcap file header is cut"),
    ],
    ids=["bomb", "memory", "twice", "another kind", "nothing", "half a header"],
)
def test_what_breaks_an_analysis_fails_it_in_words(client: httpx.Client, data: bytes, words: str) -> None:
    failed = wait_for(client, give(client, data, "evil.pcap"), "failed", seconds=60)
    assert words in failed["reason"], failed["reason"]
    good = wait_for(client, give(client, fresh()), "succeeded")
    assert good["progress"]["packets"] == 3
    assert client.get("/api/health?probe=readiness").json()["status"] == "healthy"


def test_a_capture_that_was_cut_has_a_report_that_says_so(client: httpx.Client) -> None:
    done = wait_for(client, give(client, fresh(5)[:-7]), "succeeded")
    report = client.get(done["report"]["json"]).json()
    assert report["capture"]["packets"] == 4
    assert report["quality"]["damage"]["reason"]


def test_many_flows_are_put_on_disk_where_memory_is_short(client: httpx.Client) -> None:
    count = 150_000
    assert live_flows(256 * MIB) < count
    done = wait_for(client, give(client, flows(count)), "succeeded", seconds=60)
    assert done["progress"]["packets"] == count


@pytest.mark.long
def test_ten_megabytes_that_become_a_hundred_gigabytes_are_stopped(data_dir: Path) -> None:
    data = (zstd.compress(HEADER) + zstd.compress(bytes(128 * MIB), 19) * 2400)[: 10 * MIB]
    with serving(data_dir, WORKER, WORKERS="1") as address, httpx.Client(base_url=address, timeout=60) as client:
        failed = wait_for(client, give(client, data, "evil.pcap"), "failed", seconds=600)
        assert "holds more than 10000 times its size" in failed["reason"]
