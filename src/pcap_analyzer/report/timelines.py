"""Packets of the worst flows, so that a finding can be seen and not only read: set-up, around each event, teardown.

The pass over the capture keeps no packet. The few that a timeline shows are looked up once more by their frames, so a
capture that cannot be read twice has none; therefore they stand in `source`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pcap_analyzer.analysis.model import TCP_FLAGS, Analysis, FlowKey, FlowPacket
from pcap_analyzer.findings.model import AffectedFlow, Finding
from pcap_analyzer.report.model import Timeline, TimelinePacket

MAX_TIMELINES = 10
MAX_EVENTS = 4
LOOK = 300
"""Frames on either side in which a flow's neighbouring packets are looked for: other flows lie between them."""
OPENING, BEFORE, AFTER, ENDING = 4, 2, 3, 3
"""Packets shown of the beginning, before and after each event, and of the end."""
SHORT = 24
"""Flows with no more packets than these are shown whole."""
SYN, ACK = 2, 16


def timelines(analysis: Analysis, findings: Sequence[Finding]) -> list[Timeline]:
    """Of the first findings that have a flow to show."""
    found = (_timeline(analysis, place, finding) for place, finding in enumerate(findings[:MAX_TIMELINES]))
    return [one for one in found if one is not None]


def _timeline(analysis: Analysis, place: int, finding: Finding) -> Timeline | None:
    flow = _shown_flow(finding)
    if flow is None or flow.first_frame is None or flow.last_frame is None:
        return None
    notes = {one.frame: one.text for one in finding.evidence if one.flow_id == flow.flow_id}
    packets = _looked_up(analysis, flow, flow.first_frame, flow.last_frame, sorted(notes)[:MAX_EVENTS])
    if not packets:
        return None
    whole = flow.last_frame - flow.first_frame < 2 * LOOK and len(packets) <= SHORT
    shown = set(range(len(packets))) if whole else set(_chosen(packets, notes))
    times = {packet.frame: packet.time_ns for packet in packets}
    return Timeline(
        finding=place,
        flow_id=flow.flow_id,
        packets=list(_told(packets, shown, notes)),
        whole=whole,
        evidence_ns=list(_evidence_times(analysis, finding, times)),
    )


def _evidence_times(analysis: Analysis, finding: Finding, known: dict[int, int | None]) -> Iterator[int | None]:
    keys = {flow.flow_id: _key(flow) for flow in finding.flows}
    for one in finding.evidence:
        if one.frame not in known and one.flow_id in keys:
            found = analysis.lookup(keys[one.flow_id], one.frame, one.frame)
            known[one.frame] = found[0].time_ns if found else None
        yield known.get(one.frame)


def _shown_flow(finding: Finding) -> AffectedFlow | None:
    """The worst flow that there is evidence of, or else the worst."""
    proven = {one.flow_id for one in finding.evidence}
    return next((flow for flow in finding.flows if flow.flow_id in proven), next(iter(finding.flows), None))


def _looked_up(
    analysis: Analysis, flow: AffectedFlow, first: int, last: int, events: Iterable[int]
) -> list[FlowPacket]:
    """The flow's packets near its beginning, its events and its end; each once, in order."""
    around = [(first, first + LOOK), *((event - LOOK, event + LOOK) for event in events), (last - LOOK, last)]
    found = {}
    for begin, end in _joined((max(first, begin), min(last, end)) for begin, end in around):
        found.update({packet.frame: packet for packet in analysis.lookup(_key(flow), begin, end)})
    return [found[frame] for frame in sorted(found)]


def _key(flow: AffectedFlow) -> FlowKey:
    return FlowKey(flow.protocol, flow.client, flow.client_port, flow.server, flow.server_port)


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges that overlap become one."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if joined and begin <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _chosen(packets: Sequence[FlowPacket], notes: dict[int, str]) -> Iterator[int]:
    """Places of the packets that are shown."""
    count = len(packets)
    yield from range(min(OPENING, count))
    yield from range(max(0, count - ENDING), count)
    events = [place for place, packet in enumerate(packets) if packet.frame in notes]
    for place in events[:MAX_EVENTS]:
        yield from range(max(0, place - BEFORE), min(count, place + AFTER + 1))


def _told(packets: Sequence[FlowPacket], shown: set[int], notes: dict[int, str]) -> Iterator[TimelinePacket]:
    base = _bases(packets)
    before = None
    for place in sorted(shown):
        packet = packets[place]
        # Frames that nobody looked at may lie between two neighbours of the list.
        far = before is not None and packet.frame - packets[before].frame > LOOK
        yield TimelinePacket(
            frame=packet.frame,
            time_ns=packet.time_ns,
            from_client=packet.from_client,
            length=packet.length,
            payload=packet.payload,
            flags=_flags(packet.flags),
            seq=_relative(packet.seq, base.get(packet.from_client)),
            ack=_relative(packet.ack, base.get(not packet.from_client))
            if packet.flags and packet.flags & ACK
            else None,
            skipped=before is not None and (place != before + 1 or far),
            note=notes.get(packet.frame),
        )
        before = place


def _bases(packets: Sequence[FlowPacket]) -> dict[bool, int]:
    """Where each side's sequence begins: the number of its SYN, or one less than the first that was seen."""
    base: dict[bool, int] = {}
    for packet in packets:
        if packet.seq is not None and packet.flags is not None and packet.from_client not in base:
            base[packet.from_client] = packet.seq if packet.flags & SYN else packet.seq - 1
    return base


def _relative(number: int | None, base: int | None) -> int | None:
    return None if number is None or base is None else (number - base) & 0xFFFFFFFF


def _flags(flags: int | None) -> str:
    if flags is None:
        return ""
    return " ".join(name.upper() for bit, name in enumerate(TCP_FLAGS) if flags >> bit & 1)
