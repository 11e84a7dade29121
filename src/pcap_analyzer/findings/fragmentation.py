"""Fragmentation: IP packets that had to be cut on their way (RFC 8900).

A UDP header says how long the whole datagram is; where that is more than the packet, it is the first of its fragments.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, first_frames, make, percent
from pcap_analyzer.findings.model import Direction, Evidence, Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, SIDES
from pcap_analyzer.findings.thresholds import FRAGMENT_HARM, FRAGMENT_LEAST, FRAGMENT_SHARE
from pcap_analyzer.findings.trust import sure

NAME = "fragmentation"


def judge(case: Case) -> Iterator[Finding]:
    fragments, packets = case.analysis.quality.fragments, case.analysis.capture.packets
    if fragments < FRAGMENT_LEAST or fragments < FRAGMENT_SHARE * packets:
        return
    flows = {side: case.tally(f"{NAME}.{side}") for side in SIDES}
    found = [side for side in SIDES if flows[side].flows]
    directions: list[Direction] = [DIRECTIONS[side] for side in found]
    datagrams = sum(flows[side].sums["datagrams"] for side in found)
    measure = Measure("fragmented_datagrams", datagrams, "datagrams")
    share = fragments / packets
    yield make(
        case,
        NAME,
        "path",
        direction=directions[0] if len(found) == 1 else "both" if found else "none",
        measure=measure if found else Measure("fragments", fragments, "packets"),
        harm=harm_of(share, FRAGMENT_HARM),
        confidence=sure(fragments),
        words=Words(
            title=f"{percent(share)} of the packets are fragments of larger ones.",
            cause=f"{counted(datagrams, 'UDP datagram') if found else 'IP packets'} were larger than a link on the "
            "path takes. Where one fragment is lost the whole is, and many firewalls drop all but the first.",
            remedy="Send less at a time (for DNS: EDNS buffer 1232), lower the MTU of tunnels, or clamp the MSS.",
            source="RFC 8900; RFC 791 section 3.2",
        ),
        told=[flows[side] for side in found],
        evidence=[Evidence(case.analysis.quality.first_fragment or 1, None, "a part of a larger packet")]
        + [one for side in found for one in first_frames(flows[side].worst, "the flow begins")],
        filter="ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr.nxt",
    )


def _question(side: str) -> Tally:
    cut = terms.is_udp & (terms.of(side, "payload_bytes") > terms.of(side, "bytes"))
    packets = terms.of(side, "packets")
    return Tally(where=cut, score=packets, sums={"datagrams": packets, "bytes": terms.whole_bytes})


RULE = Rule(questions={f"{NAME}.{side}": _question(side) for side in SIDES}, judge=judge)
