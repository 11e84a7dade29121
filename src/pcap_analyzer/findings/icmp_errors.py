"""ICMP errors: somebody threw a packet away and says so (RFC 792, 4443).

Hosts, networks and ports that cannot be reached, packets that are too big, and hops that ran out: the last also come
from traceroute and count for less.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Groups, Tally, column, where
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, address, counted, first_frames, make
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import ICMP_HARM, ICMP_LEAST
from pcap_analyzer.findings.trust import sure

NAME = "icmp_errors"
kind, code = column("icmp_type"), column("icmp_code")
four = column("ip_version").equals(4)
errors = terms.is_icmp & where(four, kind.one_of((3, 11, 12)), (kind >= 1) & (kind <= 4))
packets = column("client_packets") + column("server_packets")
REASONS = {
    4: {
        (3, 0): "the network cannot be reached",
        (3, 1): "the host cannot be reached",
        (3, 2): "the protocol is not spoken there",
        (3, 3): "nothing listens on the port",
        (3, 4): "the packet is too big for a link and must not be cut",
        (3, 9): "the network is forbidden",
        (3, 10): "the host is forbidden",
        (3, 13): "a filter forbids it",
        (11, 0): "it went round too long: a loop, or a traceroute",
    },
    6: {
        (1, 0): "there is no route",
        (1, 1): "a filter forbids it",
        (1, 3): "the address cannot be reached",
        (1, 4): "nothing listens on the port",
        (2, 0): "the packet is too big for a link",
        (3, 0): "it went round too long: a loop, or a traceroute",
    },
}
REMEDIES = {
    "too big": "Let these messages pass: senders lower their packets by them. Where they go on, clamp the MSS.",
    "too long": "If nobody traces routes, look for a routing loop at the router that says so.",
    "port": "See whether the service should run on that host, and who still asks for it.",
    "": "See what was asked for, and whether a route or a rule is missing on the router that says so.",
}


def judge(case: Case) -> Iterator[Finding]:
    flows = case.tally(NAME)
    total = flows.sums["packets"]
    if total < ICMP_LEAST:
        return
    found, groups = case.answers.groups(f"{NAME}.kinds", {"packets": 1}, by="packets")
    worst = groups[0]
    version, numbers = worst.key["ip_version"], (worst.key["icmp_type"], worst.key["icmp_code"])
    reason = REASONS[version].get(numbers, f"type {numbers[0]}, code {numbers[1]}")
    more = f"; {counted(found - 1, 'other kind')} of error besides" if found > 1 else ""
    looped = numbers[0] == (11 if version == 4 else 3)
    remedy = next(text for key, text in REMEDIES.items() if key in reason)
    yield make(
        case,
        NAME,
        "path",
        direction="none",
        measure=Measure("icmp_errors", total, "packets"),
        harm=harm_of(total, ICMP_HARM) * (0.5 if looped else 1.0),
        confidence=0.7 + 0.3 * sure(total),
        words=Words(
            title=f"{counted(worst.values['packets'], 'ICMP error')} from {address(worst, 'client')}: {reason}{more}.",
            cause=f"{counted(total, 'packet')} were thrown away on their way, and whoever did it says why.",
            remedy=remedy,
            source="RFC 792, RFC 4443; Wireshark icmp.type, icmpv6.type",
        ),
        told=[flows],
        evidence=first_frames(flows.worst, "the first error of this kind"),
        filter="icmp.type == 3 || icmp.type == 11 || icmp.type == 12 || (icmpv6.type >= 1 && icmpv6.type <= 4)",
    )


RULE = Rule(
    questions={
        NAME: Tally(where=errors, score=packets, sums={"packets": packets, "bytes": terms.whole_bytes}),
        f"{NAME}.kinds": Groups(
            where=errors, key=("client", "ip_version", "icmp_type", "icmp_code"), sums={"packets": packets}
        ),
    },
    judge=judge,
)
