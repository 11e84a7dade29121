"""MTU black hole: full segments never arrive, short ones do, and nobody says why (RFC 2923, 4821)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pcap_analyzer.analysis.watches import Tally
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, make, mark_evidence, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, OTHER, SIDES
from pcap_analyzer.findings.thresholds import STUCK_ARRIVED, STUCK_HARM, STUCK_PAYLOAD
from pcap_analyzer.findings.trust import sure

NAME = "mtu_black_hole"
TCP_HEADER, STAMPS, STAMPS_OPTION = 20, 12, 8  # bytes, and the bit of `options` (tcp_option_t of native/packet.pxd)
IP_HEADER = {4: 20, 6: 40}


def _question(side: str) -> Tally:
    largest, outstanding = terms.of(side, "largest"), terms.of(side, "outstanding")
    arrived = terms.of(side, "unique_bytes") - outstanding
    stuck = (outstanding >= largest) & (largest >= STUCK_PAYLOAD) & (arrived < largest * STUCK_ARRIVED)
    return Tally(where=terms.dead(side) & stuck, score=largest, sums={"bytes": terms.whole_bytes})


def _packet(row: Mapping[str, Any], side: str) -> int:
    """Bytes of the IP packet that holds the largest segment."""
    stamps = STAMPS if row[f"{side}_options"] & row[f"{OTHER[side]}_options"] & STAMPS_OPTION else 0
    return int(row[f"{side}_tcp"]["largest"]) + IP_HEADER[row["ip_version"]] + TCP_HEADER + stamps


def judge(case: Case) -> Iterator[Finding]:
    for side in SIDES:
        flows = case.tally(f"{NAME}.{side}")
        if not flows.flows:
            continue
        packet = _packet(flows.worst[0], side)
        yield make(
            case,
            NAME,
            "connections",
            direction=DIRECTIONS[side],
            measure=Measure("stuck_packet", packet, "B"),
            harm=harm_of(flows.flows, STUCK_HARM),
            confidence=(0.7 + 0.3 * sure(flows.flows)) * case.trust.complete * case.trust.both_sides,
            words=Words(
                title=f"Packets of {packet:,} bytes from {side} to {OTHER[side]} never arrive: "
                f"{counted(flows.flows, 'connection')} stand still.",
                cause="The handshake and short segments arrive, full ones are sent again and again in vain. A link on "
                "the path takes less, and its message that says so is filtered.",
                remedy="Let ICMP type 3 code 4 (IPv6: type 2) pass, clamp the MSS at the tunnel or VPN, or turn on "
                "packetization layer path MTU discovery (net.ipv4.tcp_mtu_probing).",
                source="RFC 2923 section 2.1; RFC 4821, RFC 8899",
            ),
            told=[flows],
            evidence=mark_evidence(flows.worst, side, {"retransmission": "a full segment, again"}),
            filter=stream_filter(flows.worst, "tcp.analysis.retransmission"),
        )


RULE = Rule(questions={f"{NAME}.{side}": _question(side) for side in SIDES}, judge=judge, by_silence=True)
