"""DNS transactions are those of the slow twin, on conversations that are made up; for any threads and batches."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.dns import dns_table
from pcap_analyzer.capture.source import open_source
from pcap_analyzer.pipeline import scanning
from tests.native.examples import examples
from tests.reference.dns import Transaction, transactions
from tests.reference.dns_strategies import capture, conversations, made_up

Row = dict[str, Any]
TIMES = ("timestamp", "latency", "retry_latency")


def engine(path: Path, threads: int = 1, batch_rows: int = 1024, at_once: int = 7) -> tuple[list[Row], dict[str, int]]:
    with scanning(open_source(path), threads, batch_rows, 10**6) as reader:
        for _ in reader.turns():
            pass
        found = dns_table(reader.scanner)
        table = found.batches(None, at_once).read_all()
    for name in TIMES:
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
    return table.to_pylist(), found.counts


def twin_row(one: Transaction) -> Row:
    client, client_port, resolver, resolver_port, transport, version = one.ends
    known = one.message.labels is not None
    both = one.query is not None and one.response is not None

    def span(begin: int | None) -> int | None:
        return one.response_time - begin if both and begin is not None and one.response_time is not None else None

    return {
        "frame_number": one.frame,
        "response_frame": one.response_frame,
        "timestamp": one.time,
        "flow_id": one.flow_id,
        "service": one.service,
        "transport": transport,
        "ip_version": version,
        "client": text(client, version),
        "client_port": client_port,
        "resolver": text(resolver, version),
        "resolver_port": resolver_port,
        "transaction_id": one.message.id,
        "query_name": one.message.name,
        "query_type": one.message.type if known else None,
        "query_class": one.message.klass if known else None,
        "rcode": one.response.flags & 15 if one.response else None,
        "latency": span(one.time),
        "retry_latency": span(one.last_time),
        "retries": one.retries,
        "extra_responses": one.extra,
        "copies": one.copies,
        "answers": one.response.answers if one.response else None,
        "first_address": one.response and one.response.address and address(one.response.address),
        "query_bytes": one.query.length if one.query else None,
        "response_bytes": one.response.length if one.response else None,
    }


def text(raw: bytes, version: int) -> str:
    return address_text(raw.rjust(16, b"\0"), version)


def address(raw: bytes) -> str:
    return text(raw, 4 if len(raw) == 4 else 6)


def assert_same(data: bytes, **how: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        path.write_bytes(data)
        rows, counts = engine(path, **how)
    twin = transactions(data)
    expected = [twin_row(one) for one in sorted(twin.transactions.all, key=lambda one: one.frame)]
    assert [{name: row[name] for name in expected[0]} for row in rows] == expected if expected else not rows
    assert (counts["not_dns"], counts["unmeasured"]) == (twin.not_dns, twin.unmeasured)


@settings(max_examples=examples(400), derandomize=True, deadline=None)
@given(conversations())
def test_transactions_are_the_twins(data: bytes) -> None:
    assert_same(data)


@pytest.mark.parametrize("how", [{"threads": 1, "batch_rows": 1}, {"threads": 2, "batch_rows": 3}, {"threads": 5}])
def test_for_any_threads_and_batches(how: dict[str, int]) -> None:
    random = Random(4)
    assert_same(capture([sent for _ in range(40) for sent in made_up(random)]), **how)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None)
@given(conversations())
def test_more_transactions_are_the_twins(data: bytes) -> None:
    assert_same(data)
