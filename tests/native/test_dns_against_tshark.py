"""DNS over UDP and TCP beside tshark: on conversations that are made up, each from an address of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.native.test_dns_twin import engine
from tests.reference.dns_strategies import capture, orderly

FIELDS = ("frame.number", "ip.src", "dns.id", "dns.flags.response", "dns.response_to", "dns.time", "dns.retransmission")
CONVERSATIONS = 240

Answer = tuple[int, int, int | None, int | None]


def messages(tshark: str, path: Path, home: Path) -> list[dict[str, list[str]]]:
    """The frames with DNS, every field a list."""
    command = [tshark, "-n", "-r", str(path), "-Y", "dns", "-T", "fields", "-E", "separator=|"]
    command += [word for name in FIELDS for word in ("-e", name)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    lines = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()
    rows = (dict(zip(FIELDS, line.split("|"), strict=True)) for line in lines)
    return [{name: value.split(",") if value else [] for name, value in row.items()} for row in rows]


def answers(rows: list[dict[str, list[str]]]) -> list[Answer]:
    """Frame, number, frame of the query, latency in ns: of every response that is not a repeat."""
    found: list[Answer] = []
    for row in rows:
        frame = int(row["frame.number"][0])
        numbers = [
            int(number, 16)
            for number, response in zip(row["dns.id"], row["dns.flags.response"], strict=True)
            if response in ("1", "True")
        ]
        if row["dns.retransmission"] and numbers:
            continue
        if not row["dns.response_to"]:
            found += [(frame, number, None, None) for number in numbers]
            continue
        times = [int(Decimal(time) * 10**9) for time in row["dns.time"]]
        found += list(zip([frame] * len(numbers), numbers, map(int, row["dns.response_to"]), times, strict=True))
    return found


def ours(row: dict[str, Any]) -> Answer:
    asked = row["frame_number"] if row["status"] == "answered" else None
    return row["response_frame"], row["transaction_id"], asked, row["latency"]


@pytest.mark.parametrize("seed", range(3))
def test_made_up_responses_are_paired_and_timed_as_by_tshark(
    seed: int, component: Callable[[str], str], tmp_path: Path
) -> None:
    random = Random(seed)
    path = tmp_path / "conversations.pcap"
    path.write_bytes(capture([sent for client in range(CONVERSATIONS) for sent in orderly(random, client + 1)]))
    rows, counts = engine(path)
    theirs = messages(component("tshark"), path, tmp_path)
    assert sorted(answers(theirs)) == sorted(ours(row) for row in rows if row["response_frame"])
    queries = sum(row["dns.flags.response"].count("0") + row["dns.flags.response"].count("False") for row in theirs)
    assert queries == sum(1 + row["retries"] for row in rows if row["query_bytes"] is not None)
    assert counts["unmeasured"] == counts["not_dns"] == 0
