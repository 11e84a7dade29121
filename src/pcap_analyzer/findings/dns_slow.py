"""DNS slow: a resolver whose answers take long, from the first question, repeats included, to the answer."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.findings.case import Case, Rule, Words, counted, lasting, of_names, resolver_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import DNS_ENOUGH, DNS_SLOW, DNS_SLOW_HARM, DNS_SLOW_LATE, MS, SECOND


def judge(case: Case) -> Iterator[Finding]:
    for resolver in case.resolvers():
        median, late = resolver.p50_ns, resolver.p95_ns
        if resolver.answered < DNS_ENOUGH or median is None or late is None:
            continue
        if median < DNS_SLOW and late < DNS_SLOW_LATE:
            continue
        slow = median >= DNS_SLOW
        told = median if slow else late
        reply = resolver.reply_p50_ns
        repeated = (
            f" {counted(resolver.retries, 'question')} had to be repeated; after the last repeat the answer took "
            f"{lasting(reply)}."
            if resolver.retries and reply is not None
            else ""
        )
        yield of_names(
            case,
            "dns_slow",
            measure=Measure("dns_median" if slow else "dns_p95", round(told / MS, 3), "ms"),
            harm=harm_of((told if slow else told / 4) / SECOND, DNS_SLOW_HARM),
            words=Words(
                title=f"The resolver {resolver.address} takes {lasting(told)} for "
                f"{'half' if slow else 'one in twenty'} of its answers, or more.",
                cause=f"Median {lasting(median)}, 95th percentile {lasting(late)} of "
                f"{counted(resolver.answered, 'answer')}.{repeated}",
                remedy="Ask a nearer resolver, or give this one a larger cache; see whom it forwards to and how long "
                "they take.",
                source="RFC 1035 section 7.3; Wireshark dns.time",
            ),
            cases=resolver.answered,
            seen="asked for, and answered among the slowest",
            frames=resolver.all.frames,
            span=(resolver.all.first_ns, resolver.all.last_ns),
            size=resolver.query_bytes + resolver.response_bytes,
            filter=f"{resolver_filter(resolver)} && dns.time >= {told / SECOND:.6f}",
            confidence=case.trust.times,
        )


RULE = Rule(questions={}, judge=judge)
