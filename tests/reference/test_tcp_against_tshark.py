"""The twin of the TCP analysis agrees with tshark beside the corpus: on conversations that are made up.

tshark takes half a second to start, so many conversations are in one capture, each with ports of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.reference import reader
from tests.reference.golden import Row
from tests.reference.packets import decode
from tests.reference.tcp_capture import Analysis
from tests.reference.tcp_golden import MARKS, VALUES, expected_marks, expected_values, found_marks, found_values
from tests.reference.tcp_strategies import Talk, capture, with_short_headers

FIELDS = {
    "tcp_stream": "tcp.stream",
    "a_ack_rtt": "tcp.analysis.ack_rtt",
    "a_acks_frame": "tcp.analysis.acks_frame",
    "a_bytes_in_flight": "tcp.analysis.bytes_in_flight",
    "a_initial_rtt": "tcp.analysis.initial_rtt",
    "a_dup_ack_num": "tcp.analysis.duplicate_ack_num",
    "tcp_win": "tcp.window_size",
}
PREFERENCES = ("tcp.desegment_tcp_streams:FALSE", "tcp.fastrt_supersedes_ooo:TRUE", "tcp.bif_seq_based:FALSE")
CONVERSATIONS = 500


def tshark_rows(tshark: str, path: Path, home: Path) -> list[Row]:
    """tshark's columns, under nobody's preferences."""
    names = [*FIELDS.values(), *(f"tcp.analysis.{mark.name}" for mark in MARKS)]
    command = [tshark, "-n", "-r", str(path), "-T", "fields", "-E", "separator=|"]
    command += [word for preference in PREFERENCES for word in ("-o", preference)]
    command += [word for name in names for word in ("-e", name)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    lines = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()
    return [_row(line.split("|")) for line in lines]


def _row(values: list[str]) -> Row:
    row = dict(zip(FIELDS, values, strict=False))
    set_here = zip(MARKS, values[len(FIELDS) :], strict=True)
    return row | {"flags": ",".join(mark.name or "" for mark, value in set_here if value)}


@pytest.mark.parametrize(("seed", "snap"), [(0, 65535), (1, 65535), (2, 65535), (3, 42), (4, 43), (5, 50), (6, 54)])
def test_made_up_conversations_are_judged_as_tshark_judges_them(
    seed: int, snap: int, component: Callable[[str], str], tmp_path: Path
) -> None:
    random = Random(seed)
    data = with_short_headers(capture([Talk(random).make() for _ in range(CONVERSATIONS)], snap=snap), random)
    path = tmp_path / "conversations.pcap"
    path.write_bytes(data)
    analysis, wrong = Analysis(), []
    rows = tshark_rows(component("tshark"), path, tmp_path)
    for number, (record, row) in enumerate(zip(reader.read(data).records, rows, strict=True), 1):
        packet = decode(record.frame, record.original, record.link_type)
        ((header, stream, verdict),) = analysis.add(number, record.timestamp, packet)
        found, expected = {"stream": str(stream)}, {"stream": row["tcp_stream"]}
        # Of those that are cut tshark judges too, but stops before it says so: how is seen in what follows.
        if not (header.cut or header.bogus):
            found |= found_values(verdict) | {"marks": sorted(found_marks(verdict))}
            expected |= expected_values(row) | {"marks": sorted(expected_marks(row))}
        wrong += [
            f"packet {number}: {key} {found[key]}, tshark {expected[key]}"
            for key in found
            if found[key] != expected[key]
        ]
    assert set(VALUES) <= set(FIELDS)
    assert not wrong, "\n".join(wrong[:20])
