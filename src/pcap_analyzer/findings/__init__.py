"""The diagnosis: what is wrong, how sure that is, and how to check it. Tables in, findings out.

One finding, one file: what it asks of every flow (`QUESTIONS` in the words of terms.py) and what it makes of the
answers. Flows pass once, in batches, and are never held: questions are compiled into one program that the flow pass
runs natively (analysis/watches.py). `analyze` has neither numpy nor pyarrow, because importing numpy takes longer than
most captures take to analyse; sixty questions of fifty thousand flows take 9 ms so, numpy's import alone 60 ms.

Capture quality comes first: trust.py turns it into the confidence of all that follows. Every threshold stands with
its reason in thresholds.py. The health score is in health.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

from msgspec.structs import replace

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.analysis.watches import Program
from pcap_analyzer.findings import (
    asymmetric_routing,
    beaconing,
    brute_force,
    bufferbloat,
    burst_loss,
    connection_refused,
    connection_reset,
    dns_errors,
    dns_slow,
    dns_tunnel,
    dns_unanswered,
    duplicated_packets,
    exfiltration,
    flood,
    fragmentation,
    high_rtt,
    host_sweep,
    icmp_errors,
    idle_drop,
    jitter,
    lateral_movement,
    micro_bursts,
    mtu_black_hole,
    packet_loss,
    port_scan,
    receiver_limited,
    reordering,
    sender_limited,
    slow_handshake,
    slow_server,
    spurious_retransmission,
    syn_unanswered,
)
from pcap_analyzer.findings.case import Case, Rule
from pcap_analyzer.findings.doubts import QUESTIONS
from pcap_analyzer.findings.health import health_of, measured_parts
from pcap_analyzer.findings.model import Diagnosis, Finding
from pcap_analyzer.findings.trust import trust_of

KEPT_ALIKE = 5  # findings of one kind that are listed

RULES: tuple[Rule, ...] = (
    packet_loss.RULE,
    burst_loss.RULE,
    reordering.RULE,
    duplicated_packets.RULE,
    spurious_retransmission.RULE,
    syn_unanswered.RULE,
    connection_refused.RULE,
    slow_handshake.RULE,
    connection_reset.RULE,
    bufferbloat.RULE,
    high_rtt.RULE,
    receiver_limited.RULE,
    port_scan.RULE,
    host_sweep.RULE,
    brute_force.RULE,
    flood.RULE,
    lateral_movement.RULE,
    beaconing.RULE,
    exfiltration.RULE,
    asymmetric_routing.RULE,
    slow_server.RULE,
    sender_limited.RULE,
    fragmentation.RULE,
    idle_drop.RULE,
    mtu_black_hole.RULE,
    jitter.RULE,
    micro_bursts.RULE,
    icmp_errors.RULE,
    dns_unanswered.RULE,
    dns_errors.RULE,
    dns_slow.RULE,
    dns_tunnel.RULE,
)


@cache
def program() -> Program:
    """What is asked of every flow."""
    asked = {name: question for rule in RULES for name, question in rule.questions.items()}
    return Program(asked | QUESTIONS)


def diagnose(analysis: Analysis) -> Diagnosis:
    """Findings ordered by harm, and the health score."""
    if analysis.answers is None:
        return Diagnosis([], health_of([], set()))
    found = _found(Case(analysis, analysis.answers, trust_of(analysis)), RULES)
    return Diagnosis(joined(found), health_of(found, measured_parts(analysis)))


def found_so_far(analysis: Analysis) -> list[Finding]:
    """The worst of each kind, ordered by harm, of a capture of which more may come."""
    if analysis.answers is None:
        return []
    case = Case(analysis, analysis.answers, trust_of(analysis))
    worst: dict[str, Finding] = {}
    for finding in _found(case, [rule for rule in RULES if not rule.by_silence]):
        worst.setdefault(finding.id, finding)
    return list(worst.values())


def _found(case: Case, rules: Iterable[Rule]) -> list[Finding]:
    found = [finding for rule in rules for finding in rule.judge(case)]
    return sorted(found, key=lambda finding: (-finding.harm, finding.id, finding.direction))


def joined(found: list[Finding]) -> list[Finding]:
    """The worst of each kind; how many more there are is said by the first of them."""
    counts = Counter(finding.id for finding in found)
    listed: Counter[str] = Counter()
    kept = []
    for finding in found:
        listed[finding.id] += 1
        if listed[finding.id] > KEPT_ALIKE:
            continue
        left = counts[finding.id] - KEPT_ALIKE
        kept.append(replace(finding, alike=left) if listed[finding.id] == 1 and left > 0 else finding)
    return kept
