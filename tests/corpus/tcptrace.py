"""What tcptrace says of a capture, and the names of the differences that stay between it and us."""

from __future__ import annotations

import csv
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.reference.tcp_measures import Conversation
from tests.reference.tcp_measures_golden import Endpoint, Stream, canonical
from tests.reference.tcp_measures_state import FIN, Direction

# Why tcptrace counts otherwise; `reason` says which of them a connection shows.
REASONS = {
    "other packets": "it does not read MPLS, QinQ or tunnels, and takes fragments for whole segments",
    "cut record": "the record says it is shorter than its IP packet: it believes IP, Wireshark and we the record",
    "two sequence spaces": "both sides of a NAT in one stream, or a SYN/ACK for another: we begin anew, it does not",
    "keep-alive": "a keep-alive's byte is payload for it where nothing came before",
    "closed window": "payload against a closed window (a reset's too) is a probe for it: neither unique nor repeated",
    "two FINs": "a FIN that moved makes one byte more for it",
}
FAR = 1 << 24  # bytes missing between two segments that hardly belong together


@dataclass(frozen=True)
class Side:
    """One direction by tcptrace. rexmt_packets: any sequence numbers seen before, SYN and FIN too. rtt_ms: rounded."""

    unique_bytes: int
    rexmt_packets: int
    probes: int
    rtt_samples: int
    rtt_ms: float


@dataclass(frozen=True)
class Connection:
    ends: tuple[Endpoint, Endpoint]
    packets: int
    sides: tuple[Side, Side]


def connections(program: str, capture: Path) -> list[Connection]:
    """tcptrace's connections; empty where it cannot read the file."""
    command = [program, "-n", "-l", "-r", "--csv", str(capture)]
    output = subprocess.run(command, capture_output=True, check=False, timeout=300).stdout.decode(errors="replace")
    lines = [line for line in output.splitlines() if line and not line.startswith("#")]
    return [_connection({key: value.strip() for key, value in row.items() if key and value}) for row in _rows(lines)]


def _rows(lines: list[str]) -> Iterator[dict[str, str]]:
    head = next((at for at, line in enumerate(lines) if line.startswith("conn_")), len(lines))
    return iter(csv.DictReader(line.strip() for line in lines[head:]))


def _connection(row: dict[str, str]) -> Connection:
    first, second = ((_address(row[f"host_{end}"]), int(row[f"port_{end}"])) for end in "ab")
    sides = tuple(
        Side(
            unique_bytes=int(row[f"unique_bytes_sent_{way}"]),
            rexmt_packets=int(row[f"rexmt_data_pkts_{way}"]),
            probes=int(row[f"zwnd_probe_pkts_{way}"]),
            rtt_samples=int(row[f"RTT_samples_{way}"]),
            rtt_ms=float(row[f"RTT_avg_{way}"]),
        )
        for way in ("a2b", "b2a")
    )
    packets = int(row["total_packets_a2b"]) + int(row["total_packets_b2a"])
    return Connection((first, second), packets, (sides[0], sides[1]))


def _address(text: str) -> str:
    """It writes some IPv6 addresses with a colon too few; those connections stay without a partner."""
    try:
        return canonical(text)
    except ValueError:
        return text


def pairs(ours: list[Stream], theirs: list[Connection]) -> Iterator[tuple[Stream, Connection]]:
    """The same connections, in order of time where a four-tuple occurs more than once and as often on both sides."""
    by_ends: dict[frozenset[Endpoint], list[Connection]] = defaultdict(list)
    for connection in theirs:
        by_ends[frozenset(connection.ends)].append(connection)
    streams: dict[frozenset[Endpoint], list[Stream]] = defaultdict(list)
    for stream in ours:
        streams[frozenset(stream.ends)].append(stream)
    for ends, same in streams.items():
        if len(same) == len(by_ends[ends]):
            yield from zip(same, by_ends[ends], strict=True)


def differences(stream: Stream, conversation: Conversation, connection: Connection) -> list[str]:
    """What is not equal, in words; empty where unique bytes, repeated packets and the mean round trip agree."""
    # Its first end is the one that it saw first.
    swapped = connection.ends[0] != stream.ends[0]
    found = []
    for direction, ours in enumerate(conversation.sides):
        theirs = connection.sides[direction ^ swapped]
        again = ours.seen_twice_segments + ours.syn_retries + ours.fin_retries + ours.keep_alive_bytes
        mean_ms = ours.rtt.total / max(1, ours.rtt.samples) / 1e6
        if ours.unique_bytes != theirs.unique_bytes:
            found.append(f"side {direction}: {ours.unique_bytes} unique bytes, tcptrace {theirs.unique_bytes}")
        if again != theirs.rexmt_packets:
            found.append(f"side {direction}: {again} repeated, tcptrace {theirs.rexmt_packets}")
        # It prints tenths of a millisecond; where fills are acknowledged together, a sample more or less remains.
        if abs(mean_ms - theirs.rtt_ms) > max(0.1, 0.01 * theirs.rtt_ms):
            found.append(
                f"side {direction}: round trip {mean_ms:.2f} ms of {ours.rtt.samples},"
                f" tcptrace {theirs.rtt_ms} of {theirs.rtt_samples}"
            )
    return found


def reason(stream: Stream, conversation: Conversation, connection: Connection) -> str | None:
    """The name of what the connection shows that tcptrace counts otherwise."""
    sides = conversation.sides
    shown = {
        "other packets": connection.packets != len(stream.segments),
        "cut record": stream.cut,
        "two sequence spaces": any(side.strays or side.missed_bytes > FAR for side in sides),
        "keep-alive": any(side.keep_alive_bytes for side in sides),
        "closed window": any(side.probes for side in connection.sides),
        "two FINs": any(_moved_fin(stream, side, direction) for direction, side in enumerate(sides)),
    }
    return next((name for name, applies in shown.items() if applies), None)


def _moved_fin(stream: Stream, side: Direction, direction: int) -> bool:
    ends = {
        (segment.seq + segment.payload) % (1 << 32)
        for segment in stream.segments
        if segment.direction == direction and segment.flags & FIN
    }
    return side.finished and len(ends) > 1
