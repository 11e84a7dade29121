"""Fragmentation: IP packets that had to be cut on their way (RFC 8900)."""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.findings.case import Case, Rule, percent
from pcap_analyzer.findings.model import Finding, Measure, Span, harm_of, severity_of
from pcap_analyzer.findings.thresholds import FRAGMENT_HARM, FRAGMENT_LEAST, FRAGMENT_SHARE
from pcap_analyzer.findings.trust import sure


def judge(case: Case) -> Iterator[Finding]:
    fragments, capture = case.analysis.quality.fragments, case.analysis.capture
    if fragments < FRAGMENT_LEAST or fragments < FRAGMENT_SHARE * capture.packets:
        return
    share = fragments / capture.packets
    harm = harm_of(share, FRAGMENT_HARM)
    timed = capture.first_ns is not None and capture.last_ns is not None
    yield Finding(
        id="fragmentation",
        severity=severity_of(harm),
        confidence=sure(fragments),
        direction="none",
        measure=Measure("fragment_share", round(share, 5), "ratio"),
        title=f"{percent(share)} of the packets are fragments of larger ones.",
        cause="Senders, mostly of UDP, send more at a time than a link on the path takes. Where one fragment is lost "
        "the whole packet is, and many firewalls drop all but the first.",
        remedy="Send less at a time (for DNS: EDNS buffer 1232), lower the MTU of tunnels, or clamp the MSS.",
        flows=[],
        flows_total=0,
        share=0.0,
        span=Span(capture.first_ns or 0, capture.last_ns or 0) if timed else None,
        evidence=[],
        filter="ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr.nxt",
        source="RFC 8900; RFC 791 section 3.2",
        part="path",
        harm=round(harm, 3),
    )


RULE = Rule(questions={}, judge=judge)
