"""Segments for the measures, from the packets that tshark recorded of a capture."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tests.reference.golden import Row, rows
from tests.reference.tcp_measures_state import ACK, SYN, Segment

Endpoint = tuple[str, int]


@dataclass
class Stream:
    """One tcp.stream. ends: the client and the server.  cut: a record says it is shorter than the IP packet in it."""

    ends: tuple[Endpoint, Endpoint]
    segments: list[Segment] = field(default_factory=list)
    bases: list[int | None] = field(default_factory=lambda: [None, None])
    cut: bool = False

    def base(self, direction: int) -> int:
        return self.bases[direction] or 0


def streams(golden: Path, capture: str) -> dict[int, Stream]:
    """Stream number → its segments. Fragments and packets quoted in ICMP errors are left out, as for the marks."""
    found: dict[int, Stream] = {}
    for row in rows(golden, capture):
        if _is_segment(row):
            _add(found, row)
    return found


def _is_segment(row: Row) -> bool:
    whole = row["tcp_stream"].isdigit() and row["tcp_len"] and row["tcp_flags"] and not row["frag"]
    return bool(whole) and "icmp" not in row["protocols"]


def _add(found: dict[int, Stream], row: Row) -> None:
    flags, number = int(row["tcp_flags"], 16), int(row["tcp_stream"])
    source, destination = _ends(row)
    if number not in found:
        found[number] = Stream(_client_first(source, destination, flags))
    stream = found[number]
    direction = stream.ends.index(source)
    seq, ack = int(row["tcp_seq"]), int(row["tcp_ack"] or 0)
    _base(stream, direction, seq, ack, flags)
    edges = [_edges(row[column], stream.base(1 - direction)) for column in ("tcp_sack_le", "tcp_sack_re")]
    stream.cut |= row["ip_ver"] == "4" and int(row["ip_len"]) > int(row["len"]) >= 60
    value, echo = _number(row["tcp_tsval"]), _number(row["tcp_tsecr"])
    stream.segments.append(
        Segment(
            frame=int(row["num"]),
            ns=int(row["ts_ns"] or 0),
            direction=direction,
            seq=seq,
            ack=ack,
            flags=flags,
            payload=int(row["tcp_len"]),
            window=int(row["tcp_win_raw"] or 0),
            mss=_number(row["tcp_mss"]),
            scale=_number(row["tcp_wscale"]),
            sack_permitted=bool(row["tcp_sack_perm"]),
            sack=tuple(zip(*edges, strict=False)),
            timestamps=None if value is None or echo is None else (value, echo),
        )
    )


def _client_first(source: Endpoint, destination: Endpoint, flags: int) -> tuple[Endpoint, Endpoint]:
    """The sender of the SYN is the client, or the receiver of the SYN/ACK; else the higher port."""
    forward = not flags & ACK if flags & SYN else source[1] >= destination[1]
    return (source, destination) if forward else (destination, source)


def _base(stream: Stream, direction: int, seq: int, ack: int, flags: int) -> None:
    """tshark gives SACK edges relative to the first sequence number of the side that they speak of."""
    if stream.bases[direction] is None or flags & (SYN | ACK) == SYN | ACK:
        stream.bases[direction] = seq if flags & SYN else seq - 1
    if flags & ACK and stream.bases[1 - direction] is None:
        stream.bases[1 - direction] = ack - 1


def _ends(row: Row) -> tuple[Endpoint, Endpoint]:
    source, destination = (row["ip_layers"].split(";")[-1] or f"{row['ip_src']}>{row['ip_dst']}").split(">")
    return (canonical(source), int(row["tcp_sport"])), (canonical(destination), int(row["tcp_dport"]))


@lru_cache(10_000)
def canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))


def _edges(values: str, base: int) -> list[int]:
    return [(int(value) + base) % (1 << 32) for value in values.split(",") if value]


def _number(values: str) -> int | None:
    first = values.partition(",")[0]
    return int(first) if first else None
