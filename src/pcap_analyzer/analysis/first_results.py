"""What a scan has found so far, told while it goes on: nothing of it changes the scan or its result."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import ceil, inf
from typing import Any, NamedTuple

from pcap_analyzer.analysis.assembly import BUCKET_FIELDS, assemble
from pcap_analyzer.analysis.model import (
    Analysis,
    EarlyFinding,
    FirstResults,
    ProtocolShare,
    ServiceShare,
    Talker,
    Throughput,
)
from pcap_analyzer.analysis.protocols import path_text
from pcap_analyzer.analysis.tcp import RETRANSMISSION
from pcap_analyzer.analysis.watches import Program
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.iana import protocol_name, service_name

LONGEST_LIST = 10
STRETCHES = 120
MAX_PATH_LENGTH = 200
FIRST_AFTER_S = 0.1
EVERY_S = 0.5
# Looking goes over all flows: many of them are looked at more seldom, so that it stays below 5 % of the time.
PATIENCE = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Diagnosing(NamedTuple):
    """What is asked of every flow, and what findings are made of the answers, the most harmful first."""

    program: Program
    judge: Callable[[Analysis], list[EarlyFinding]]


class FirstLooks:
    """Tells what `reader` has found, from time to time. Call `look` whenever the scan rests."""

    def __init__(self, reader: CaptureReader, tell: Callable[[FirstResults], None], diagnosing: Diagnosing) -> None:
        self._reader = reader
        self._tell = tell
        self._diagnosing = diagnosing
        self._next = time.monotonic() + FIRST_AFTER_S
        self._packets = 0

    def look(self) -> None:
        """Where it is time and something is new."""
        began = time.monotonic()
        if began < self._next or self._packets == self._reader.scanner.rows:
            return
        self._packets = self._reader.scanner.rows
        try:
            found = first_results(self._reader, self._diagnosing)
        except MemoryError:
            # What is only told on the way must not cost the result: that may still fit.
            self._next = inf
            return
        self._tell(found)
        now = time.monotonic()
        self._next = now + max(EVERY_S, PATIENCE * (now - began))


def first_results(reader: CaptureReader, diagnosing: Diagnosing) -> FirstResults:
    """What is known now; the scan must rest."""
    scanner = reader.scanner
    counters = scanner.counters()
    known = assemble(reader, seconds=0.0, threads=1, program=diagnosing.program)
    paths = [
        ProtocolShare(":".join(path_text(steps))[:MAX_PATH_LENGTH], packets, size)
        for steps, packets, size in scanner.paths()
    ]
    talkers = [
        Talker(row.address, row.packets_sent + row.packets_received, row.bytes_sent + row.bytes_received)
        for row in known.endpoints.rows
    ]
    services = [
        ServiceShare(
            protocol_name(row.protocol),
            row.port,
            service_name(row.protocol, row.port),
            row.flows,
            row.packets,
            row.bytes,
        )
        for row in known.services
    ]
    return FirstResults(
        packets=counters["packets"] or 0,
        bytes=counters["bytes"] or 0,
        first_seen=_moment(counters["first_ns"]),
        last_seen=_moment(counters["last_ns"]),
        flows=known.totals.flows,
        segments=counters["segments"] or 0,
        retransmissions=sum(side[RETRANSMISSION] for side in scanner.marks()),
        throughput=_throughput(*scanner.intervals()),
        protocols=_largest(paths),
        talkers=_largest(talkers),
        services=_largest(services),
        findings=diagnosing.judge(known)[:LONGEST_LIST],
    )


def _largest(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: -row.bytes)[:LONGEST_LIST]


def _throughput(start_ns: int, width_ns: int, buckets: bytes) -> Throughput:
    table = array("q", buckets)
    packets, size = table[0::BUCKET_FIELDS], table[1::BUCKET_FIELDS]
    if not packets:
        return Throughput()
    joined = ceil(len(packets) / STRETCHES)
    return Throughput(
        start=_moment(start_ns),
        width_s=joined * width_ns / 1e9,
        packets=[sum(packets[at : at + joined]) for at in range(0, len(packets), joined)],
        bytes=[sum(size[at : at + joined]) for at in range(0, len(size), joined)],
    )


def _moment(ns: int | None) -> datetime | None:
    """To the microsecond; None where there is none, or where a capture claims one outside the calendar."""
    if ns is None:
        return None
    with suppress(OverflowError):
        return EPOCH + timedelta(microseconds=ns // 1000)
    return None
