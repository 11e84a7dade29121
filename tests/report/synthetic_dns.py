"""DNS measured by hand: two queries, and the resolvers of a busy office."""

from __future__ import annotations

import random
from typing import Any

from pcap_analyzer.analysis.model import DnsDomain, DnsExample, DnsResolver, DnsTotals, DnsTrouble, Histogram
from tests.report.synthetic_tcp import histogram

MS = 1_000_000


def resolver(address: str, latencies_ns: list[int], **changes: Any) -> DnsResolver:
    """One that answered everything, but for what is changed."""
    measured = histogram(latencies_ns) if latencies_ns else Histogram()
    middle = sorted(latencies_ns)[len(latencies_ns) // 2] if latencies_ns else None
    values: dict[str, Any] = {
        "address": address,
        "port": 53,
        "ip_version": 6 if ":" in address else 4,
        "service": "dns",
        "transactions": len(latencies_ns),
        "answered": len(latencies_ns),
        "rcodes": {"NOERROR": len(latencies_ns)},
        "latency": measured,
        "reply": measured,
        "p50_ns": middle,
        "p95_ns": max(latencies_ns, default=None),
        "reply_p50_ns": middle,
        "reply_p95_ns": max(latencies_ns, default=None),
        "all": DnsTrouble(1_000, 2_000),
        "unanswered_ones": DnsTrouble(),
        "failed_ones": DnsTrouble(),
        **dict.fromkeys(("unanswered", "open", "no_query", "failed", "tcp", "truncated", "retries", "retried"), 0),
        **dict.fromkeys(("extra_responses", "copies", "query_bytes", "response_bytes"), 0),
    }
    return DnsResolver(**values | changes)


def example(number: int, name: str | None, **changes: Any) -> DnsExample:
    values: dict[str, Any] = {
        "frame": number,
        "response_frame": number + 1,
        "flow_id": number,
        "stream": number,
        "transport": "udp",
        "time_ns": 1_000,
        "client": "10.0.0.1",
        "resolver": "10.0.0.53",
        "resolver_port": 53,
        "id": number,
        "name": name,
        "type": "A",
        "rcode": "NOERROR",
        "latency_ns": 20 * MS,
        "retries": 0,
    }
    return DnsExample(**values | changes)


def domain(name: str, transactions: int) -> DnsDomain:
    return DnsDomain(name, transactions, 0, 1, transactions, 9 * transactions, 9, 0, 40, 90, None, 1, 2, 7, 3)


def totals(every: DnsResolver, resolvers: list[DnsResolver], **changes: Any) -> DnsTotals:
    values: dict[str, Any] = {
        **dict.fromkeys(("messages", "dns"), 2 * every.transactions),
        **dict.fromkeys(("not_dns", "cut", "fragments", "unmeasured", "given_up", "mdns", "llmnr", "groups"), 0),
        "types": {"A": every.transactions},
        "all": every,
        "resolvers_total": len(resolvers),
        "resolvers": resolvers,
        "domains_total": 1,
        "domains": [domain("example.com", every.transactions)],
        "unanswered": [],
        "failed": [],
        "slowest": [example(1, "www.example.com")],
    }
    return DnsTotals(**values | changes)


def quiet() -> DnsTotals:
    """Two queries, two answers."""
    times = [12 * MS, 14 * MS]
    return totals(resolver("", times), [resolver("10.0.0.53", times)])


def hostile(text: str) -> DnsTotals:
    """Names are what an attacker likes; everything that limits the figures besides."""
    bad = {"unanswered": 1, "failed": 1, "retried": 1, "rcodes": {"SERVFAIL": 1}, "answered": 1}
    return totals(
        resolver("", [MS], transactions=2, **bad),
        [resolver("2001:db8::53", [MS], transactions=2, **bad), resolver("10.0.0.54", [])],
        **dict.fromkeys(("not_dns", "cut", "fragments", "unmeasured", "given_up", "groups"), 3),
        domains=[domain(text, 2)],
        unanswered=[example(3, text, response_frame=None, rcode=None, latency_ns=None)],
        failed=[example(4, text * 100, rcode="SERVFAIL")],
        slowest=[example(5, None, type=None)],
    )


def busy(seed: int = 3) -> DnsTotals:
    """A hundred resolvers, one of them slow and one dead."""
    dice = random.Random(seed)
    times = [int(dice.lognormvariate(16.5, 1.1)) for _ in range(20_000)]
    resolvers = [resolver(f"10.1.0.{number}", times[number::100], transactions=200) for number in range(1, 101)]
    resolvers[3] = resolver("10.1.0.4", [], transactions=180, answered=0, unanswered=180, retries=400, retried=170)
    every = resolver(
        "",
        times,
        transactions=20_180,
        unanswered=180,
        failed=310,
        retries=470,
        retried=210,
        tcp=12,
        rcodes={"NOERROR": 18_000, "NXDOMAIN": 1_690, "SERVFAIL": 300, "REFUSED": 10},
    )
    return totals(
        every,
        resolvers,
        resolvers_total=140,
        domains_total=2_400,
        domains=[domain(f"example{number}.com", 900 - number) for number in range(100)],
        unanswered=[
            example(n, f"host{n}.example.com", rcode=None, response_frame=None, latency_ns=None) for n in range(10)
        ],
        failed=[example(n, f"fail{n}.example.com", rcode="SERVFAIL") for n in range(10)],
        slowest=[example(n, f"slow{n}.example.com", latency_ns=(4000 - n) * MS) for n in range(10)],
        groups=900,
    )
