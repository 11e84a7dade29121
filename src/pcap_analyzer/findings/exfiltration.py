"""Exfiltration: one host inside sends far more to a host outside than comes back, and than all others send.

Backups to a cloud and uploads of videos look alike: it is a hint, and its confidence says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Groups, Tally, column
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, address, counted, field, of_groups, percent
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.thresholds import (
    EXFILTRATION_BYTES,
    EXFILTRATION_FACTOR,
    EXFILTRATION_HARM,
    EXFILTRATION_SHARE,
)

NAME = "exfiltration"
MEGA = 1_000_000
outward = (terms.tried | terms.is_udp) & terms.inside("client") & ~terms.inside("server") & ~terms.many("server")
# A flood of connections that carry nothing takes no places from those that do.
carrying = outward & terms.has_payload
sums = {
    "sent": column("client_payload_bytes"),
    "received": column("server_payload_bytes"),
    "bytes": terms.whole_bytes,
}


def judge(case: Case) -> Iterator[Finding]:
    _, groups = case.answers.groups(NAME, {"sent": EXFILTRATION_BYTES}, by="sent")
    sent_by_all = case.tally(f"{NAME}.all").sums["sent"]
    found = [
        group
        for group in groups
        if group.values["sent"] >= EXFILTRATION_FACTOR * group.values["received"]
        and group.values["sent"] >= EXFILTRATION_SHARE * sent_by_all
    ]
    if not found:
        return
    worst = found[0]
    client, server, sent = address(worst, "client"), address(worst, "server"), worst.values["sent"]
    yield of_groups(
        case,
        NAME,
        "security",
        found,
        measure=Measure("sent", sent, "B"),
        harm=harm_of(sent, EXFILTRATION_HARM),
        confidence=0.3 + 0.2 * sent / max(sent_by_all, 1),
        words=Words(
            title=f"{client} sent {sent / MEGA:.1f} MB to {server}, outside, and got {worst.values['received']:,} "
            "bytes back.",
            cause=f"That is {percent(sent / max(sent_by_all, 1))} of all that was sent outside, in "
            f"{counted(worst.flows, 'connection')}: a backup or an upload, or data that leaves without leave.",
            remedy=f"See which program on {client} sends it, whom the address belongs to, and what was sent.",
            source="MITRE ATT&CK T1048, T1041",
        ),
        filter=f"{field(worst, 'src')} == {client} && {field(worst, 'dst')} == {server}",
        seen="the first of these connections",
    )


RULE = Rule(
    questions={
        NAME: Groups(
            where=carrying,
            key=("client", "server", "ip_version"),
            sums=sums,
            smallest={"frame": column("first_frame")},
        ),
        f"{NAME}.all": Tally(where=carrying, score=column("client_payload_bytes"), sums=sums, keep=0),
    },
    judge=judge,
)
