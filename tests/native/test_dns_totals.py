"""DNS in sums says what the table says row by row: per resolver, per domain, over all."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from pcap_analyzer.analysis.dns import MAX_DOMAINS, MAX_RESOLVERS
from pcap_analyzer.analysis.model import DnsDomain, DnsResolver, DnsTotals
from pcap_analyzer.pipeline import analyze_capture
from tests.native.test_dns_twin import Row, engine
from tests.reference.dns_strategies import Sent, capture, made_up, query, response

HELD = 16_384  # domains
GOOD = ("NOERROR", "NXDOMAIN")


def totals(path: Path, **how: Any) -> DnsTotals:
    found = analyze_capture(path, **how).dns_totals
    assert found is not None
    return found


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = Random(11)
    path = tmp_path_factory.mktemp("dns") / "busy"
    path.write_bytes(capture([sent for _ in range(300) for sent in made_up(random)]))
    return path


@pytest.fixture(scope="module")
def rows(busy: Path) -> list[Row]:
    return [row for row in engine(busy, at_once=1000)[0] if row["status"] != "multicast"]


def figures(rows: list[Row]) -> dict[str, Any]:
    status = Counter(row["status"] for row in rows)
    answered = [row for row in rows if row["response_frame"]]
    return {
        "transactions": len(rows),
        "answered": status["answered"],
        "unanswered": status["unanswered"],
        "open": status["open"],
        "no_query": status["no_query"],
        "rcodes": Counter(row["rcode_name"] for row in answered),
        "failed": sum(row["rcode_name"] not in GOOD for row in answered),
        "tcp": sum(row["transport"] == "tcp" for row in rows),
        "truncated": sum(row["truncated"] for row in answered),
        "retries": sum(row["retries"] for row in rows),
        "retried": sum(row["retries"] > 0 for row in rows),
        "extra_responses": sum(row["extra_responses"] for row in rows),
        "copies": sum(row["copies"] for row in rows),
        "query_bytes": sum(row["query_bytes"] or 0 for row in rows),
        "response_bytes": sum(row["response_bytes"] or 0 for row in rows),
    }


def latencies(rows: list[Row]) -> list[int]:
    return sorted(row["latency"] for row in rows if row["latency"] is not None and row["latency"] >= 0)


def assert_figures(one: DnsResolver, rows: list[Row]) -> None:
    expected = figures(rows)
    assert {name: getattr(one, name) for name in expected} == expected
    measured = latencies(rows)
    assert sum(one.latency.counts) == len(measured)
    assert one.latency.total_ns == sum(measured)
    if measured:
        rank = -(-len(measured) * 95 // 100) - 1
        assert one.p95_ns == pytest.approx(measured[rank], rel=0.02)
        assert (one.latency.min_ns, one.latency.max_ns) == (measured[0], measured[-1])
    asked = [row["timestamp"] for row in rows if row["timestamp"] is not None]
    assert (one.all.first_ns, one.all.last_ns) == ((min(asked), max(asked)) if asked else (None, None))
    silent = [row["frame_number"] for row in rows if row["status"] == "unanswered"]
    assert [frame for frame, _, _ in one.unanswered_ones.frames] == silent[:3]
    failing = [row["frame_number"] for row in rows if row["rcode_name"] not in (*GOOD, None)]
    assert [frame for frame, _, _ in one.failed_ones.frames] == failing[:3]
    assert [latency for _, _, latency in one.all.frames] == measured[::-1][:3]


def test_each_resolver_and_all_of_them(busy: Path, rows: list[Row]) -> None:
    found = totals(busy)
    by_resolver: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        by_resolver[row["resolver"], row["resolver_port"]].append(row)
    assert found.resolvers_total == len(by_resolver) == len(found.resolvers) > 3
    for one in found.resolvers:
        assert_figures(one, by_resolver[one.address, one.port])
    assert_figures(found.all, rows)
    assert [one.transactions for one in found.resolvers] == sorted(map(len, by_resolver.values()), reverse=True)


def test_services_types_and_groups(busy: Path, rows: list[Row]) -> None:
    found = totals(busy)
    every = engine(busy, at_once=1000)[0]
    assert {name: getattr(found, name) for name in ("dns", "mdns", "llmnr")} == Counter(row["service"] for row in every)
    assert found.groups == len(every) - len(rows) > 0
    assert found.types == Counter(row["query_type_name"] for row in rows if row["query_type_name"])


def test_examples_are_the_slowest_and_the_first(busy: Path, rows: list[Row]) -> None:
    found = totals(busy)
    assert [one.latency_ns for one in found.slowest] == latencies(rows)[::-1][:10]
    assert [one.frame for one in found.unanswered] == [
        row["frame_number"] for row in rows if row["status"] == "unanswered"
    ][:10]
    by_frame = {row["frame_number"]: row for row in rows}
    for one in (*found.slowest, *found.unanswered, *found.failed):
        row = by_frame[one.frame]
        assert (one.name, one.type, one.rcode) == (row["query_name"], row["query_type_name"], row["rcode_name"])
        assert (one.client, one.resolver, one.flow_id) == (row["client"], row["resolver"], row["flow_id"])


def domain(name: str) -> str:
    """The last two labels, or three where the last but one is short below a country."""
    labels = name.lower().split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else labels[-2:])


def below(number: int, parent: bytes) -> bytes:
    label = b"%d" % number
    return bytes([len(label)]) + label + parent


def found_domain(found: DnsTotals, name: str) -> DnsDomain:
    return next(one for one in found.domains if one.name == name)


def test_a_domain_knows_about_how_many_names_it_has(tmp_path: Path) -> None:
    parents = {
        "example.com": b"\x07example\x03com\0",
        "a.co.uk": b"\x01A\x02CO\x02uk\0",
        "other.de": b"\x05other\x02de\0",
    }
    counts = {"example.com": 5000, "a.co.uk": 40, "other.de": 1}
    packets = [
        sent
        for name, parent in parents.items()
        for number in range(counts[name])
        for sent in (
            Sent(1, False, query(number, below(number, parent), 16), ip_id=number % 65536),
            Sent(1, True, response(number, below(number, parent), 16, flags=0x8183, answers=0), ip_id=number % 65536),
        )
    ]
    path = tmp_path / "domains"
    path.write_bytes(capture(packets))
    found = totals(path)
    assert [one.name for one in found.domains] == list(parents)
    for name, count in counts.items():
        one = found_domain(found, name)
        assert one.names == pytest.approx(count, rel=0.15)
        assert (one.transactions, one.missing, one.text_types) == (count, count, count)
        assert one.name_bytes == sum(len(below(number, b"")) for number in range(count))
        assert one.client == "10.0.0.1"
    assert found_domain(found, "example.com").longest_frame == 2 * 1000 + 1


@pytest.mark.parametrize("how", [{"threads": 1, "batch_size": 1}, {"threads": 5, "batch_size": 100}])
def test_the_same_for_any_threads_and_batches(busy: Path, how: dict[str, int]) -> None:
    assert as_values(totals(busy, **how)) == as_values(totals(busy))


def as_values(found: DnsTotals) -> Any:
    return msgspec.to_builtins(found, enc_hook=list)


def test_only_so_many_resolvers_and_domains_are_told(tmp_path: Path) -> None:
    packets = []
    for number in range(240):
        name = b"\x01a\x03" + b"%03d" % number + b"\x03com\0"
        packets.append(Sent(1, False, query(number, name), server=number + 2))
    packets.append(Sent(1, False, query(0), delay=2000))
    path = tmp_path / "many"
    path.write_bytes(capture(packets))
    found = totals(path)
    assert (found.domains_total, len(found.domains)) == (241, MAX_DOMAINS * 3 // 2)
    assert (found.resolvers_total, len(found.resolvers)) == (241, MAX_RESOLVERS * 3 // 2)
    assert {one.unanswered for one in found.resolvers[:MAX_RESOLVERS]} == {1}


def test_a_domain_that_carries_much_is_found_among_more_than_are_held(tmp_path: Path) -> None:
    def name(number: int) -> bytes:
        tunnel = number > HELD and number % 8 == 0
        return below(number, b"\x06tunnel\x04test\0") if tunnel else below(number, b"\x04test\0")

    path = tmp_path / "many"
    path.write_bytes(capture(Sent(1, False, query(1, name(number))) for number in range(3 * HELD)))
    found = totals(path)
    carried = len([number for number in range(3 * HELD) if number > HELD and number % 8 == 0])
    assert found.all.transactions == 3 * HELD
    assert found_domain(found, "tunnel.test").transactions == carried
    assert found.domains_total == 3 * HELD - carried + 1
