"""The flow table over the corpus: against the slow twin, and against what tshark recorded of each stream."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pcap_analyzer.errors import CaptureError
from pcap_analyzer.pipeline import analyze_capture
from tests.native.test_flow_twin import REMEMBERED, plain_rows
from tests.reference.flow_rows import completeness, flow_rows
from tests.reference.golden import Row, rows

pytestmark = pytest.mark.corpus

SMALL = 300_000  # bytes of a capture that the twin reads
# Directions of the corpus in which originals were forgotten or a reset took a segment away: see test_flow_twin.py.
DIFFER = 12
APART = {
    ("PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5755755617189888", "client_unique_bytes"): (
        "a segment of 3.6 GB: too long to be data"
    )
}
# Streams that are not the same to tshark.
STREAMS_APART = {
    "ICS-Security-Tools/Sample_File_MMS_and_GOOSE.pcap": "SNMP",
    "derived/link_frelay.pcap": "circuits",
    "pcapsql/netlink-nflog.pcap": "several packets in a frame",
}
# tshark leaves out the SYN of a connection that it expected, or whose SYN/ACK came before it.
SYN_EXPECTED = {("nDPI/h323.pcap", 1)}


def flow_table(path: Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return plain_rows(analyze_capture(path, threads=1).flows(columns).read_all())


def test_every_flow_is_what_the_twin_says(corpus) -> None:
    wrong, remembered, flows = [], Counter[str](), 0
    for file in corpus:
        if file.path.stat().st_size > SMALL:
            continue
        try:
            ours = flow_table(file.path)
        except CaptureError:
            continue
        theirs = flow_rows(file.path.read_bytes())
        assert len(ours) == len(theirs), file.name
        flows += len(ours)
        for one, twin in zip(ours, theirs, strict=True):
            for name in twin:
                if one[name] == twin[name] or (file.name, name) in APART:
                    continue
                if name in REMEMBERED:
                    remembered[name] += 1
                else:
                    wrong.append(f"{file.name} flow {one['flow_id']}: {name} {one[name]}, twin {twin[name]}")
    assert not wrong, "\n".join(wrong[:20])
    assert flows > 1000
    assert remembered.total() <= 2 * DIFFER, remembered


def streams(golden: Path, capture: str) -> Iterator[tuple[int, list[Row]]]:
    """The packets of each of tshark's TCP streams, those in tunnels and ICMP errors left out."""
    found: dict[int, list[Row]] = {}
    for row in rows(golden, capture):
        if row["tcp_stream"].isdigit() and row["tcp_flags"] and row["tcp_len"] and "icmp" not in row["protocols"]:
            found.setdefault(int(row["tcp_stream"]), []).append(row)
    yield from found.items()


def last_completeness(packets: list[Row]) -> int:
    """tshark shows it as it was before each packet: that of the last, and what the last adds."""
    last = packets[-1]
    added = completeness(int(last["tcp_flags"], 16), int(last["tcp_len"]), first=len(packets) == 1)
    return int(last["completeness"]) | added


@pytest.fixture(scope="module")
def beside_tshark(corpus, golden) -> list[tuple[str, dict[str, Any], list[Row]]]:
    """Capture, TCP flow, tshark's packets of its stream."""
    found = []
    for file in corpus:
        if not file.is_capture or not file.table or file.name in STREAMS_APART:
            continue
        by_stream = dict(streams(golden, file.name))
        columns = ["stream", "protocol", "completeness", "initial_rtt", "client_packets", "server_packets"]
        for flow in flow_table(file.path, columns) if by_stream else ():
            packets = by_stream.get(flow["stream"]) if flow["protocol"] == 6 else None
            if packets and len(packets) == flow["client_packets"] + flow["server_packets"]:
                found.append((file.name, flow, packets))
    return found


def test_completeness_is_tsharks(beside_tshark) -> None:
    wrong = [
        f"{name} stream {flow['stream']}: {flow['completeness']}, tshark {last_completeness(packets)}"
        for name, flow, packets in beside_tshark
        if flow["completeness"] != last_completeness(packets) and (name, flow["stream"]) not in SYN_EXPECTED
    ]
    assert len(beside_tshark) > 2000
    assert not wrong, "\n".join(wrong[:20])


def test_initial_rtt_is_tsharks(beside_tshark) -> None:
    wrong, measured = [], 0
    for name, flow, packets in beside_tshark:
        shown = [row["a_initial_rtt"] for row in packets if row["a_initial_rtt"]]
        if not shown:  # tshark shows it beside other findings only
            continue
        measured += 1
        seconds, _, fraction = shown[0].partition(".")
        theirs = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
        if flow["initial_rtt"] != theirs:
            wrong.append(f"{name} stream {flow['stream']}: {flow['initial_rtt']}, tshark {theirs}")
    assert measured > 1000
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize(
    "capture", ["nDPI/1kxun.pcap", "nDPI/teams.pcap", "tcptrace/6syns.dmp", "PcapPlusPlus/ipv6_options.pcap"]
)
def test_community_ids_are_tsharks(
    captures: Path, capture: str, component: Callable[[str], str], tmp_path: Path
) -> None:
    path = captures / capture
    command = [component("tshark"), "-n", "-r", str(path), "--enable-protocol", "communityid", "-T", "fields"]
    command += ["-Y", "not icmp and not icmpv6"]  # an error has the streams of what it quotes
    command += ["-E", "occurrence=f", *(word for name in ("tcp.stream", "udp.stream") for word in ("-e", name))]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    told = subprocess.run(
        [*command, "-e", "communityid"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    theirs = {(tcp, udp): name for tcp, udp, name in (line.split("\t") for line in told.splitlines()) if tcp or udp}
    ours = {
        (str(flow["stream"]), "") if flow["protocol"] == 6 else ("", str(flow["stream"])): flow["community_id"]
        for flow in flow_table(path, ["stream", "protocol", "community_id"])
        if flow["stream"] is not None
    }
    assert theirs
    assert {key: ours[key] for key in theirs if key in ours} == {key: theirs[key] for key in theirs if key in ours}
