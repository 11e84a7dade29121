"""Who looks for open ports: asked here once, because what connections suffer from it is told with the scan.

A probe is a connection that is tried and carries nothing: unanswered, refused, or given up as soon as it was answered.
"""

from __future__ import annotations

import msgspec

from pcap_analyzer.analysis.watches import Group, Groups, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Question
from pcap_analyzer.findings.thresholds import EXPLAINED, PROBE_PACKETS, PROBE_PAYLOAD, SCAN_PORTS, SWEEP_HOSTS

payload = column("client_payload_bytes") + column("server_payload_bytes")
packets = column("client_packets") + column("server_packets")
probes = terms.tried & (payload <= PROBE_PAYLOAD) & (packets <= PROBE_PACKETS)
refused = terms.is_tcp & terms.state("REJ")
unanswered = terms.tried & column("server_packets").equals(0)
sums = {"refused": refused, "unanswered": unanswered, "bytes": terms.whole_bytes}
frames = {"frame": column("first_frame")}
PORTS, HOSTS = "scanners.ports", "scanners.hosts"

QUESTIONS: dict[str, Question] = {
    PORTS: Groups(
        where=probes, key=("client", "server", "ip_version"), distinct=("server_port",), sums=sums, smallest=frames
    ),
    HOSTS: Groups(
        where=probes, key=("client", "ip_version", "server_port"), distinct=("server",), sums=sums, smallest=frames
    ),
}


class Scans(msgspec.Struct, frozen=True):
    """Groups of probes, those with most ports or hosts first."""

    ports: list[Group]
    hosts: list[Group]

    def explains(self, outcome: str, flows: int) -> bool:
        """Whether nearly all flows with an outcome (refused, unanswered) are of scans."""
        counted = max(
            sum(group.values[outcome] for group in self.ports), sum(group.values[outcome] for group in self.hosts)
        )
        return counted >= EXPLAINED * flows


def scans(case: Case) -> Scans:
    return case.once(_scans)


def _scans(case: Case) -> Scans:
    _, ports = case.answers.groups(PORTS, {"distinct": SCAN_PORTS}, by="distinct", limit=100)
    _, hosts = case.answers.groups(HOSTS, {"distinct": SWEEP_HOSTS}, by="distinct", limit=100)
    return Scans(ports, hosts)
