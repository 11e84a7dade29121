"""DNS unanswered: questions to a resolver that were never answered, their repeats joined to one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.model import DnsResolver
from pcap_analyzer.findings.case import Case, Rule, Words, counted, of_names, percent, resolver_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import DNS_ENOUGH, DNS_UNANSWERED_HARM, DNS_UNANSWERED_SHARE


def _asked(resolver: DnsResolver) -> int:
    return resolver.answered + resolver.unanswered


def judge(case: Case) -> Iterator[Finding]:
    for resolver in case.resolvers():
        asked, unanswered = _asked(resolver), resolver.unanswered
        if asked < DNS_ENOUGH or unanswered < DNS_UNANSWERED_SHARE * asked:
            continue
        share = unanswered / asked
        others = sum(one.answered for one in case.resolvers() if one is not resolver)
        yield of_names(
            case,
            "dns_unanswered",
            measure=Measure("unanswered_share_of_resolver", round(share, 5), "ratio"),
            harm=harm_of(share, DNS_UNANSWERED_HARM),
            words=Words(
                title=f"The resolver {resolver.address} left {counted(unanswered, 'question')} ({percent(share)}) "
                "unanswered.",
                cause=_cause(share, others),
                remedy=f"See whether {resolver.address} runs and is reachable on port 53 by UDP and TCP; take it out "
                "of the list of resolvers until it is.",
                source="RFC 1035 section 4.2.1; Wireshark dns.retransmission, dns.unsolicited",
            ),
            cases=unanswered,
            seen="never answered",
            frames=resolver.unanswered_ones.frames,
            span=(resolver.unanswered_ones.first_ns, resolver.unanswered_ones.last_ns),
            size=resolver.query_bytes,
            filter=f"{resolver_filter(resolver)} && dns && dns.flags.response == 0 && !dns.response_in",
        )


def _cause(share: float, others: int) -> str:
    """others: answers of other resolvers."""
    down = "It answered none in this capture: it is down, or a firewall drops its packets. " if share == 1 else ""
    if others:
        return f"{down}Other resolvers answered {others:,} times; until they are asked, users wait."
    return down or "It is overloaded, limits the rate, or packets are lost on the way."


RULE = Rule(questions={}, judge=judge)
