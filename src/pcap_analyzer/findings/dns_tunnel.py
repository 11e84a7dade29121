"""DNS tunnel: data inside names, long ones below one domain that never come again."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.model import DnsDomain
from pcap_analyzer.findings.case import Case, Rule, Words, of_names
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import TUNNEL_FRESH, TUNNEL_HARM, TUNNEL_LENGTH, TUNNEL_NAMES, TUNNEL_NOT

KILO = 1_000


def _is_tunnel(domain: DnsDomain) -> bool:
    return (
        domain.name not in TUNNEL_NOT
        and domain.names >= TUNNEL_NAMES
        and domain.names >= TUNNEL_FRESH * domain.transactions
        and domain.name_bytes >= TUNNEL_LENGTH * domain.transactions
    )


def judge(case: Case) -> Iterator[Finding]:
    dns = case.analysis.dns_totals
    for domain in [] if dns is None else filter(_is_tunnel, dns.domains):
        length = domain.name_bytes / domain.transactions
        texts = 2 * domain.text_types > domain.transactions
        who = domain.client or "several hosts"
        yield of_names(
            case,
            "dns_tunnel",
            measure=Measure("names", domain.names, "names"),
            harm=harm_of(domain.names, TUNNEL_HARM),
            words=Words(
                title=f"Some {domain.names:,} different names below {domain.name} were asked for by {who}, "
                f"{length:.0f} bytes long on average.",
                cause=f"{domain.query_bytes / KILO:.0f} kB went out in questions, "
                f"{domain.response_bytes / KILO:.0f} kB came back in answers"
                + (", most of them texts" if texts else "")
                + ": names of hosts are short and come again, data inside names does not.",
                remedy=f"See which program on {who} asks, and who owns the domain; some virus scanners and content "
                "networks ask in this way too. Block the domain at the resolver if nobody knows it.",
                source="MITRE ATT&CK T1071.004, T1572",
            ),
            cases=domain.transactions,
            seen="the longest of the names",
            frames=[(domain.longest_frame, domain.longest_flow, 0)] if domain.longest_frame else [],
            span=(domain.first_ns, domain.last_ns),
            size=domain.query_bytes + domain.response_bytes,
            filter=f"dns.qry.name.len > {TUNNEL_LENGTH}",
            part="security",
            direction="client_to_server",
            confidence=0.8 if texts else 0.6,
        )


RULE = Rule(questions={}, judge=judge)
