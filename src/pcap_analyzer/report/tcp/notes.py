"""What a reader has to know before laying our TCP numbers beside those of another program."""

from __future__ import annotations

from pcap_analyzer.analysis.model import Analysis, TcpTotals
from pcap_analyzer.report.words import plural

AS_WIRESHARK = (
    "Marks are those of Wireshark 4.0, segment by segment. It tells a retransmission from a segment out of order by "
    "time alone and does not ask whether the bytes were seen before: a repair within the initial RTT is “out of "
    "order” there, and a segment that was lost before the capture point is a retransmission though it was seen once."
)
SEEN_TWICE = (
    "Seen twice is our own mark: payload that the same side had already sent past the capture point, as tcptrace and "
    "Zeek count retransmissions. Captured at the sender it is what the sender repeated."
)


def notes(analysis: Analysis, tcp: TcpTotals) -> list[str]:
    """The notes that always hold, then those that this capture gives rise to."""
    fragments, unseen = analysis.quality.fragments, analysis.totals.handshakes.unseen
    found = [AS_WIRESHARK, SEEN_TWICE]
    if fragments:
        found.append(
            f"IP fragments are counted ({plural(fragments, 'packet')}) and not put together: TCP inside them is not "
            "judged, and may look like a missing segment."
        )
    if unseen:
        found.append(
            f"Of {plural(unseen, 'connection')} no SYN was seen: the scale of the windows is unknown there, and they "
            "are taken as they stand in the header, as Wireshark does."
        )
    if tcp.flows_bounded:
        found.append(
            f"In {plural(tcp.flows_bounded, 'flow')} a list was full (10,000 unacknowledged segments or 1,000 gaps): "
            "the oldest were given up, so that round trips, bytes in flight and seen twice are less exact there."
        )
    if not analysis.marks_exact:
        found.append(
            f"Marks are not exact (marks_exact is false): {plural(analysis.evicted_flows, 'flow')} had to make room "
            "for others and went on without what was known of them."
        )
    return found
