"""DNS: what was asked of whom, what was answered, how long it took, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict

from pcap_analyzer.analysis.model import Analysis, DnsDomain, DnsExample, DnsResolver, DnsTotals
from pcap_analyzer.report import words
from pcap_analyzer.report.distribution import comparable, distribution
from pcap_analyzer.report.model import CodeRow, Distribution, DnsResolverRow, DnsRow, DnsSummary
from pcap_analyzer.report.text import plain

LISTED = 20  # resolvers, domains
LONGEST_NAME = 1100  # characters: 255 bytes, all of them escaped

# RFC 6895 section 2.3, in our words.
RCODES = {
    "NOERROR": "Answered, or nothing of this type exists for the name.",
    "FORMERR": "The server could not read the query.",
    "SERVFAIL": "The server failed: it could not reach or trust those who know.",
    "NXDOMAIN": "The name does not exist.",
    "NOTIMP": "The server does not do this kind of query.",
    "REFUSED": "The server will not answer this client or this name.",
}
SAME = (
    "transactions",
    "answered",
    "unanswered",
    "open",
    "no_query",
    "failed",
    "tcp",
    "truncated",
    "retries",
    "retried",
    "extra_responses",
    "copies",
    "query_bytes",
    "response_bytes",
)
COUNTED = ("messages", "not_dns", "cut", "fragments", "unmeasured", "given_up", "groups", "types")


def dns_section(analysis: Analysis) -> DnsSummary | None:
    """None: there is no DNS in the capture."""
    dns = analysis.dns_totals
    if dns is None:
        return None
    return DnsSummary(
        **_figures(dns.all, *comparable(dns.all.latency, dns.all.reply)),
        **{name: getattr(dns, name) for name in COUNTED},
        resolvers_total=dns.resolvers_total,
        resolvers=[_resolver(one) for one in dns.resolvers[:LISTED]],
        domains_total=dns.domains_total,
        domains=[_domain(one) for one in dns.domains[:LISTED]],
        unanswered_rows=_rows(dns.unanswered),
        failed_rows=_rows(dns.failed),
        slowest_rows=_rows(dns.slowest),
        notes=_notes(dns),
    )


def dns_line(dns: DnsSummary | None) -> str | None:
    """DNS in a line for a terminal, where there is trouble; None: there is none."""
    if dns is None or not (dns.unanswered or dns.failed or dns.retried):
        return None
    troubles = {"unanswered": dns.unanswered, "failed": dns.failed, "asked again": dns.retried}
    named = ", ".join(
        f"{words.count(number)} {name} ({words.share(number, dns.transactions)})"
        for name, number in troubles.items()
        if number
    )
    line = f"{words.plural(dns.transactions, 'query', 'queries')} to {words.plural(dns.resolvers_total, 'resolver')}"
    if dns.latency.count:
        line += f", {words.duration(dns.latency.p50_ns)} (p50) {words.duration(dns.latency.p95_ns)} (p95)"
    return f"{line}: {named}"


def _figures(one: DnsResolver, latency: Distribution, reply: Distribution) -> dict[str, Any]:
    codes = sorted(one.rcodes.items(), key=lambda item: (-item[1], item[0]))
    return {
        **{name: getattr(one, name) for name in SAME},
        "rcodes": [CodeRow(code, RCODES.get(code, ""), responses) for code, responses in codes],
        "latency": latency,
        "reply": reply,
    }


def _resolver(one: DnsResolver) -> DnsResolverRow:
    # Without bars: there may be many resolvers.
    latency, reply = distribution(one.latency, bars=False), distribution(one.reply, bars=False)
    host = f"ip{'v6' if one.ip_version == 6 else ''}.addr == {one.address}"
    return DnsResolverRow(
        **_figures(one, latency, reply),
        address=one.address,
        port=one.port,
        service=one.service,
        first_ns=one.all.first_ns,
        last_ns=one.all.last_ns,
        display_filter=f"{one.service} && {host}",
    )


def _domain(one: DnsDomain) -> DnsDomain:
    return DnsDomain(**{**asdict(one), "name": plain(one.name, LONGEST_NAME)})


def _rows(examples: Sequence[DnsExample]) -> list[DnsRow]:
    return [
        DnsRow(
            **{**asdict(one), "name": None if one.name is None else plain(one.name, LONGEST_NAME)},
            display_filter=f"{one.transport}.stream == {one.stream} && dns.id == 0x{one.id:04x}",
        )
        for one in examples
    ]


def _notes(dns: DnsTotals) -> list[str]:
    """What limits these figures in this capture."""
    found = []
    if dns.given_up:
        found.append(
            f"{words.plural(dns.given_up, 'query', 'queries')} waited while too many others did: a late answer would "
            "not have been recognised, and they are counted as unanswered."
        )
    if dns.unmeasured:
        found.append(
            f"In {words.plural(dns.unmeasured, 'TCP segment')} it is not known where a message begins: streams are "
            "followed in order and not put together."
        )
    if dns.cut:
        found.append(
            f"Of {words.plural(dns.cut, 'message')} the question was not captured: they are paired by their number "
            "alone, and have no name."
        )
    if dns.fragments:
        found.append(f"{words.plural(dns.fragments, 'message')} came in fragments, of which the first was looked at.")
    if dns.not_dns:
        found.append(f"{words.plural(dns.not_dns, 'message')} on a port of DNS could not be read as DNS.")
    if dns.groups:
        found.append(
            f"{words.plural(dns.groups, 'message')} of mDNS and LLMNR went to groups, where nobody owes an answer: "
            "they are rows of the table “dns” and in none of these figures."
        )
    return found
