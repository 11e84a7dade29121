"""DNS errors: resolvers that fail or refuse, and names that do not exist when they are most of what is asked."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.findings.case import Case, Rule, Words, of_names, percent, resolver_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import (
    DNS_ENOUGH,
    DNS_ERROR_HARM,
    DNS_ERROR_SHARE,
    DNS_MISSING_HARM,
    DNS_MISSING_LEAST,
    DNS_MISSING_SHARE,
)


def judge(case: Case) -> Iterator[Finding]:
    for resolver in case.resolvers():
        answered, failed, missing = resolver.answered, resolver.failed, resolver.rcodes.get("NXDOMAIN", 0)
        fails = failed >= max(1, DNS_ERROR_SHARE * answered)
        misses = missing >= max(DNS_MISSING_LEAST, DNS_MISSING_SHARE * answered)
        if answered < DNS_ENOUGH or not (fails or misses):
            continue
        share = (failed + missing) / answered
        harm = harm_of(failed / answered, DNS_ERROR_HARM) if fails else 0.0
        codes = ", ".join(f"{name} {number:,}" for name, number in resolver.rcodes.items() if name != "NOERROR")
        yield of_names(
            case,
            "dns_errors",
            measure=Measure("dns_error_share", round(share, 5), "ratio"),
            harm=max(harm, harm_of(missing / answered, DNS_MISSING_HARM) if misses else 0.0),
            words=Words(
                title=f"{percent(share)} of the answers of the resolver {resolver.address} are errors.",
                cause=f"{codes}. "
                + (
                    "It cannot reach or trust those who know the names, or is not allowed to serve this client."
                    if fails
                    else "A program, or a search list, asks for names that do not exist."
                ),
                remedy="See in its log why it fails, and whom it forwards to."
                if fails
                else "See who asks for them: a wrong search domain, a name that was removed, or malware that looks for "
                "its master.",
                source="RFC 1035 section 4.1.1, RFC 2308; Wireshark dns.flags.rcode",
            ),
            cases=failed + (missing if misses else 0),
            seen="asked for, and answered by an error",
            frames=resolver.failed_ones.frames if fails else resolver.all.frames,
            span=(resolver.failed_ones.first_ns, resolver.failed_ones.last_ns)
            if fails
            else (resolver.all.first_ns, resolver.all.last_ns),
            size=resolver.query_bytes + resolver.response_bytes,
            filter=f"{resolver_filter(resolver)} && dns.flags.rcode > 0",
        )


RULE = Rule(questions={}, judge=judge)
